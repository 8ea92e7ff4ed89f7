/* Recording metadata (RFC 7865) as a recorder needs it: which participant sends and receives which
 * stream of which communication session. Pure functions from bytes to a struct; any thread.
 *
 * Element names are taken without their namespace; what unknown elements say is kept as facts. The
 * shapes of the drafts that many SBCs send are understood: `id` and `session` for `participant_id`,
 * `stream_id` and `session_id`; `send` and `recv` inside `participant`. */
#ifndef LEGTAP_CONTROLPLANE_SIPREC_METADATA_H
#define LEGTAP_CONTROLPLANE_SIPREC_METADATA_H

#include <stdbool.h>
#include <stddef.h>

#include "common/errmsg.h"

#define SIPREC_METADATA_BYTES_MAX 262144
#define SIPREC_ITEMS_MAX 256 /* of each list */
#define SIPREC_ID_BYTES 128
#define SIPREC_TEXT_BYTES 256
#define SIPREC_NAME_BYTES 64
#define SIPREC_FACTS_MAX 64 /* further ones are passed over */

/* A communication session: the call that is recorded. */
struct siprec_call {
	char id[SIPREC_ID_BYTES];
	char sip_session_id[SIPREC_TEXT_BYTES]; /* its Session-ID (RFC 7989); "": not told */
	char group_id[SIPREC_ID_BYTES];		/* of the calls that belong together; "": none */
};

struct siprec_participant {
	char id[SIPREC_ID_BYTES];
	char aor[SIPREC_TEXT_BYTES]; /* "": not told */
	char name[SIPREC_TEXT_BYTES];
	bool left;    /* its association with the session has an end */
	bool calling; /* the client tells that this is the caller (Oracle) */
};

struct siprec_stream {
	char id[SIPREC_ID_BYTES];
	char call_id[SIPREC_ID_BYTES]; /* "": not told */
	char label[SIPREC_ID_BYTES];   /* a=label of its m= line; "": not told */
};

/* `stream_id` is "" when all that is told is that the participant has no stream (any more). */
struct siprec_association {
	char participant_id[SIPREC_ID_BYTES];
	char stream_id[SIPREC_ID_BYTES];
	bool sends; /* false: receives */
};

/* What an element that this knows nothing of says, or an attribute of one: extension data. */
struct siprec_fact {
	char name[SIPREC_NAME_BYTES]; /* of the element or attribute, without namespace */
	char value[SIPREC_TEXT_BYTES];
};

/* Zeroed, it is empty. */
struct siprec_metadata {
	bool partial; /* an update of what was told before */
	unsigned int call_count;
	struct siprec_call *calls;
	unsigned int participant_count;
	struct siprec_participant *participants;
	unsigned int stream_count;
	struct siprec_stream *streams;
	unsigned int association_count;
	struct siprec_association *associations;
	unsigned int fact_count;
	struct siprec_fact *facts;
};

/* Reads one <recording>. A document type declaration is refused: there are no entities to expand.
 * Nothing is loaded from anywhere. Too long texts are cut. 0 with *out, which the caller gives to
 * siprec_metadata_free; -EBADMSG or -ENOMEM with a message, and *out is empty. */
int siprec_metadata_parse(
	struct siprec_metadata *out, const char *xml, size_t bytes, struct errmsg *e);

/* Takes over a later document: a complete one replaces `to`, of a partial one each item replaces
 * that of its id, and a participant's associations those it had. `from` is empty afterwards. 0;
 * -ENOMEM or -E2BIG (over SIPREC_ITEMS_MAX): some of it is not in `to`. */
int siprec_metadata_merge(struct siprec_metadata *to, struct siprec_metadata *from);

/* Adds the sender of the m= line with this index (0 to SIPREC_ITEMS_MAX - 1), for clients that tell
 * of participants without a document. 0, -E2BIG or -ENOMEM. */
int siprec_metadata_add_sender(struct siprec_metadata *m, unsigned int index, const char *aor);

/* Whether something that the metadata says under a name fits a pattern: `aor`, `name`,
 * `participant_id`, `session_id`, `group_id`, `sip_session_id`, or a fact's name (any case). */
bool siprec_metadata_says(const struct siprec_metadata *m, const char *name, const char *pattern,
	bool (*fits)(const char *pattern, const char *text));

void siprec_metadata_free(struct siprec_metadata *m);

/* NULL: none of that id. */
const struct siprec_participant *siprec_participant_by_id(
	const struct siprec_metadata *m, const char *id);
const struct siprec_call *siprec_call_by_id(const struct siprec_metadata *m, const char *id);

#endif
