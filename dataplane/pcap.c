/* See pcap.h.
 *
 * The format has no marks between records: one wrong length, and all that follows is read askew. So
 * a record is believed when its header is plausible and the next one is, too. When not, the place
 * where plausible records follow one another again is looked for, byte by byte; the record before
 * it is given as far as it reaches. */
#include "dataplane/pcap.h"

#include <errno.h>
#include <string.h>

#define FILE_HEADER_BYTES 24U
#define RECORD_HEADER_BYTES 16U
#define MODIFIED_RECORD_HEADER_BYTES 24U /* Kuznetzov's: interface, protocol, packet type */
#define MAGIC_MICROSECONDS 0xa1b2c3d4U
#define MAGIC_NANOSECONDS 0xa1b23c4dU
#define MAGIC_MODIFIED 0xa1b2cd34U
#define NS_PER_S 1000000000U
#define NEAR_S 86400
#define LIKELY_IN_A_ROW 3

struct pcap_header {
	uint32_t seconds;
	uint32_t fraction;
	uint32_t captured_bytes;
	uint32_t wire_bytes;
};

static bool is_magic(uint32_t magic)
{
	return magic == MAGIC_MICROSECONDS || magic == MAGIC_NANOSECONDS || magic == MAGIC_MODIFIED;
}

bool pcap_is(const uint8_t magic[4])
{
	return is_magic(capture_u32(magic, false)) || is_magic(capture_u32(magic, true));
}

int pcap_reader_open(struct pcap_reader *r, struct capture_input *in)
{
	uint32_t magic;

	if (capture_input_peek(in, FILE_HEADER_BYTES) < FILE_HEADER_BYTES)
		return -EINVAL;
	*r = (struct pcap_reader){.swapped = !is_magic(capture_u32(in->data, false))};
	magic = capture_u32(in->data, r->swapped);
	r->header_bytes =
		magic == MAGIC_MODIFIED ? MODIFIED_RECORD_HEADER_BYTES : RECORD_HEADER_BYTES;
	r->fractions_second = magic == MAGIC_NANOSECONDS ? NS_PER_S : 1000000U;
	/* The upper half tells the length of frame check sequences: IP knows its own length. */
	r->link_type = capture_u32(in->data + 20, r->swapped) & 0xffffU;
	capture_input_skip(in, FILE_HEADER_BYTES);
	return 0;
}

static struct pcap_header header_at(const struct pcap_reader *r, const uint8_t *p)
{
	return (struct pcap_header){
		.seconds = capture_u32(p, r->swapped),
		.fraction = capture_u32(p + 4, r->swapped),
		.captured_bytes = capture_u32(p + 8, r->swapped),
		.wire_bytes = capture_u32(p + 12, r->swapped),
	};
}

/* A hole of zeros is not a row of empty records. */
static bool is_sane(const struct pcap_reader *r, const struct pcap_header *h)
{
	return h->fraction < r->fractions_second && (h->captured_bytes | h->wire_bytes) != 0;
}

static bool is_plausible(const struct pcap_reader *r, const struct pcap_header *h)
{
	return is_sane(r, h) && h->captured_bytes <= CAPTURE_RECORD_BYTES_MAX;
}

/* 0: no time to compare with. */
static bool is_near(uint32_t seconds, uint32_t before)
{
	int64_t apart = (int64_t)seconds - before;

	return before == 0 || (apart <= NEAR_S && apart >= -NEAR_S);
}

/* Whether a record of the time `seconds` may end `at` bytes into the window: the input ends there
 * or within the next header, or that makes sense. Times do jump, but are reason to look at one
 * record more. */
static bool is_followed(
	const struct pcap_reader *r, struct capture_input *in, size_t at, uint32_t seconds)
{
	struct pcap_header next;

	for (int i = 0; i < 2; i++) {
		size_t available = capture_input_peek(in, at + r->header_bytes);

		if (available < at)
			return false;
		if (available < at + r->header_bytes)
			return true;
		next = header_at(r, in->data + at);
		if (!is_sane(r, &next))
			return false;
		if (is_near(next.seconds, seconds))
			return true;
		if (!is_plausible(r, &next))
			return false;
		at += r->header_bytes + next.captured_bytes;
	}
	return true;
}

/* Whether likely records follow one another from `at` on. The window is as full as it gets. */
static bool is_row(const struct pcap_reader *r, const struct capture_input *in, size_t at)
{
	uint32_t before = 0;
	bool near = false;

	for (int i = 0; i < LIKELY_IN_A_ROW; i++) {
		struct pcap_header h;

		if (at + r->header_bytes > in->available)
			return near;
		h = header_at(r, in->data + at);
		if (!is_plausible(r, &h) || h.captured_bytes > h.wire_bytes ||
			!is_near(h.seconds, before))
			return false;
		at += r->header_bytes + h.captured_bytes;
		if (at > in->available)
			return near;
		/* The last record of a capture is a row by itself. */
		near = is_near(h.seconds, i ? before : r->last_s);
		before = h.seconds;
	}
	return true;
}

