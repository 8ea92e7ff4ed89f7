/* The capture reader against captures built here byte by byte. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/capture.h"
#include "dataplane/capture_input.h"

#define PCAP_US 0xa1b2c3d4U
#define PCAP_NS 0xa1b23c4dU
#define PCAP_MODIFIED 0xa1b2cd34U
#define BASE_S 1700000000U
#define NS_PER_S 1000000000ULL

/* A capture under construction; swapped: in the byte order that is not ours. */
struct image {
	uint8_t *data;
	size_t bytes;
	size_t room;
	bool swapped;
	bool modified;
	size_t block; /* where the open pcapng block begins */
};

static void put(struct image *m, const void *data, size_t bytes)
{
	if (m->bytes + bytes > m->room) {
		m->room = (m->bytes + bytes) * 2;
		m->data = realloc(m->data, m->room);
		assert_non_null(m->data);
	}
	memcpy(m->data + m->bytes, data, bytes);
	m->bytes += bytes;
}

static void put_u16(struct image *m, uint16_t v)
{
	v = m->swapped ? __builtin_bswap16(v) : v;
	put(m, &v, sizeof(v));
}

static void put_u32(struct image *m, uint32_t v)
{
	v = m->swapped ? __builtin_bswap32(v) : v;
	put(m, &v, sizeof(v));
}

static void put_u64(struct image *m, uint64_t v)
{
	v = m->swapped ? __builtin_bswap64(v) : v;
	put(m, &v, sizeof(v));
}

static void put_fill(struct image *m, uint8_t value, size_t bytes)
{
	while (bytes--)
		put(m, &value, 1);
}

static void poke_u32(struct image *m, size_t at, uint32_t v)
{
	v = m->swapped ? __builtin_bswap32(v) : v;
	memcpy(m->data + at, &v, sizeof(v));
}

static void pcap_begin(struct image *m, uint32_t magic, uint32_t link_type, bool swapped)
{
	*m = (struct image){.swapped = swapped, .modified = magic == PCAP_MODIFIED};
	put_u32(m, magic);
	put_u16(m, 2);
	put_u16(m, 4);
	put_u64(m, 0);
	put_u32(m, 65535);
	put_u32(m, link_type);
}

/* A packet of `bytes` octets of `value`. */
static void pcap_packet(
	struct image *m, uint32_t seconds, uint32_t fraction, uint8_t value, uint32_t bytes)
{
	put_u32(m, seconds);
	put_u32(m, fraction);
	put_u32(m, bytes);
	put_u32(m, bytes);
	if (m->modified)
		put_u64(m, 0);
	put_fill(m, value, bytes);
}

static void block_begin(struct image *m, uint32_t type)
{
	m->block = m->bytes;
	put_u32(m, type);
	put_u32(m, 0);
}

static void block_end(struct image *m)
{
	uint32_t bytes;

	put_fill(m, 0, (4 - (m->bytes - m->block) % 4) % 4);
	bytes = (uint32_t)(m->bytes - m->block + 4);
	put_u32(m, bytes);
	poke_u32(m, m->block + 4, bytes);
}

static void section(struct image *m, bool swapped)
{
	m->swapped = swapped;
	block_begin(m, 0x0a0d0d0a);
	put_u32(m, 0x1a2b3c4d);
	put_u16(m, 1);
	put_u16(m, 0);
	put_u64(m, UINT64_MAX);
	block_end(m);
}

/* resolution < 0: not said, which means microseconds. */
static void interface(
	struct image *m, uint16_t link_type, uint32_t snap_bytes, int resolution, int64_t offset_s)
{
	block_begin(m, 1);
	put_u16(m, link_type);
	put_u16(m, 0);
	put_u32(m, snap_bytes);
	put_u16(m, 2); /* if_name: an option to be stepped over */
	put_u16(m, 3);
	put(m, "lo0\0", 4);
	if (resolution >= 0) {
		put_u16(m, 9);
		put_u16(m, 1);
		put(m, (uint8_t[]){(uint8_t)resolution, 0, 0, 0}, 4);
	}
	if (offset_s) {
		put_u16(m, 14);
		put_u16(m, 8);
		put_u64(m, (uint64_t)offset_s);
	}
	put_u32(m, 0);
	block_end(m);
}

