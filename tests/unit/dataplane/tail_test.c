#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/tail.h"

#define ROOM 65536U
#define UDP 8U	  /* the header before a payload */
#define FIRST 64U /* behind the header */

static struct tail_scratch scratch;

static uint32_t append(
	struct tail *t, uint8_t *chunk, uint32_t used, const uint8_t *payload, uint32_t bytes)
{
	struct chunk_frame frame = {.arrival_us = (int32_t)used, .length = (uint16_t)bytes};

	memcpy(tail_begin(&scratch, t, used), payload, bytes);
	return tail_append(&scratch, t, chunk, used, &frame);
}

/* What the chunk must hold, by copies. */
static uint32_t expect(uint8_t *chunk, uint32_t used, const uint8_t *payload, uint32_t bytes)
{
	struct chunk_frame frame = {.arrival_us = (int32_t)used, .length = (uint16_t)bytes};

	memcpy(chunk + used, &frame, sizeof(frame));
	memcpy(chunk + used + sizeof(frame), payload, bytes);
	memset(chunk + used + sizeof(frame) + bytes, 0,
		chunk_frame_bytes(bytes) - sizeof(frame) - bytes);
	return used + chunk_frame_bytes(bytes);
}

/* Frames of every length, one behind the other, and nothing behind the last line. */
static void chunk_of(uint32_t first_bytes, uint32_t step)
{
	uint8_t *chunk = aligned_alloc(64, ROOM);
	uint8_t *expected = malloc(ROOM);
	uint8_t packet[UDP + 1500 + TAIL_READ_BEHIND];
	uint8_t *payload = packet + UDP;
	struct tail t;
	uint32_t used = FIRST;
	uint32_t end;

	assert_non_null(chunk);
	assert_non_null(expected);
	memset(&t, 0xaa, sizeof(t));
	memset(chunk, 0x55, ROOM);
	memset(packet, 0xcc, sizeof(packet));
	memset(expected, 0x55, ROOM);
	for (uint32_t bytes = first_bytes; bytes <= 1500; bytes += step) {
		for (uint32_t i = 0; i < bytes; i++)
			payload[i] = (uint8_t)(i * 7 + bytes);
		if (used + chunk_frame_bytes(bytes) > ROOM)
			break;
		assert_int_equal(expect(expected, used, payload, bytes),
			append(&t, chunk, used, payload, bytes));
		used += chunk_frame_bytes(bytes);
	}
	tail_close(&t, chunk, used);
	tail_fence();
	end = (used + TAIL_BYTES - 1) / TAIL_BYTES * TAIL_BYTES;
	memset(expected + used, 0, end - used);
	assert_memory_equal(chunk + FIRST, expected + FIRST, ROOM - FIRST);
	free(chunk);
	free(expected);
}

static void frames_stand_as_they_came(void **state)
{
	for (uint32_t first = 12; first < 80; first++)
		for (uint32_t step = 1; step < 300; step += 13)
			chunk_of(first, step);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_stand_as_they_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
