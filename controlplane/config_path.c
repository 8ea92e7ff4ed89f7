/* Paths of configuration keys: "limits.streams", "accounts[].match.caller". */
#include <stdlib.h>
#include <string.h>

#include "controlplane/config_key.h"

#define NAME_BYTES 64

void config_path_join(char out[CONFIG_PATH_BYTES], const char *object, const char *name)
{
	snprintf(out, CONFIG_PATH_BYTES, "%s%s%s", object, *object ? "." : "", name);
}

void config_path_item(char out[CONFIG_PATH_BYTES], const char *list, unsigned int index)
{
	snprintf(out, CONFIG_PATH_BYTES, "%s[%u]", list, index);
}

const struct config_key *config_key_find(const char *path)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (strcmp(config_keys[i].path, path) == 0)
			return &config_keys[i];
	return NULL;
}

/* The object's part of a path has this length. */
static size_t object_length(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot ? (size_t)(dot - path) : 0;
}

static const char *last_name(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot ? dot + 1 : path;
}

bool config_key_is_member(const struct config_key *key, const char *object)
{
	size_t length = strlen(object);

	return object_length(key->path) == length && strncmp(key->path, object, length) == 0;
}

static unsigned int least(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein's, a row of the matrix at a time; texts are cut at NAME_BYTES. */
static unsigned int edit_distance(const char *a, const char *b)
{
	unsigned int row[NAME_BYTES + 1];
	size_t columns = strnlen(b, NAME_BYTES);
	size_t rows = strnlen(a, NAME_BYTES);

	for (unsigned int j = 0; j <= columns; j++)
		row[j] = j;
	for (size_t i = 0; i < rows; i++) {
		unsigned int diagonal = row[0]++;

		for (size_t j = 0; j < columns; j++) {
			unsigned int above = row[j + 1];

			row[j + 1] = least(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
			diagonal = above;
		}
	}
	return row[columns];
}

const char *config_key_nearest(const char *path)
{
	const char *nearest = NULL;
	unsigned int best = 0;

	for (size_t i = 0; i < config_key_count; i++) {
		const char *known = config_keys[i].path;
		bool same_object = object_length(known) == object_length(path) &&
				   strncmp(known, path, object_length(path)) == 0;
		unsigned int distance = 2 * edit_distance(last_name(path), last_name(known)) +
					(same_object ? 0 : 3);

		if (!nearest || distance < best) {
			nearest = known;
			best = distance;
		}
	}
	return nearest;
}
