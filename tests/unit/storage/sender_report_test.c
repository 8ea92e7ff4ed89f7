#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storage/sender_report.h"

#define SR_BYTES 28U

static void put_u32(uint8_t *at, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* RFC 3550, 6.4.1, without report blocks. */
static size_t add_report(uint8_t *out, uint32_t ssrc, uint32_t ntp, uint32_t fraction, uint32_t rtp)
{
	static const uint8_t head[] = {0x80, 200, 0, 6};

	memset(out, 0, SR_BYTES);
	memcpy(out, head, sizeof(head));
	put_u32(out + 4, ssrc);
	put_u32(out + 8, ntp);
	put_u32(out + 12, fraction);
	put_u32(out + 16, rtp);
	return SR_BYTES;
}

/* 6.5: one chunk with one item. */
static size_t add_item(uint8_t *out, uint32_t ssrc, uint8_t item, const char *text)
{
	size_t length = strlen(text);
	size_t bytes = (4 + 4 + 2 + length + 1 + 3) & ~(size_t)3;

	memset(out, 0, bytes);
	out[0] = 0x81;
	out[1] = 202;
	out[3] = (uint8_t)(bytes / 4 - 1);
	put_u32(out + 4, ssrc);
	out[8] = item;
	out[9] = (uint8_t)length;
	memcpy(out + 10, text, length);
	return bytes;
}

/* In a heap block of just those bytes. */
static int parse(const uint8_t *data, size_t bytes, struct sender_report *out)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, data, bytes);
	*out = (struct sender_report){.arrival_ns = 3, .flow = 4};
	err = sender_report_parse(copy, bytes, out);
	free(copy);
	assert_true(out->arrival_ns == 3 && out->flow == 4);
	return err;
}

static uint32_t cname_of(uint32_t ssrc, uint8_t item, const char *text)
{
	struct sender_report r;
	uint8_t data[256];
	size_t bytes = add_report(data, 5, 1, 0, 0);

	bytes += add_item(data + bytes, ssrc, item, text);
	assert_int_equal(parse(data, bytes, &r), 0);
	return r.cname;
}

static void what_a_report_says(void **state)
{
	struct sender_report r;
	uint8_t data[64];
	size_t bytes = add_report(data, 0x12345678, 3000000000U, 0x40000000, 0xfffffff0);

	assert_int_equal(parse(data, bytes, &r), 0);
	assert_int_equal(r.ssrc, 0x12345678);
	assert_int_equal(r.timestamp, 0xfffffff0);
	assert_int_equal(r.ntp_ns, 3000000000250000000ULL);
	assert_int_equal(r.cname, 0);
}

static void a_name_is_that_of_the_same_source(void **state)
{
	uint32_t alice = cname_of(5, 1, "alice@192.0.2.1");

	assert_int_not_equal(alice, 0);
	assert_int_equal(cname_of(5, 1, "alice@192.0.2.1"), alice);
	assert_int_not_equal(cname_of(5, 1, "alice@192.0.2.2"), alice);
	assert_int_equal(cname_of(6, 1, "alice@192.0.2.1"), 0); /* another's */
	assert_int_equal(cname_of(5, 2, "alice@192.0.2.1"), 0); /* NAME */
}

static void the_first_report_of_a_compound_counts(void **state)
{
	static const uint8_t receiver[] = {0x80, 201, 0, 1, 0, 0, 0, 9};
	struct sender_report r;
	uint8_t data[256];
	size_t bytes = sizeof(receiver);

	memcpy(data, receiver, sizeof(receiver));
	assert_int_equal(parse(data, bytes, &r), -ENOENT);
	bytes += add_report(data + bytes, 1, 1, 0, 100);
	bytes += add_report(data + bytes, 2, 1, 0, 200);
	bytes += add_item(data + bytes, 1, 1, "one");
	assert_int_equal(parse(data, bytes, &r), 0);
	assert_int_equal(r.ssrc, 1);
	assert_int_equal(r.timestamp, 100);
	assert_int_equal(r.cname, cname_of(5, 1, "one"));
}

static void lengths_that_contradict_each_other(void **state)
{
	struct sender_report r;
	uint8_t data[256];
	size_t bytes = add_report(data, 5, 1, 0, 0);

	for (size_t cut = 0; cut < bytes; cut++)
		assert_int_equal(parse(data, cut, &r), cut < 4 ? -ENOENT : -EBADMSG);
	bytes += add_item(data + bytes, 5, 1, "name");
	for (size_t cut = SR_BYTES; cut < bytes; cut++) { /* the report is whole */
		assert_int_equal(parse(data, cut, &r), 0);
		assert_int_equal(r.cname, 0);
	}
	data[SR_BYTES + 9] = 200; /* an item longer than its packet */
	assert_int_equal(parse(data, bytes, &r), 0);
	assert_int_equal(r.cname, 0);
	data[3] = 5; /* a report of five words of six */
	assert_int_not_equal(parse(data, bytes, &r), 0);
	data[0] = 0x40;
	assert_int_equal(parse(data, bytes, &r), -EBADMSG);
}

/* RFC 5761, 4. */
static void control_is_told_by_its_type(void **state)
{
	uint8_t data[4] = {0x80};

	for (unsigned int type = 0; type < 256; type++) {
		data[1] = (uint8_t)type;
		assert_int_equal(sender_report_is_control(data, 4), type >= 192 && type <= 223);
		assert_false(sender_report_is_control(data, 3));
	}
	data[0] = 0x16;
	data[1] = 200;
	assert_false(sender_report_is_control(data, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_report_says),
		cmocka_unit_test(a_name_is_that_of_the_same_source),
		cmocka_unit_test(the_first_report_of_a_compound_counts),
		cmocka_unit_test(lengths_that_contradict_each_other),
		cmocka_unit_test(control_is_told_by_its_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
