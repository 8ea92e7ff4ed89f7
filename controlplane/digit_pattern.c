#include "controlplane/digit_pattern.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REPEATS_MAX 512UL /* the product of all that the expression counts */

struct translation {
	char text[DIGIT_PATTERN_BYTES * 5 + 1]; /* "\d" grows to "[0-9]" */
	size_t used;
	bool in_class;
	unsigned long repeats;
};

static void put(struct translation *t, const char *text)
{
	size_t bytes = strlen(text);

	memcpy(t->text + t->used, text, bytes + 1);
	t->used += bytes;
}

/* regcomp(3) writes out what is repeated, and what is repeated within it. */
static int repeat(struct translation *t, unsigned long times, struct errmsg *e)
{
	if (times > REPEATS_MAX || t->repeats * times > REPEATS_MAX)
		return errmsg_set(
			e, -EINVAL, "InputDigitsRegex repeats too much: over %lu", REPEATS_MAX);
	t->repeats *= times;
	return 0;
}

/* "{2,5}": the highest number in it counts. */
static unsigned long count_of(const char *brace)
{
	unsigned long most = 1;

	for (const char *at = brace + 1; *at && *at != '}';) {
		char *end = NULL;
		unsigned long number = strtoul(at, &end, 10);

		at = end > at ? end : at + 1;
		most = number > most ? number : most;
	}
	return most;
}

/* What stands behind a backslash. */
static int translate_escape(struct translation *t, char c, struct errmsg *e)
{
	const char escaped[] = {'\\', c, '\0'};

	if (c == 'd')
		put(t, t->in_class ? "0-9" : "[0-9]");
	else if (c == '\0' || isalnum((unsigned char)c))
		return errmsg_set(e, -EINVAL,
			"InputDigitsRegex: of the escapes with letters or digits only \\d is "
			"known");
	else
		put(t, t->in_class ? escaped + 1 : escaped);
	return 0;
}

static int translate(struct translation *t, const char *text, struct errmsg *e)
{
	int err = 0;

	for (const char *at = text; err == 0 && *at; at++) {
		const char one[] = {*at, '\0'};

		if (*at == '\\') {
			err = translate_escape(t, at[1], e);
			at++;
			continue;
		}
		if (*at == '{' && !t->in_class)
			err = repeat(t, count_of(at), e);
		if (*at == '+' && !t->in_class)
			err = repeat(t, 2, e);
		if (*at == '[')
			t->in_class = true;
		else if (*at == ']')
			t->in_class = false;
		put(t, one);
		if (!t->in_class && strncmp(at, "(?:", 3) == 0)
			at += 2;
	}
	return err;
}

int digit_pattern_compile(regex_t *out, const char *text, struct errmsg *e)
{
	struct translation t = {.repeats = 1};
	char why[128];
	int err;

	if (strlen(text) > DIGIT_PATTERN_BYTES)
		return errmsg_set(e, -EINVAL, "InputDigitsRegex is longer than %d octets",
			DIGIT_PATTERN_BYTES);
	err = translate(&t, text, e);
	if (err != 0)
		return err;
	err = regcomp(out, t.text, REG_EXTENDED | REG_NOSUB);
	if (err == 0)
		return 0;
	regerror(err, out, why, sizeof(why));
	return errmsg_set(e, -EINVAL, "InputDigitsRegex: %s", why);
}
