/* What the texts of the configuration must look like. Pure functions; any thread. */
#ifndef LEGTAP_CONTROLPLANE_CONFIG_FORM_H
#define LEGTAP_CONTROLPLANE_CONFIG_FORM_H

#include <stdbool.h>

/* `words` follows "must be" in messages and stands in the documentation. */
struct key_form {
	bool (*fits)(const char *text);
	const char *words;
};

extern const struct key_form form_name;
extern const struct key_form form_device;
extern const struct key_form form_header;
extern const struct key_form form_currency;
extern const struct key_form form_url;
extern const struct key_form form_account_id;
extern const struct key_form form_path;
extern const struct key_form form_bucket;
extern const struct key_form form_group;
extern const struct key_form form_loopback;
extern const struct key_form form_region;

/* The S3 naming rules: 3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending
 * with a letter or digit, no two dots in a row, not an IPv4 address. */
bool bucket_name_fits(const char *name);

#endif
