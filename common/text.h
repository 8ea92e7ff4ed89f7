/* Copying text into fixed room, and taking text apart where it stands. Any thread. */
#ifndef LEGTAP_COMMON_TEXT_H
#define LEGTAP_COMMON_TEXT_H

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Copies `from` into `to`, cut at size - 1 bytes, always ended. size ≥ 1. */
static inline void text_copy(char *to, size_t size, const char *from)
{
	size_t length = strlen(from);

	if (length >= size)
		length = size - 1;
	memcpy(to, from, length);
	to[length] = '\0';
}

/* Part of a text that belongs to somebody else; not ended. */
struct text_part {
	const char *at;
	size_t length;
};

static inline bool text_is(struct text_part t, const char *text)
{
	return t.length == strlen(text) && memcmp(t.at, text, t.length) == 0;
}

/* Without the white space around it. */
static inline struct text_part text_trim(struct text_part t)
{
	while (t.length > 0 && isspace((unsigned char)t.at[0])) {
		t.at++;
		t.length--;
	}
	while (t.length > 0 && isspace((unsigned char)t.at[t.length - 1]))
		t.length--;
	return t;
}

/* Takes what is before the first `end` off the front, and that too; all, if there is none. */
static inline struct text_part text_take_until(struct text_part *rest, char end)
{
	const char *stop = rest->length ? (const char *)memchr(rest->at, end, rest->length) : NULL;
	struct text_part taken = {rest->at, stop ? (size_t)(stop - rest->at) : rest->length};
	size_t gone = taken.length + (stop ? 1 : 0);

	rest->at += gone;
	rest->length -= gone;
	return taken;
}

#endif
