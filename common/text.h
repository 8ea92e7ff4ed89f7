/* Copying text into fixed room. Any thread. */
#ifndef LEGTAP_COMMON_TEXT_H
#define LEGTAP_COMMON_TEXT_H

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

#endif
