/* Any bytes as a frame that may ask for an address of ours: what is answered goes to the asker,
 * from us, and has concerned us. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/neighbour.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const uint8_t ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 0x41};
	struct neighbour_addresses addresses = {
		2, {netaddr_from_ipv4("\xc0\x00\x02\x29", 0), netaddr_from_ipv6(ipv6, 0)}};
	struct neighbour_self self = {{2, 0, 0, 0, 0, 0x41}, &addresses};
	struct neighbour_frame *out = malloc(sizeof(*out));
	uint8_t *frame = malloc(bytes ? bytes : 1); /* so that a byte beyond it is seen */
	bool answered;

	if (!out || !frame)
		abort();
	if (bytes > 0)
		memcpy(frame, data, bytes);
	answered = neighbour_answer(&self, frame, (uint32_t)bytes, out) <= NEIGHBOUR_ECHO;
	if (answered && (out->count < 60 || out->count > sizeof(out->bytes) ||
				memcmp(out->bytes + 6, self.mac, sizeof(self.mac)) != 0 ||
				!neighbour_concerns(&addresses, frame, (uint32_t)bytes)))
		__builtin_trap();
	if (!answered && out->count != 0)
		__builtin_trap();
	free(frame);
	free(out);
	return 0;
}