static void enhanced(struct image *m, uint32_t id, uint64_t units, uint8_t value, uint32_t bytes)
{
	block_begin(m, 6);
	put_u32(m, id);
	put_u32(m, (uint32_t)(units >> 32));
	put_u32(m, (uint32_t)units);
	put_u32(m, bytes);
	put_u32(m, bytes);
	put_fill(m, value, bytes);
	block_end(m);
}

static struct capture *open_image(const struct image *m)
{
	struct errmsg e;
	struct capture *c;

	if (capture_open_memory(&c, m->data, m->bytes, &e) < 0)
		fail_msg("%s", e.text);
	return c;
}

/* The next record is this packet. */
static void expect(struct capture *c, uint64_t time_ns, uint8_t value, uint32_t bytes)
{
	struct capture_record r;

	assert_int_equal(capture_next(c, &r), 1);
	assert_int_equal(r.time_ns, time_ns);
	assert_int_equal(r.captured_bytes, bytes);
	for (uint32_t i = 0; i < bytes; i++)
		assert_int_equal(r.data[i], value);
}

static void expect_end(struct capture *c, const char *warning)
{
	struct capture_record r;
	struct capture_stats stats;

	assert_int_equal(capture_next(c, &r), 0);
	assert_int_equal(capture_next(c, &r), 0);
	assert_int_equal(capture_stats_of(c, &stats), 0);
	assert_string_equal(stats.warning, warning);
}

static void pcap_in_either_byte_order(void **state)
{
	static const struct {
		uint32_t magic;
		uint32_t ns;
	} kinds[] = {{PCAP_US, 1000}, {PCAP_NS, 1}, {PCAP_MODIFIED, 1000}};

	for (int k = 0; k < 6; k++) {
		struct image m;
		struct capture *c;
		struct capture_stats stats;

		pcap_begin(&m, kinds[k / 2].magic, 1, k % 2);
		pcap_packet(&m, BASE_S, 999999, 1, 60);
		pcap_packet(&m, BASE_S + 1, 1, 2, 214);
		pcap_packet(&m, BASE_S + 1, 0, 3, 1514);
		c = open_image(&m);
		expect(c, BASE_S * NS_PER_S + 999999ULL * kinds[k / 2].ns, 1, 60);
		expect(c, (BASE_S + 1) * NS_PER_S + kinds[k / 2].ns, 2, 214);
		expect(c, (BASE_S + 1) * NS_PER_S, 3, 1514);
		expect_end(c, "");
		capture_stats_of(c, &stats);
		assert_int_equal(stats.packets, 3);
		assert_int_equal(stats.bytes, 60 + 214 + 1514);
		assert_int_equal(stats.interfaces, 1);
		assert_int_equal(stats.last_ns, (BASE_S + 1) * NS_PER_S + kinds[k / 2].ns);
		capture_close(c);
		free(m.data);
	}
}

static void pcapng_times_in_any_unit(void **state)
{
	static const struct {
		int resolution;
		int64_t offset_s;
		uint64_t units;
		uint64_t time_ns;
	} times[] = {
		{-1, 0, 1700000000123456ULL, 1700000000123456000ULL},
		{0, 0, 1700000000ULL, 1700000000000000000ULL},
		{3, 0, 1700000000123ULL, 1700000000123000000ULL},
		{9, 0, 1700000000123456789ULL, 1700000000123456789ULL},
		{12, 1700000000, 123456789012ULL, 1700000000123456789ULL},
		{0x80, 0, 1700000000ULL, 1700000000000000000ULL},
		{0x80 | 10, 0, 1700000000ULL << 10 | 512, 1700000000500000000ULL},
		{0x80 | 32, 1700000000, 1ULL << 30, 1700000000250000000ULL},
		{0x80 | 63, 1, 1ULL << 62, 1500000000ULL},
		{0x80 | 127, 7, UINT64_MAX, 7000000000ULL},
		{127, 7, UINT64_MAX, 7000000000ULL},
		{6, 1700000000, 1, 1700000000000001000ULL},
		{6, -10, 5000000, 0},
		{0, 0, UINT32_MAX, UINT32_MAX * NS_PER_S},
		{9, 0, CAPTURE_TIME_MAX - 1, CAPTURE_TIME_MAX - 1},
	};

	for (size_t i = 0; i < 2 * sizeof(times) / sizeof(times[0]); i++) {
		struct image m = {0};
		struct capture *c;

		section(&m, i % 2);
		interface(&m, 1, 0, times[i / 2].resolution, times[i / 2].offset_s);
		enhanced(&m, 0, times[i / 2].units, 7, 61);
		c = open_image(&m);
		expect(c, times[i / 2].time_ns, 7, 61);
		expect_end(c, "");
		capture_close(c);
		free(m.data);
	}
}

