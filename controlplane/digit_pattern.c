#include "controlplane/digit_pattern.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REPEATS_MAX 512UL /* the product of all that the expression counts */
#define GROUPS_MAX 16	  /* within each other */

/* What is repeated may not be repeated again, be it directly ("1**") or as a group ("(1*)*"): in
 * regcomp(3) each such level doubles the time. */
struct translation {
	char text[DIGIT_PATTERN_BYTES * 5 + 1]; /* "\d" grows to "[0-9]" */
	size_t used;
	bool in_class;
	bool repeated; /* the part before is, or holds a part that is */
	bool group_repeated[GROUPS_MAX];
	unsigned int groups;
	unsigned long repeats;
};

static void put(struct translation *t, const char *text, size_t bytes)
{
	memcpy(t->text + t->used, text, bytes);
	t->used += bytes;
	t->text[t->used] = '\0';
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

/* Each of these returns how many octets it has taken, or -EINVAL with a message. */

/* At "*", "+", "?" or "{". regcomp(3) writes out what is counted, and what is counted within it. */
static int take_repetition(struct translation *t, const char *at, struct errmsg *e)
{
	size_t bytes = *at == '{' ? strcspn(at, "}") : 0;
	unsigned long times = *at == '{' ? count_of(at) : *at == '+' ? 2 : 1;

	if (t->repeated)
		return errmsg_set(e, -EINVAL, "InputDigitsRegex repeats what is repeated");
	if (times > REPEATS_MAX || t->repeats * times > REPEATS_MAX)
		return errmsg_set(
			e, -EINVAL, "InputDigitsRegex repeats too much: over %lu", REPEATS_MAX);
	if (*at == '{' && at[bytes] != '}')
		return errmsg_set(e, -EINVAL, "InputDigitsRegex: a } is missing");
	t->repeats *= times;
	t->repeated = true;
	if (t->groups)
		t->group_repeated[t->groups - 1] = true;
	put(t, at, bytes + 1);
	return (int)bytes + 1;
}

static int take_escape(struct translation *t, const char *at, struct errmsg *e)
{
	t->repeated = false;
	if (at[1] == 'd' && t->in_class)
		put(t, "0-9", 3);
	else if (at[1] == 'd')
		put(t, "[0-9]", 5);
	else if (at[1] == '\0' || isalnum((unsigned char)at[1]) || (t->in_class && at[1] == ']'))
		return errmsg_set(e, -EINVAL,
			"InputDigitsRegex: of the escapes with letters or digits only \\d is "
			"known, "
			"and no \\] in brackets");
	else if (t->in_class)
		put(t, at + 1, 1);
	else
		put(t, at, 2);
	return 2;
}

static int take_group(struct translation *t, const char *at, struct errmsg *e)
{
	bool repeated = false;

	if (*at == '(') {
		if (t->groups == GROUPS_MAX)
			return errmsg_set(e, -EINVAL,
				"InputDigitsRegex has over %d groups in each other", GROUPS_MAX);
		t->group_repeated[t->groups++] = false;
	} else {
		if (t->groups == 0)
			return errmsg_set(e, -EINVAL, "InputDigitsRegex: a ( is missing");
		repeated = t->group_repeated[--t->groups];
		if (t->groups && repeated)
			t->group_repeated[t->groups - 1] = true;
	}
	t->repeated = repeated;
	put(t, at, 1);
	return strncmp(at, "(?:", 3) == 0 ? 3 : 1;
}

static int take(struct translation *t, const char *at, struct errmsg *e)
{
	if (*at == '\\')
		return take_escape(t, at, e);
	if (!isprint((unsigned char)*at))
		return errmsg_set(e, -EINVAL, "InputDigitsRegex has an octet that is no digit");
	if (!t->in_class && strchr("*+?{", *at))
		return take_repetition(t, at, e);
	if (!t->in_class && strchr("()", *at))
		return take_group(t, at, e);
	if (*at == '[')
		t->in_class = true;
	else if (*at == ']')
		t->in_class = false;
	t->repeated = false;
	put(t, at, 1);
	return 1;
}

int digit_pattern_compile(regex_t *out, const char *text, struct errmsg *e)
{
	struct translation t = {.repeats = 1};
	char why[128];
	int err;

	if (strlen(text) > DIGIT_PATTERN_BYTES)
		return errmsg_set(e, -EINVAL, "InputDigitsRegex is longer than %d octets",
			DIGIT_PATTERN_BYTES);
	while (*text) {
		int taken = take(&t, text, e);

		if (taken < 0)
			return taken;
		text += taken;
	}
	err = regcomp(out, t.text, REG_EXTENDED | REG_NOSUB);
	if (err == 0)
		return 0;
	regerror(err, out, why, sizeof(why));
	return errmsg_set(e, -EINVAL, "InputDigitsRegex: %s", why);
}
