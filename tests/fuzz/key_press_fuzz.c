/* Any text as the body of a SIP INFO, and any bytes as packets of telephone events. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "controlplane/key_press.h"

static void check(char key)
{
	if (key != '\0' && !strchr("0123456789*#ABCD", key))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const char *const types[] = {"application/dtmf-relay", "application/dtmf", NULL};
	struct key_presses presses = {0};
	struct telephone_packet p;

	for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		check(key_press_of_info(types[i], (const char *)data, (uint32_t)bytes));
	for (; bytes >= sizeof(p); data += sizeof(p), bytes -= sizeof(p)) {
		memcpy(&p, data, sizeof(p));
		check(key_press_note(&presses, &p));
	}
	return 0;
}