static void times_beyond_2106_are_refused(void **state)
{
	static const struct {
		int resolution;
		uint64_t units;
	} times[] = {{0, 1ULL << 32}, {9, CAPTURE_TIME_MAX}, {6, UINT64_MAX}, {0, UINT64_MAX}};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct image m = {0};
		struct capture *c;

		section(&m, false);
		interface(&m, 1, 0, times[i].resolution, 0);
		interface(&m, 1, 0, 9, 0);
		enhanced(&m, 0, times[i].units, 7, 61);
		enhanced(&m, 1, BASE_S * NS_PER_S, 8, 62);
		c = open_image(&m);
		expect(c, BASE_S * NS_PER_S, 8, 62);
		expect_end(c, "1 packets of times after 2106-02-07 skipped: set them right by "
			      "editcap -t");
		capture_close(c);
		free(m.data);
	}
}

static void pcapng_sections_and_interfaces(void **state)
{
	struct image m = {0};
	struct capture *c;
	struct capture_record r;
	struct capture_stats stats;

	section(&m, false);
	interface(&m, 1, 0, -1, 0);
	interface(&m, 101, 0, 9, 0);
	enhanced(&m, 1, 5, 1, 40);
	section(&m, true);
	block_begin(&m, 0xbad); /* a custom block */
	put_fill(&m, 0xff, 99);
	block_end(&m);
	interface(&m, 276, 0, -1, 0);
	enhanced(&m, 0, 6, 2, 41);
	c = open_image(&m);
	assert_int_equal(capture_next(c, &r), 1);
	assert_int_equal(r.interface, 1);
	assert_int_equal(r.link, LINK_RAW);
	assert_int_equal(r.time_ns, 5);
	assert_int_equal(capture_next(c, &r), 1);
	assert_int_equal(r.interface, 2);
	assert_int_equal(r.link, LINK_SLL2);
	assert_int_equal(r.time_ns, 6000);
	expect_end(c, "");
	capture_stats_of(c, &stats);
	assert_int_equal(stats.interfaces, 3);
	capture_close(c);
	free(m.data);
}

static void pcapng_simple_and_obsolete_packets(void **state)
{
	struct image m = {0};
	struct capture *c;
	struct capture_record r;

	section(&m, true);
	interface(&m, 1, 64, -1, 0);
	block_begin(&m, 2);
	put_u16(&m, 0); /* interface */
	put_u16(&m, 3); /* drops */
	put_u32(&m, 0);
	put_u32(&m, 77);
	put_u32(&m, 50);
	put_u32(&m, 60);
	put_fill(&m, 9, 50);
	block_end(&m);
	block_begin(&m, 3);
	put_u32(&m, 1500);
	put_fill(&m, 8, 64);
	block_end(&m);
	c = open_image(&m);
	assert_int_equal(capture_next(c, &r), 1);
	assert_int_equal(r.time_ns, 77000);
	assert_int_equal(r.captured_bytes, 50);
	assert_int_equal(r.wire_bytes, 60);
	assert_int_equal(r.data[49], 9);
	assert_int_equal(capture_next(c, &r), 1);
	assert_int_equal(r.time_ns, 77000); /* it has none: the one before it */
	assert_int_equal(r.captured_bytes, 64);
	assert_int_equal(r.wire_bytes, 1500);
	assert_int_equal(r.data[63], 8);
	expect_end(c,
		"2 packets were captured in part: capture whole ones (tcpdump -s 0); 1 packets "
		"bear no time and got that of the one before: capture with times (no simple "
		"packet blocks)");
	capture_close(c);
	free(m.data);
}

