/* The track file, written here byte by byte and read back, whole, damaged, and cut. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/track_file.h"

#define FILE_ID 0x1122334455667788ULL
#define CHUNKS 5
#define FILE_BYTES (CHUNKS * 8192UL)

/* A chunk of two blocks, with frames of 160 + i bytes, into 8192 bytes at `out`. */
static void make_chunk(uint8_t *out, uint32_t sequence)
{
	struct chunk_header *h = (struct chunk_header *)out;
	uint8_t *at = out + sizeof(*h);

	memset(out, 0, 8192);
	*h = (struct chunk_header){.magic = CHUNK_MAGIC,
		.version = CHUNK_VERSION,
		.stored_bytes = 8192,
		.base_ns = 1000000ULL * sequence,
		.file_id = FILE_ID,
		.sequence = sequence};
	for (uint16_t i = 0; i < 30; i++) {
		struct chunk_frame *frame = (struct chunk_frame *)at;

		frame->arrival_us = i * 20 - 40;
		frame->length = (uint16_t)(160 + i);
		memset(frame + 1, (int)(sequence + i), frame->length);
		at += chunk_frame_bytes(frame->length);
		h->frames++;
	}
	h->used_bytes = (uint32_t)(at - out);
	h->crc32c = track_chunk_crc32c(h);
}

static void make_file(uint8_t *out)
{
	for (uint32_t i = 0; i < CHUNKS; i++)
		make_chunk(out + i * 8192UL, i);
}

/* Reads `bytes` of memory as a file; sets bit n of *seen for chunk n. */
static struct track_file_stats read_file(const uint8_t *data, size_t bytes, unsigned int *seen)
{
	int fd = memfd_create("track", MFD_CLOEXEC);
	const struct chunk_header *h;
	struct track_file_stats stats;
	struct track_file *f;
	int more;

	*seen = 0;
	assert_int_equal(write(fd, data, bytes), bytes);
	assert_int_equal(track_file_attach(&f, fd, FILE_ID), 0);
	while ((more = track_file_next(f, &h)) == 1)
		*seen |= 1U << h->sequence;
	assert_int_equal(more, 0);
	stats = *track_file_stats(f);
	track_file_close(f);
	close(fd);
	return stats;
}

