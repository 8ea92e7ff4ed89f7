/* See pcapng.h.
 *
 * A block is believed when its length stands at both of its ends. When not, the next place is
 * looked for, byte by byte, where a block of a kind that we know passes that test. */
#include "dataplane/pcapng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SECTION 0x0a0d0d0aU
#define BLOCK_INTERFACE 1U
#define BLOCK_PACKET 2U /* obsolete */
#define BLOCK_SIMPLE_PACKET 3U
#define BLOCK_NAMES 4U
#define BLOCK_STATISTICS 5U
#define BLOCK_ENHANCED_PACKET 6U
#define BYTE_ORDER_MAGIC 0x1a2b3c4dU
#define OPTION_END 0U
#define OPTION_TIME_RESOLUTION 9U
#define OPTION_TIME_OFFSET 14U
#define NS_PER_S 1000000000U
#define BINARY_RESOLUTION 0x80U

struct pcapng_block {
	uint32_t type;
	uint32_t bytes; /* all of it */
};

/* The bytes of a block before and after its body, and before a packet's data. */
enum {
	BLOCK_FRAME_BYTES = 12,
	BLOCK_BODY = 8,
	SECTION_BYTES_MIN = 28,
	INTERFACE_BYTES_MIN = 20,
	PACKET_BYTES_MIN = 32,
	PACKET_DATA = 28,
	SIMPLE_BYTES_MIN = 16,
	SIMPLE_DATA = 12
};

bool pcapng_is(const uint8_t header[12])
{
	uint32_t magic = capture_u32(header + BLOCK_BODY, false);

	return capture_u32(header, false) == BLOCK_SECTION &&
	       (magic == BYTE_ORDER_MAGIC || magic == __builtin_bswap32(BYTE_ORDER_MAGIC));
}

void pcapng_reader_release(struct pcapng_reader *r)
{
	free(r->interfaces);
	r->interfaces = NULL;
}

static uint32_t bytes_min_of(uint32_t type)
{
	switch (type) {
	case BLOCK_SECTION:
		return SECTION_BYTES_MIN;
	case BLOCK_INTERFACE:
		return INTERFACE_BYTES_MIN;
	case BLOCK_PACKET:
	case BLOCK_ENHANCED_PACKET:
		return PACKET_BYTES_MIN;
	case BLOCK_SIMPLE_PACKET:
		return SIMPLE_BYTES_MIN;
	default:
		return BLOCK_FRAME_BYTES;
	}
}

/* A section says its byte order itself: *swapped is that of the block at p. */
static bool header_at(
	const struct pcapng_reader *r, const uint8_t *p, struct pcapng_block *b, bool *swapped)
{
	*swapped = r->swapped;
	if (capture_u32(p, false) == BLOCK_SECTION) {
		if (!pcapng_is(p))
			return false;
		*swapped = capture_u32(p + BLOCK_BODY, false) != BYTE_ORDER_MAGIC;
	}
	b->type = capture_u32(p, *swapped);
	b->bytes = capture_u32(p + 4, *swapped);
	return b->bytes >= bytes_min_of(b->type) && b->bytes % 4 == 0 &&
	       b->bytes <= CAPTURE_WINDOW_BYTES;
}

/* Whether a whole block stands `at` bytes into the window, as far as that is filled. */
static bool is_block(const struct pcapng_reader *r, const struct capture_input *in, size_t at,
	struct pcapng_block *b)
{
	const uint8_t *p = in->data + at;
	bool swapped;

	return in->available - at >= BLOCK_FRAME_BYTES && header_at(r, p, b, &swapped) &&
	       in->available - at >= b->bytes && capture_u32(p + b->bytes - 4, swapped) == b->bytes;
}

static bool is_known(uint32_t type)
{
	return type == BLOCK_SECTION || (type >= BLOCK_INTERFACE && type <= BLOCK_ENHANCED_PACKET);
}

/* Moves on to the next block of a kind that we know, or to the end. */
static void recover(
	struct pcapng_reader *r, struct capture_input *in, struct capture_faults *faults)
{
	struct pcapng_block b;
	size_t at = 1;

	capture_fault_damage(faults, in->offset);
	while (capture_input_peek(in, CAPTURE_WINDOW_BYTES) >= at + BLOCK_FRAME_BYTES) {
		while (at < CAPTURE_RECORD_BYTES_MAX && at + BLOCK_FRAME_BYTES <= in->available &&
			!(is_known(capture_u32(in->data + at, r->swapped)) &&
				is_block(r, in, at, &b)))
			at++;
		faults->passed_over_bytes += at;
		capture_input_skip(in, at);
		if (is_block(r, in, 0, &b) && is_known(b.type))
			return;
		at = 0;
	}
	faults->passed_over_bytes += in->available;
	capture_input_skip(in, in->available);
}