static void link_types_are_told_apart(void **state)
{
	static const struct {
		uint32_t number;
		enum link_type link;
	} links[] = {{1, LINK_ETHERNET}, {12, LINK_RAW}, {14, LINK_RAW}, {101, LINK_RAW},
		{228, LINK_RAW}, {229, LINK_RAW}, {113, LINK_SLL}, {276, LINK_SLL2}, {0, LINK_NULL},
		{108, LINK_NULL}, {0xf0000000 | 1, LINK_ETHERNET}};
	struct image m;
	struct capture *c;
	struct capture_record r;

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		pcap_begin(&m, PCAP_US, links[i].number, false);
		pcap_packet(&m, BASE_S, 0, 1, 60);
		c = open_image(&m);
		assert_int_equal(capture_next(c, &r), 1);
		assert_int_equal(r.link, links[i].link);
		capture_close(c);
		free(m.data);
	}
	pcap_begin(&m, PCAP_US, 105, false);
	pcap_packet(&m, BASE_S, 0, 1, 60);
	pcap_packet(&m, BASE_S, 0, 1, 60);
	c = open_image(&m);
	expect_end(c, "2 packets of link type 105 or the like skipped: capture Ethernet, Linux "
		      "cooked, raw IP or null");
	capture_close(c);
	free(m.data);
}

/* Ten packets of 214 bytes, a second apart, values 0 to 9. */
static void ten_packets(struct image *m, bool swapped)
{
	pcap_begin(m, PCAP_US, 1, swapped);
	for (uint32_t i = 0; i < 10; i++)
		pcap_packet(m, BASE_S + i, 5, (uint8_t)i, 214);
}

/* Which of the ten are read, as a mask; each must be whole. */
static unsigned int which_of_ten(const struct image *m, char warning[512])
{
	struct capture *c = open_image(m);
	struct capture_record r;
	struct capture_stats stats;
	unsigned int mask = 0;

	while (capture_next(c, &r) == 1) {
		unsigned int i = (unsigned int)(r.time_ns / NS_PER_S - BASE_S);

		assert_in_range(i, 0, 9);
		assert_int_equal(r.captured_bytes, 214);
		assert_int_equal(r.data[0], i);
		assert_int_equal(r.data[213], i);
		assert_false(mask & 1U << i);
		mask |= 1U << i;
	}
	capture_stats_of(c, &stats);
	strcpy(warning, stats.warning);
	capture_close(c);
	return mask;
}

#define RECORD_AT(i) (24 + (i) * (16 + 214))

static void pcap_goes_on_behind_a_wrong_length(void **state)
{
	static const uint32_t lengths[] = {
		0, 1, 213, 215, 300, 4000, 262144, 262145, 1000000, 0x7fffffff, UINT32_MAX};
	char warning[512];

	for (size_t k = 0; k < 2 * sizeof(lengths) / sizeof(lengths[0]); k++) {
		struct image m;

		ten_packets(&m, k % 2);
		poke_u32(&m, RECORD_AT(4) + 8, lengths[k / 2]);
		/* Only the length is wrong: nothing is lost. */
		assert_int_equal(which_of_ten(&m, warning), 0x3ff);
		assert_non_null(strstr(warning, "damaged in 1 places (first at byte 944)"));
		free(m.data);
	}
}

static void pcap_goes_on_behind_rubbish(void **state)
{
	char warning[512];

	for (int value = 0; value < 256; value += 51) {
		struct image m;

		ten_packets(&m, false);
		memset(m.data + RECORD_AT(4) - 7, value, 300); /* 4 and 5 and the end of 3 */
		memset(m.data + RECORD_AT(4) - 7, 3, 7);
		assert_int_equal(which_of_ten(&m, warning), 0x3ff & ~0x30U);
		assert_non_null(strstr(warning, "damaged in 1 places"));
		free(m.data);
	}
}

/* Captures merged by hand: time may go anywhere. */
static void times_may_jump(void **state)
{
	static const uint32_t days[] = {0, 400, 3, 3, 900, 0};
	static const unsigned int backward[] = {0, 0, 1, 2, 2, 3};
	char warning[128];
	struct image m;
	struct capture *c;

	for (size_t count = 1; count <= sizeof(days) / sizeof(days[0]); count++) {
		pcap_begin(&m, PCAP_US, 1, false);
		for (size_t i = 0; i < count; i++)
			pcap_packet(&m, BASE_S + days[i] * 86400, 1, (uint8_t)i, 100);
		c = open_image(&m);
		for (size_t i = 0; i < count; i++)
			expect(c, (BASE_S + days[i] * 86400) * NS_PER_S + 1000, (uint8_t)i, 100);
		warning[0] = '\0';
		if (backward[count - 1])
			snprintf(warning, sizeof(warning),
				"%u packets come after later ones: sort the capture by reordercap",
				backward[count - 1]);
		expect_end(c, warning);
		capture_close(c);
		free(m.data);
	}
}