static void checksum_is_crc32c(void **state)
{
	/* Bit by bit, by the reflected polynomial of RFC 3720, B.4. */
	struct chunk_header h = {.magic = CHUNK_MAGIC, .used_bytes = sizeof(h)};
	uint32_t crc = UINT32_MAX;
	const uint8_t *bytes = (const uint8_t *)&h;

	for (size_t i = 0; i < sizeof(h); i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	h.crc32c = 77; /* not part of itself */
	assert_int_equal(track_chunk_crc32c(&h), ~crc);
}

static void a_whole_file_comes_back(void **state)
{
	uint8_t *data = aligned_alloc(4096, FILE_BYTES);
	struct track_file_stats stats;
	unsigned int seen;

	make_file(data);
	stats = read_file(data, FILE_BYTES, &seen);
	assert_int_equal(seen, (1U << CHUNKS) - 1);
	assert_int_equal(stats.chunks, CHUNKS);
	assert_int_equal(stats.frames, CHUNKS * 30);
	assert_int_equal(stats.missing_chunks, 0);
	assert_int_equal(stats.damaged_bytes, 0);
	assert_int_equal(stats.end_bytes, FILE_BYTES);
	free(data);
}

static void frames_come_back(void **state)
{
	uint8_t *data = aligned_alloc(4096, 8192);
	struct track_frames frames;
	struct track_frame frame;
	unsigned int count = 0;

	make_chunk(data, 3);
	assert_int_equal(track_chunk_check(data, 8192, FILE_ID), 0);
	track_frames_begin(&frames, (const struct chunk_header *)data);
	while (track_frames_next(&frames, &frame)) {
		assert_int_equal(frame.length, 160 + count);
		assert_int_equal(frame.packet[frame.length - 1], 3 + count);
		assert_true(frame.arrival_ns == 3000000ULL + count * 20000ULL - 40000ULL);
		count++;
	}
	assert_int_equal(count, 30);
	free(data);
}

static void damage_anywhere_costs_one_chunk(void **state)
{
	uint8_t *data = aligned_alloc(4096, FILE_BYTES);
	const struct chunk_header *h = (const struct chunk_header *)data;

	make_file(data);
	for (size_t at = 0; at < FILE_BYTES; at += at % 8192 < 100 ? 1 : 211) {
		bool in_padding = at % 8192 >= h->used_bytes;
		struct track_file_stats stats;
		unsigned int lost = (unsigned int)(at / 8192);
		unsigned int seen;

		data[at] ^= 0x10;
		stats = read_file(data, FILE_BYTES, &seen);
		data[at] ^= 0x10;
		if (in_padding) {
			assert_int_equal(stats.chunks, CHUNKS);
			continue;
		}
		assert_int_equal(seen, ((1U << CHUNKS) - 1) & ~(1U << lost));
		assert_int_equal(stats.damaged_bytes, 8192);
		assert_int_equal(stats.missing_chunks, lost < CHUNKS - 1);
	}
	free(data);
}

static void cut_anywhere_leaves_the_whole_chunks(void **state)
{
	uint8_t *data = aligned_alloc(4096, FILE_BYTES);
	unsigned int seen;

	make_file(data);
	for (size_t cut = 0; cut <= FILE_BYTES;
		cut += cut % 4096 < 70 || cut % 4096 > 4090 ? 1 : 97) {
		struct track_file_stats stats = read_file(data, cut, &seen);

		assert_int_equal(stats.chunks, cut / 8192);
		assert_int_equal(seen, (1U << cut / 8192) - 1);
	}
	free(data);
}

static void what_was_never_written_is_no_damage(void **state)
{
	uint8_t *data = aligned_alloc(4096, 4 * FILE_BYTES);
	struct track_file_stats stats;
	unsigned int seen;

	memset(data, 0, 4 * FILE_BYTES);
	make_file(data);
	memset(data + 8192, 0, 8192);
	stats = read_file(data, 4 * FILE_BYTES, &seen);
	assert_int_equal(seen, 0x1d);
	assert_int_equal(stats.damaged_bytes, 0);
	assert_int_equal(stats.missing_chunks, 1);
	assert_int_equal(stats.end_bytes, FILE_BYTES);
	free(data);
}

static void what_is_not_of_this_file_is_refused(void **state)
{
	uint8_t *data = aligned_alloc(4096, 8192);
	struct chunk_header *h = (struct chunk_header *)data;

	make_chunk(data, 0);
	assert_int_equal(track_chunk_check(data, 8192, FILE_ID + 1), -EBADMSG);
	assert_int_equal(track_chunk_check(data, 8191, FILE_ID), -EMSGSIZE);
	assert_int_equal(track_chunk_check(data, 10, FILE_ID), -EBADMSG);
	h->version = 2;
	assert_int_equal(track_chunk_check(data, 8192, FILE_ID), -EPROTONOSUPPORT);
	make_chunk(data, 0);
	h->flags = 1;
	h->crc32c = track_chunk_crc32c(h);
	assert_int_equal(track_chunk_check(data, 8192, FILE_ID), -EPROTONOSUPPORT);
	make_chunk(data, 0);
	h->frames++;
	h->crc32c = track_chunk_crc32c(h);
	assert_int_equal(track_chunk_check(data, 8192, FILE_ID), -EBADMSG);
	memset(data, 0, 8192);
	assert_int_equal(track_chunk_check(data, 8192, FILE_ID), -ENODATA);
	free(data);
}

static void an_older_chunk_is_not_taken_twice(void **state)
{
	uint8_t *data = aligned_alloc(4096, FILE_BYTES);
	struct track_file_stats stats;
	unsigned int seen;

	make_file(data);
	memcpy(data + 3 * 8192, data + 8192, 8192);
	stats = read_file(data, FILE_BYTES, &seen);
	assert_int_equal(seen, 0x17);
	assert_int_equal(stats.chunks, 4);
	assert_int_equal(stats.missing_chunks, 1);
	free(data);
}

static void tracks_of_a_recording_have_ids_of_their_own(void **state)
{
	struct uuid a = {.bytes = {1}};
	struct uuid b = {.bytes = {2}};

	assert_true(track_file_id(&a, TRACK_INCOMING) != track_file_id(&a, TRACK_OUTGOING));
	assert_true(track_file_id(&a, TRACK_INCOMING) != track_file_id(&b, TRACK_INCOMING));
	assert_true(track_file_id(&a, TRACK_INCOMING) == track_file_id(&a, TRACK_INCOMING));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_is_crc32c),
		cmocka_unit_test(a_whole_file_comes_back),
		cmocka_unit_test(frames_come_back),
		cmocka_unit_test(damage_anywhere_costs_one_chunk),
		cmocka_unit_test(cut_anywhere_leaves_the_whole_chunks),
		cmocka_unit_test(what_was_never_written_is_no_damage),
		cmocka_unit_test(what_is_not_of_this_file_is_refused),
		cmocka_unit_test(an_older_chunk_is_not_taken_twice),
		cmocka_unit_test(tracks_of_a_recording_have_ids_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