static void start_section(struct pcapng_reader *r, const uint8_t *block)
{
	r->swapped = capture_u32(block + BLOCK_BODY, false) != BYTE_ORDER_MAGIC;
	r->interfaces_before += r->interface_count;
	r->interface_count = 0;
}

static void set_resolution(struct pcapng_interface *i, uint8_t resolution)
{
	i->resolution = resolution;
	i->ns_per_unit = 0;
	if (resolution <= 9) {
		i->ns_per_unit = 1;
		for (unsigned int n = resolution; n < 9; n++)
			i->ns_per_unit *= 10;
	}
}

/* The options of an interface that bear on time; a list that overruns its block ends there. */
static void read_options(
	const struct pcapng_reader *r, struct pcapng_interface *i, const uint8_t *p, size_t bytes)
{
	while (bytes >= 4) {
		uint16_t code = capture_u16(p, r->swapped);
		uint16_t length = capture_u16(p + 2, r->swapped);
		size_t padded = 4 + ((length + 3U) & ~3U);
		uint64_t offset;

		if (code == OPTION_END || padded > bytes)
			return;
		if (code == OPTION_TIME_RESOLUTION && length == 1)
			set_resolution(i, p[4]);
		if (code == OPTION_TIME_OFFSET && length == 8) {
			memcpy(&offset, p + 4, sizeof(offset));
			i->offset_s = (int64_t)(r->swapped ? __builtin_bswap64(offset) : offset);
		}
		p += padded;
		bytes -= padded;
	}
}

static int add_interface(struct pcapng_reader *r, const uint8_t *block, uint32_t bytes)
{
	struct pcapng_interface *i;

	if (r->interface_count == PCAPNG_INTERFACES_MAX)
		return 0;
	if (r->interface_count == r->interface_room) {
		uint32_t room = r->interface_room ? r->interface_room * 2 : 8;

		i = reallocarray(r->interfaces, room, sizeof(*i));
		if (!i)
			return -ENOMEM;
		r->interfaces = i;
		r->interface_room = room;
	}
	i = &r->interfaces[r->interface_count++];
	*i = (struct pcapng_interface){
		.link_type = capture_u16(block + BLOCK_BODY, r->swapped),
		.snap_bytes = capture_u32(block + BLOCK_BODY + 4, r->swapped),
	};
	set_resolution(i, 6);
	read_options(r, i, block + BLOCK_BODY + 8, bytes - INTERFACE_BYTES_MIN);
	return 0;
}

/* Nanoseconds of a time stamp finer than one, or binary. */
static __int128 odd_units_to_ns(uint8_t resolution, uint64_t units)
{
	unsigned int n = resolution & ~BINARY_RESOLUTION;
	__int128 ns;

	if (resolution & BINARY_RESOLUTION)
		return n > 95 ? 0 : (__int128)units * NS_PER_S >> n;
	ns = units;
	for (; n > 9 && ns > 0; n--)
		ns /= 10;
	return ns;
}

/* Nanoseconds since the epoch; a time that is not to be had in them becomes the nearest that is. */
static uint64_t time_of(const struct pcapng_interface *i, uint64_t units)
{
	__int128 ns = i->ns_per_unit ? (__int128)units * i->ns_per_unit
				     : odd_units_to_ns(i->resolution, units);

	ns += (__int128)i->offset_s * NS_PER_S;
	if (ns < 0)
		return 0;
	return ns > INT64_MAX ? INT64_MAX : (uint64_t)ns;
}

/* What the three kinds of packet blocks say in different places. */
struct pcapng_packet {
	uint32_t interface;
	bool timed;
	uint64_t units;
	uint32_t captured_bytes;
	uint32_t wire_bytes;
	const uint8_t *data;
	uint32_t room; /* for data in the block */
};

static void read_packet(const struct pcapng_reader *r, const uint8_t *block,
	const struct pcapng_block *b, struct pcapng_packet *p)
{
	const uint8_t *body = block + BLOCK_BODY;

	p->timed = true;
	p->interface = b->type == BLOCK_PACKET ? capture_u16(body, r->swapped)
					       : capture_u32(body, r->swapped);
	p->units = (uint64_t)capture_u32(body + 4, r->swapped) << 32 |
		   capture_u32(body + 8, r->swapped);
	p->captured_bytes = capture_u32(body + 12, r->swapped);
	p->wire_bytes = capture_u32(body + 16, r->swapped);
	p->data = block + PACKET_DATA;
	p->room = b->bytes - PACKET_BYTES_MIN;
}