/* Looks for a row of records that begins between `from` and the longest record's length on. */
static bool find_row(
	const struct pcap_reader *r, struct capture_input *in, size_t from, size_t *found)
{
	size_t end = from + CAPTURE_RECORD_BYTES_MAX;
	size_t available = capture_input_peek(in, CAPTURE_WINDOW_BYTES);

	for (size_t at = from; at <= end && at + r->header_bytes <= available; at++) {
		if (is_row(r, in, at)) {
			*found = at;
			return true;
		}
	}
	return false;
}

static int give(struct pcap_reader *r, struct capture_input *in, const struct pcap_header *h,
	struct capture_record *out)
{
	*out = (struct capture_record){
		.data = in->data + r->header_bytes,
		.captured_bytes = h->captured_bytes,
		.wire_bytes = h->wire_bytes,
		.time_ns = (uint64_t)h->seconds * NS_PER_S +
			   (uint64_t)h->fraction * (NS_PER_S / r->fractions_second),
	};
	r->last_s = h->seconds;
	return 1;
}

/* Records look right again `found` bytes on. When that is where h's packet would end had it not
 * been cut, h's own length was wrong; when h ends before, what comes between was. */
static int give_damaged(struct pcap_reader *r, struct capture_input *in, struct pcap_header *h,
	size_t found, struct capture_faults *faults, struct capture_record *out)
{
	size_t room = found - r->header_bytes;
	int given = 0;

	if (h->wire_bytes == room)
		h->captured_bytes = h->wire_bytes;
	if (is_sane(r, h) && h->captured_bytes <= room && h->captured_bytes <= h->wire_bytes)
		given = give(r, in, h, out);
	faults->passed_over_bytes += given ? room - h->captured_bytes : found;
	capture_input_skip(in, found);
	return given;
}

/* Moves on to where records look right again, or to the end. 1 when there is a record to give. */
static int recover(struct pcap_reader *r, struct capture_input *in, struct pcap_header *h,
	struct capture_faults *faults, struct capture_record *out)
{
	size_t found = 0;

	capture_fault_damage(faults, in->offset);
	if (find_row(r, in, r->header_bytes, &found))
		return give_damaged(r, in, h, found, faults, out);
	do {
		size_t step = in->available < CAPTURE_RECORD_BYTES_MAX ? in->available
								       : CAPTURE_RECORD_BYTES_MAX;

		faults->passed_over_bytes += step;
		capture_input_skip(in, step);
	} while (capture_input_peek(in, 1) && !find_row(r, in, 0, &found));
	if (in->available) {
		faults->passed_over_bytes += found;
		capture_input_skip(in, found);
	}
	return 0;
}

/* The end of the input within a record that is otherwise in order: not a damage. */
static bool is_cut(struct pcap_reader *r, struct capture_input *in, const struct pcap_header *h)
{
	size_t found;

	return in->ended && is_plausible(r, h) &&
	       in->available < r->header_bytes + h->captured_bytes &&
	       !find_row(r, in, r->header_bytes, &found);
}

/* What is wrong with the record at the window's start? Leaves the window at the next one. 1 when
 * there is a record to give. */
static int handle_fault(struct pcap_reader *r, struct capture_input *in, struct pcap_header *h,
	struct capture_faults *faults, struct capture_record *out)
{
	if (is_cut(r, in, h)) {
		faults->cut = true;
		capture_input_skip(in, in->available);
		return 0;
	}
	if (h->captured_bytes > CAPTURE_RECORD_BYTES_MAX && is_sane(r, h) &&
		h->captured_bytes <= CAPTURE_WINDOW_BYTES - 2 * r->header_bytes &&
		is_followed(r, in, r->header_bytes + h->captured_bytes, h->seconds)) {
		faults->oversized++;
		capture_input_skip(in, r->header_bytes + h->captured_bytes);
		return 0;
	}
	return recover(r, in, h, faults, out);
}

int pcap_reader_next(struct pcap_reader *r, struct capture_input *in, struct capture_faults *faults,
	struct capture_record *out, uint32_t *link_type)
{
	*link_type = r->link_type;
	while (capture_input_peek(in, r->header_bytes) >= r->header_bytes) {
		struct pcap_header h = header_at(r, in->data);

		if (is_plausible(r, &h) &&
			is_followed(r, in, r->header_bytes + h.captured_bytes, h.seconds)) {
			give(r, in, &h, out);
			capture_input_skip(in, r->header_bytes + h.captured_bytes);
			return 1;
		}
		if (handle_fault(r, in, &h, faults, out))
			return 1;
	}
	if (in->available) {
		faults->cut = true;
		capture_input_skip(in, in->available);
	}
	return 0;
}
