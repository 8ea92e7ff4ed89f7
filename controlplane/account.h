/* Which account a call belongs to, which rule records it, where a recording goes. Pure functions.
 */
#ifndef LEGTAP_CONTROLPLANE_ACCOUNT_H
#define LEGTAP_CONTROLPLANE_ACCOUNT_H

#include "controlplane/config.h"
#include "controlplane/leg.h"

/* The first account (after default) whose match fits, else default. `header` may be NULL. */
const struct account_config *account_match(const struct config *c, const struct leg *leg,
	const char *(*header)(void *message, const char *name), void *message);
/* Whether caller, called and trunk of a match fit. */
bool call_fits(const struct call_match *m, const char *from_uri, const char *to_uri,
	const struct netaddr *peer);

const struct account_config *account_by_id(const struct config *c, const char *id);

/* The first rule that fits the leg (its account already set), or NULL. */
const struct rule_config *rule_match(const struct config *c, const struct leg *leg);

/* Splits "bucket", "bucket/prefix", "s3://bucket/prefix/" into bucket and prefix (no slashes at its
 * ends, "" if none). 0, or -EINVAL with a message that shows the right form. */
int location_parse(const char *text, char bucket[DESTINATION_BUCKET_BYTES],
	char prefix[DESTINATION_KEY_BYTES], struct errmsg *e);

/* Whether the account may use the bucket. */
bool location_allowed(const struct account_config *a, const char *bucket);

/* The object key of a recording (product.md, Files): `number` from 1, at leg start (Unix ms). 0 or
 * -ENAMETOOLONG. */
int object_key(char key[DESTINATION_KEY_BYTES], const char *prefix, int64_t leg_start_ms,
	const struct uuid *transaction, const struct uuid *call, unsigned int number);

#endif
