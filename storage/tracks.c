#include "storage/storage.h"

#include <string.h>

static const char *const names[] = {"", "INCOMING", "OUTGOING", "BOTH"};

const char *tracks_name(unsigned int mask)
{
	return names[mask & TRACKS_BOTH];
}

unsigned int tracks_parse(const char *name)
{
	for (unsigned int mask = 1; mask <= TRACKS_BOTH; mask++)
		if (strcmp(name, names[mask]) == 0)
			return mask;
	return 0;
}
