/* Any bytes as a frame: the first says of which link layer, the second how much of it was cut. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/decap.h"
#include "dataplane/decap_straight.h"

/* Whoever takes the straight way comes to the same end. */
static void check_straight(const struct frame *frame, const struct decap *d)
{
	struct decap straight = {0};

	if (frame->link == LINK_ETHERNET && frame->wire == frame->captured &&
		decap_straight(frame->bytes, frame->readable, &straight) &&
		memcmp(&straight, d, sizeof(*d)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct frame frame;
	struct decap d = {0};

	if (bytes < 2)
		return 0;
	frame.link = (enum link_type)(data[0] % (LINK_INNER + 1));
	frame.bytes = data + 2;
	frame.readable = (uint32_t)bytes - 2;
	frame.captured = frame.readable;
	frame.wire = frame.captured + data[1];
	(void)decap_parse(&frame, &d);
	check_straight(&frame, &d);
	switch (d.verdict) {
	case DECAP_UDP:
	case DECAP_TCP:
	case DECAP_FRAGMENT:
		break;
	default:
		return 0;
	}
	if (d.payload_bytes > d.payload_wire ||
		d.payload_offset + d.payload_bytes > frame.captured ||
		d.payload_wire > UINT16_MAX || (d.key.version != 4 && d.key.version != 6))
		abort();
	if (d.verdict == DECAP_FRAGMENT && d.payload_bytes < (d.key.version == 4 ? 20 : 8))
		abort();
	return 0;
}
