/* The table of configuration keys, and what is done with one key: read, checked, printed,
 * explained. Between the config_*.c files only. */
#ifndef LEGTAP_CONTROLPLANE_CONFIG_KEY_H
#define LEGTAP_CONTROLPLANE_CONFIG_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/errmsg.h"
#include "controlplane/config.h"

struct cJSON;
struct key_form;

enum key_kind {
	KEY_OBJECT,	 /* holds other keys */
	KEY_OBJECTS,	 /* a list of objects, each with a base of its own */
	KEY_TEXT,	 /* char[size] */
	KEY_INTEGER,	 /* 32 bits; or size bytes */
	KEY_SECONDS,	 /* uint32_t milliseconds; minimum and maximum in milliseconds too */
	KEY_BOOLEAN,	 /* bool */
	KEY_CHOICE,	 /* one of `choices`, size bytes */
	KEY_CHOICE_TEXT, /* one of `choices`, kept as text */
	KEY_MODE,	 /* permissions in octal, unsigned int */
	KEY_DECIMAL,	 /* struct decimal, of a number or a text */
	KEY_PREFIXES,	 /* list of struct netprefix */
	KEY_UDP_PORTS,	 /* list of uint16_t */
	KEY_CORES,	 /* list of int */
	KEY_BUCKETS,	 /* list of char[CONFIG_TEXT_BYTES] */
	KEY_LOCATION,	 /* "bucket" or "bucket/prefix", char[size] */
	KEY_LISTENERS,	 /* list of struct listen_address */
	KEY_DESTINATION, /* the same, or {"Type":"S3","Location":…} */
};

/* A choice's value; the list ends with a NULL name. */
struct key_choice {
	const char *name;
	int64_t value;
};

struct config_key {
	const char *path; /* "accounts[].match.caller" */
	enum key_kind kind;
	size_t offset; /* in struct config, or in the element of the list that the path is in */
	size_t size;   /* of the field; of one item of a list */
	size_t count_offset;  /* of a list's unsigned int count */
	unsigned int most;    /* items a list can hold */
	const char *fallback; /* the default as JSON; NULL: there is none */
	const char *unit;
	int64_t minimum;
	int64_t maximum;
	const struct key_choice *choices;
	const struct key_form *form;
	bool required;			   /* in its element */
	void *(*append)(struct config *c); /* KEY_OBJECTS: a new zeroed element, or NULL */
	const void *(*at)(const struct config *c, size_t i); /* KEY_OBJECTS: the element, or NULL */
	const char *help;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* The key of a path with "[]" for indexes, or NULL. */
const struct config_key *config_key_find(const char *path);

/* The known path nearest to one that is not: by the edit distance of the last name, keys of the
 * same object before others. */
const char *config_key_nearest(const char *path);

/* Whether `key` is directly in the object of this path ("" is the file). */
bool config_key_is_member(const struct config_key *key, const char *object);

/* "limits" + "streams" = "limits.streams"; cut at its size. */
#define CONFIG_PATH_BYTES 256
void config_path_join(char out[CONFIG_PATH_BYTES], const char *object, const char *name);

/* "ports" + 1 = "ports[1]"; cut at its size. */
void config_path_item(char out[CONFIG_PATH_BYTES], const char *list, unsigned int index);

/* Reads a value of any kind but KEY_OBJECT and KEY_OBJECTS into its field at `base`. `where` is the
 * path with indexes, for messages. 0, or -EINVAL with a message. */
int config_value_read(const struct config_key *key, const struct cJSON *value, const char *where,
	void *base, struct errmsg *e);

/* Gives each key below this path ("" is the file, "accounts[]" an element) its default. 0 or
 * -ENOMEM. */
int config_value_defaults(const char *path, void *base);

/* Prints such a value as JSON. */
void config_value_print(const struct config_key *key, const void *base, FILE *out);

/* What is allowed, in words, for messages and the documentation: "integer, 1 to 64". Returns buf.
 */
#define CONFIG_RANGE_BYTES 256
char *config_value_range(const struct config_key *key, char buf[CONFIG_RANGE_BYTES]);

/* Milliseconds as seconds: "5", "0.25". Returns buf. */
char *config_seconds_format(int64_t ms, char buf[DECIMAL_TEXT_BYTES]);

/* Prints s as a JSON string. */
void config_print_text(const char *s, FILE *out);

/* What no single key can tell: names that must exist, limits that belong together. */
int config_check(struct config *c, bool read_mode, struct errmsg *e);

#endif