/* A simple packet is cut by its interface's limit, and does not say so itself. */
static void read_simple_packet(const struct pcapng_reader *r, const uint8_t *block,
	const struct pcapng_block *b, struct pcapng_packet *p)
{
	uint32_t snap_bytes = r->interface_count ? r->interfaces[0].snap_bytes : 0;

	p->timed = false;
	p->interface = 0;
	p->wire_bytes = capture_u32(block + BLOCK_BODY, r->swapped);
	p->captured_bytes = p->wire_bytes;
	if (snap_bytes && p->captured_bytes > snap_bytes)
		p->captured_bytes = snap_bytes;
	p->data = block + SIMPLE_DATA;
	p->room = b->bytes - SIMPLE_BYTES_MIN;
}

/* 1 when there is a packet to give. */
static int give(struct pcapng_reader *r, const struct pcapng_packet *p, uint64_t offset,
	struct capture_faults *faults, struct capture_record *out, uint32_t *link_type)
{
	if (p->interface >= r->interface_count) {
		faults->no_interface++;
		return 0;
	}
	if (p->captured_bytes > p->room) {
		capture_fault_damage(faults, offset);
		return 0;
	}
	if (p->captured_bytes > CAPTURE_RECORD_BYTES_MAX) {
		faults->oversized++;
		return 0;
	}
	if (p->timed)
		r->last_ns = time_of(&r->interfaces[p->interface], p->units);
	else
		faults->timeless++;
	*out = (struct capture_record){
		.data = p->data,
		.captured_bytes = p->captured_bytes,
		.wire_bytes = p->wire_bytes,
		.time_ns = r->last_ns,
		.interface = r->interfaces_before + p->interface,
	};
	*link_type = r->interfaces[p->interface].link_type;
	return 1;
}

/* 1 when the block holds a packet to give, 0 when not, or -ENOMEM. */
static int take_block(struct pcapng_reader *r, const struct capture_input *in,
	const struct pcapng_block *b, struct capture_faults *faults, struct capture_record *out,
	uint32_t *link_type)
{
	struct pcapng_packet p;

	switch (b->type) {
	case BLOCK_SECTION:
		start_section(r, in->data);
		return 0;
	case BLOCK_INTERFACE:
		return add_interface(r, in->data, b->bytes);
	case BLOCK_PACKET:
	case BLOCK_ENHANCED_PACKET:
		read_packet(r, in->data, b, &p);
		return give(r, &p, in->offset, faults, out, link_type);
	case BLOCK_SIMPLE_PACKET:
		read_simple_packet(r, in->data, b, &p);
		return give(r, &p, in->offset, faults, out, link_type);
	default:
		return 0;
	}
}

/* Whether the block at the window's start runs past the end of the input and no other is to be
 * found behind its header: cut, not damaged. */
static bool is_cut(const struct pcapng_reader *r, const struct capture_input *in)
{
	struct pcapng_block b;
	bool swapped;

	if (in->available < BLOCK_FRAME_BYTES)
		return true;
	if (!in->ended || !header_at(r, in->data, &b, &swapped) || b.bytes <= in->available)
		return false;
	for (size_t at = 1; at + BLOCK_FRAME_BYTES <= in->available; at++) {
		if (is_known(capture_u32(in->data + at, r->swapped)) && is_block(r, in, at, &b))
			return false;
	}
	return true;
}

int pcapng_reader_next(struct pcapng_reader *r, struct capture_input *in,
	struct capture_faults *faults, struct capture_record *out, uint32_t *link_type)
{
	while (capture_input_peek(in, BLOCK_FRAME_BYTES)) {
		struct pcapng_block b;
		bool swapped;
		int given;

		if (in->available >= BLOCK_FRAME_BYTES && header_at(r, in->data, &b, &swapped))
			capture_input_peek(in, b.bytes);
		if (is_block(r, in, 0, &b)) {
			given = take_block(r, in, &b, faults, out, link_type);
			capture_input_skip(in, b.bytes);
			if (given)
				return given;
		} else if (is_cut(r, in)) {
			faults->cut = true;
			capture_input_skip(in, in->available);
		} else {
			recover(r, in, faults);
		}
	}
	return 0;
}