static void pcap_cut_anywhere_gives_what_is_whole(void **state)
{
	struct image m;
	char warning[512];
	size_t whole = 0;

	ten_packets(&m, true);
	for (size_t bytes = 24; bytes < RECORD_AT(10); bytes++) {
		struct image part = m;

		whole = (bytes - 24) / 230;
		part.data = memcpy(malloc(bytes), m.data, bytes);
		part.bytes = bytes;
		assert_int_equal(which_of_ten(&part, warning), (1U << whole) - 1);
		assert_string_equal(
			warning, bytes == RECORD_AT(whole) ? "" : "it ends within a record");
		free(part.data);
	}
	assert_int_equal(whole, 9);
	free(m.data);
}

static void pcapng_ten_packets(struct image *m, bool swapped, size_t at[10])
{
	*m = (struct image){0};
	section(m, swapped);
	interface(m, 1, 0, 0, 0);
	for (uint32_t i = 0; i < 10; i++) {
		at[i] = m->bytes;
		enhanced(m, 0, BASE_S + i, (uint8_t)i, 214);
	}
}

static void pcapng_goes_on_behind_a_block_length_that_lies(void **state)
{
	static const uint32_t lengths[] = {
		0, 12, 32, 244, 247, 252, 600, 2000, 1U << 20, 1U << 21, UINT32_MAX};
	char warning[512];
	size_t at[10];

	for (size_t k = 0; k < 2 * sizeof(lengths) / sizeof(lengths[0]); k++) {
		struct image m;

		pcapng_ten_packets(&m, k % 2, at);
		poke_u32(&m, at[4] + 4, lengths[k / 2]);
		assert_int_equal(which_of_ten(&m, warning), 0x3ff & ~0x10U);
		assert_non_null(strstr(warning, "damaged in 1 places"));
		free(m.data);
	}
}

static void pcapng_packet_longer_than_its_block(void **state)
{
	char warning[512];
	size_t at[10];
	struct image m;

	pcapng_ten_packets(&m, false, at);
	poke_u32(&m, at[4] + 20, 217);
	poke_u32(&m, at[6] + 20, UINT32_MAX);
	poke_u32(&m, at[8] + 8, 1);
	assert_int_equal(which_of_ten(&m, warning), 0x3ff & ~0x150U);
	assert_non_null(strstr(warning, "damaged in 2 places"));
	assert_non_null(strstr(warning, "1 packets of undescribed interfaces skipped"));
	free(m.data);
}

static void pcapng_cut_anywhere_gives_what_is_whole(void **state)
{
	char warning[512];
	size_t at[10], end;
	struct image m;

	pcapng_ten_packets(&m, true, at);
	end = at[9] + (at[9] - at[8]);
	for (size_t bytes = at[0]; bytes < end; bytes++) {
		size_t whole = (bytes - at[0]) / (at[1] - at[0]);
		struct image part = m;

		part.data = memcpy(malloc(bytes), m.data, bytes);
		part.bytes = bytes;
		assert_int_equal(which_of_ten(&part, warning), (1U << whole) - 1);
		assert_string_equal(warning, bytes == at[whole] ? "" : "it ends within a record");
		free(part.data);
	}
	free(m.data);
}

static void oversized_records_are_skipped(void **state)
{
	struct image m;
	struct capture *c;

	pcap_begin(&m, PCAP_US, 1, false);
	pcap_packet(&m, BASE_S, 0, 1, 60);
	pcap_packet(&m, BASE_S, 0, 2, CAPTURE_RECORD_BYTES_MAX);
	pcap_packet(&m, BASE_S, 0, 3, CAPTURE_RECORD_BYTES_MAX + 1);
	pcap_packet(&m, BASE_S, 0, 4, 60);
	c = open_image(&m);
	expect(c, BASE_S * NS_PER_S, 1, 60);
	expect(c, BASE_S * NS_PER_S, 2, CAPTURE_RECORD_BYTES_MAX);
	expect(c, BASE_S * NS_PER_S, 4, 60);
	expect_end(c, "1 records over 256 KiB skipped");
	capture_close(c);
	free(m.data);

	m = (struct image){0};
	section(&m, false);
	interface(&m, 1, 0, -1, 0);
	enhanced(&m, 0, 1, 3, CAPTURE_RECORD_BYTES_MAX + 1);
	enhanced(&m, 0, 2, 4, 60);
	c = open_image(&m);
	expect(c, 2000, 4, 60);
	expect_end(c, "1 records over 256 KiB skipped");
	capture_close(c);
	free(m.data);
}

/* A file with this content, as a path; close the descriptor. */
static int file_of(const void *data, size_t bytes, char path[64])
{
	int fd = memfd_create("capture", 0);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, bytes), bytes);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static void a_file_is_read_across_its_windows(void **state)
{
	const uint32_t count = 30000; /* 7 MB */
	struct errmsg e;
	struct image m;
	struct capture *c;
	char path[64];
	int fd;

	pcap_begin(&m, PCAP_NS, 1, false);
	for (uint32_t i = 0; i < count; i++)
		pcap_packet(&m, BASE_S + i / 1000, i, (uint8_t)i, 60 + i % 377);
	fd = file_of(m.data, m.bytes, path);
	if (capture_open(&c, path, &e) < 0)
		fail_msg("%s", e.text);
	for (uint32_t i = 0; i < count; i++)
		expect(c, (BASE_S + i / 1000) * NS_PER_S + i, (uint8_t)i, 60 + i % 377);
	expect_end(c, "");
	capture_close(c);
	close(fd);
	free(m.data);
}

static void expect_refusal(const void *data, size_t bytes, int err, const char *message)
{
	struct errmsg e;
	struct capture *c;
	char path[64];
	int fd = file_of(data, bytes, path);

	assert_int_equal(capture_open(&c, path, &e), err);
	if (!strstr(e.text, message))
		fail_msg("\"%s\" lacks \"%s\"", e.text, message);
	assert_non_null(strstr(e.text, path));
	close(fd);
}

static void what_is_no_capture_is_refused(void **state)
{
	struct errmsg e;
	struct capture *c;

	assert_int_equal(capture_open(&c, "/nonexistent/x.pcap", &e), -ENOENT);
	assert_string_equal(e.text, "/nonexistent/x.pcap: No such file or directory");
	assert_int_equal(capture_open(&c, "/tmp", &e), -EISDIR);
	assert_non_null(strstr(e.text, "is a directory"));
	expect_refusal("", 0, -ENODATA, "is empty");
	expect_refusal("RIFF\0\0\0\0WAVEfmt ", 16, -EINVAL, "neither a pcap nor a pcapng");
	expect_refusal("x", 1, -EINVAL, "neither a pcap nor a pcapng");
	expect_refusal("\x1f\x8b\x08\0\0\0\0\0\0\0\0\0", 12, -EINVAL, "by gunzip first");
	expect_refusal("\x28\xb5\x2f\xfd\0\0\0\0\0\0\0\0", 12, -EINVAL, "by unzstd first");
	expect_refusal("BZh91AY&SY", 10, -EINVAL, "by bunzip2 first");
	expect_refusal("\xd4\xc3\xb2\xa1\2\0\4\0", 8, -EINVAL, "ends within the header");
	capture_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pcap_in_either_byte_order),
		cmocka_unit_test(pcapng_times_in_any_unit),
		cmocka_unit_test(times_beyond_2106_are_refused),
		cmocka_unit_test(pcapng_sections_and_interfaces),
		cmocka_unit_test(pcapng_simple_and_obsolete_packets),
		cmocka_unit_test(link_types_are_told_apart),
		cmocka_unit_test(pcap_goes_on_behind_a_wrong_length),
		cmocka_unit_test(pcap_goes_on_behind_rubbish),
		cmocka_unit_test(times_may_jump),
		cmocka_unit_test(pcap_cut_anywhere_gives_what_is_whole),
		cmocka_unit_test(pcapng_goes_on_behind_a_block_length_that_lies),
		cmocka_unit_test(pcapng_packet_longer_than_its_block),
		cmocka_unit_test(pcapng_cut_anywhere_gives_what_is_whole),
		cmocka_unit_test(oversized_records_are_skipped),
		cmocka_unit_test(a_file_is_read_across_its_windows),
		cmocka_unit_test(what_is_no_capture_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
