#include "tests/unit/storage/rig.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "common/clock.h"

void rig_eal(void)
{
	static char words[][24] = {
		"test", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m", "128"};
	char *argv[sizeof(words) / sizeof(words[0])];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		argv[i] = words[i];
	assert_true(rte_eal_init(sizeof(words) / sizeof(words[0]), argv) >= 0);
	clock_start();
}

void rig_init(struct rig *r)
{
	const char *root = getenv("LEGTAP_TEST_FOLDER");

	memset(r, 0, sizeof(*r));
	snprintf(r->folder, sizeof(r->folder), "%.32s/legtap_storage_XXXXXX",
		root ? root : "/var/tmp");
	assert_non_null(mkdtemp(r->folder));
	r->rx_count = 2;
	r->chunk_bytes = 4096;
	r->memory_bytes = 16UL << 20;
	r->config = (struct storage_config){.spool_path = r->folder,
		.max_age_ns = 5000000000ULL,
		.writer_count = 2,
		.finisher_count = 1,
		.tracks_max = 1000,
		.retry_first_ms = 1,
		.retry_most_ms = 4,
		.idle_sleep = true};
	for (unsigned int i = 0; i < TOPOLOGY_WRITERS_MAX; i++)
		r->config.writer_cores[i] = TOPOLOGY_ANY_CORE;
}

static void check(int err, const struct errmsg *e)
{
	if (err != 0)
		fail_msg("%d: %s", err, e->text);
}

void rig_make(struct rig *r)
{
	struct errmsg e;

	check(chunk_pool_create(&r->pool, r->memory_bytes, r->chunk_bytes, r->rx_count, &e), &e);
	check(topology_create(
		      &r->topology, r->rx_count, r->config.writer_count, r->pool.per_rx, &e),
		&e);
	check(storage_create(&r->storage, &r->config, &r->topology, &r->pool, &e), &e);
}

void rig_start(struct rig *r)
{
	struct errmsg e;

	if (!r->storage)
		rig_make(r);
	check(storage_start(r->storage, &e), &e);
}

void rig_stop(struct rig *r)
{
	char command[128];

	storage_stop_writers(r->storage);
	storage_stop_finishers(r->storage, true);
	storage_destroy(r->storage);
	topology_destroy(&r->topology);
	chunk_pool_destroy(&r->pool);
	snprintf(command, sizeof(command), "rm -r %s", r->folder);
	assert_int_equal(system(command), 0);
}

struct uuid rig_open(struct rig *r, unsigned int tracks, track_ref refs[TRACK_COUNT])
{
	struct recording_info info = {
		.tracks = tracks, .bucket = "bucket", .key = "key.wav", .account = "default"};

	assert_int_equal(uuid_random(&info.recording_id), 0);
	assert_int_equal(storage_open(r->storage, &info, refs), 0);
	return info.recording_id;
}

void rig_close(struct rig *r, const struct uuid *recording)
{
	struct recording_window window = {.stop_ns = 1, .reason = "hangup"};

	assert_int_equal(storage_close(r->storage, recording, &window), 0);
}

static struct chunk *take_back(struct rig *r, unsigned int rx)
{
	for (unsigned int w = 0; w < r->config.writer_count; w++) {
		uint32_t index;

		if (rte_ring_dequeue_elem(r->topology.empty[w][rx], &index, sizeof(index)) == 0)
			return &r->pool.chunks[index];
	}
	return NULL;
}

struct chunk *rig_chunk(struct rig *r, unsigned int rx)
{
	struct chunk *c;

	if (r->fresh[rx] < r->pool.per_rx)
		return &r->pool.chunks[rx * r->pool.per_rx + r->fresh[rx]++];
	while (!(c = take_back(r, rx)))
		sched_yield();
	return c;
}

static void fill_packet(uint8_t *packet, uint16_t length, uint32_t number, uint32_t i)
{
	uint32_t value = number * 2654435761U + i * 40503U + 1;

	for (uint16_t at = 0; at < length; at++) {
		value = value * 1664525U + 1013904223U;
		packet[at] = (uint8_t)(value >> 24);
	}
	memcpy(packet, &number, sizeof(number));
}

bool rig_is_frame(const uint8_t *packet, uint16_t length, uint32_t number, uint32_t i)
{
	uint8_t expected[UINT16_MAX];

	fill_packet(expected, length, number, i);
	return memcmp(packet, expected, length) == 0;
}

void rig_fill(struct chunk *c, track_ref ref, uint32_t stream, uint32_t number, uint32_t frames,
	uint16_t length)
{
	struct chunk_header *h = chunk_header_of(c);
	uint8_t *at = c->data + sizeof(*h);

	*h = (struct chunk_header){.magic = CHUNK_MAGIC,
		.version = CHUNK_VERSION,
		.frames = frames,
		.base_ns = clock_now_ns(),
		.stream = stream};
	for (uint32_t i = 0; i < frames; i++) {
		struct chunk_frame *frame = (struct chunk_frame *)at;

		*frame = (struct chunk_frame){.arrival_us = (int32_t)i * 20000, .length = length};
		fill_packet((uint8_t *)(frame + 1), length, number, i);
		at += chunk_frame_bytes(length);
	}
	c->track = ref;
	c->frames = frames;
	c->used = h->used_bytes = (uint32_t)(at - c->data);
}

void rig_hand_over(struct rig *r, struct chunk *c)
{
	unsigned int w = track_ref_slot(c->track) % r->config.writer_count;

	assert_int_equal(
		rte_ring_enqueue_elem(r->topology.chunks[c->rx][w], &c->index, sizeof(c->index)),
		0);
}

void rig_send(struct rig *r, unsigned int rx, track_ref ref, uint32_t number)
{
	struct chunk *c = rig_chunk(r, rx);

	rig_fill(c, ref, rx, number, RIG_FRAMES, RIG_LENGTH);
	rig_hand_over(r, c);
}

/* --- Events --- */

static void on_opened(void *arg, const struct uuid *recording, int err)
{
	struct rig_events *e = arg;

	e->opened++;
	e->opened_err = err;
}

static void on_closed(void *arg, const struct uuid *recording, const struct storage_closed *result)
{
	struct rig_events *e = arg;

	e->closed++;
	e->last_closed = *result;
}

static void on_rendered(
	void *arg, const struct uuid *recording, const struct storage_rendered *result)
{
	struct rig_events *e = arg;

	e->rendered++;
	e->render_failed += result->failed;
	snprintf(e->json, sizeof(e->json), "%s", result->json ? result->json : "");
}

static void on_delivered(
	void *arg, const struct uuid *recording, const char *sha256, uint64_t bytes)
{
	struct rig_events *e = arg;

	e->delivered++;
}

static void on_delivery_failed(void *arg, const struct uuid *recording, const char *bucket,
	long http_status, const char *why, uint32_t retry_ms)
{
	struct rig_events *e = arg;

	assert_string_equal(bucket, "bucket");
	e->delivery_failed++;
	e->retry_ms = retry_ms;
}

static void on_removed(void *arg, const struct uuid *recording)
{
	struct rig_events *e = arg;

	e->removed++;
}

static void on_space(void *arg, uint64_t free_bytes, uint64_t bytes_per_s)
{
	struct rig_events *e = arg;

	e->space++;
}

void rig_wait(struct rig *r, const unsigned int *count, unsigned int wanted)
{
	const struct storage_handlers handlers = {&r->events, on_opened, on_closed, on_rendered,
		on_delivered, on_delivery_failed, on_removed, on_space};
	time_t end = time(NULL) + 100;

	while (storage_poll(r->storage, &handlers) > 0 || *count < wanted) {
		struct pollfd p = {.fd = storage_wake_fd(r->storage), .events = POLLIN};

		if (*count < wanted)
			poll(&p, 1, 1000);
		if (time(NULL) > end)
			fail_msg("waited 100 s for %u events, got %u", wanted, *count);
	}
}

uint64_t rig_count(const struct rig *r, enum writer_counter which)
{
	uint64_t sum = 0;

	for (unsigned int w = 0; w < r->config.writer_count; w++)
		sum += counter_read(&storage_counters(r->storage, w)[which]);
	return sum;
}

void rig_assert_accounted(const struct rig *r)
{
	uint64_t in = 0;
	uint64_t out = 0;

	for (unsigned int i = 0; i < WRITER_COUNTER_COUNT; i++) {
		if (writer_counter_info[i].kind == COUNTER_IN)
			in += rig_count(r, i);
		if (writer_counter_info[i].kind == COUNTER_OUT)
			out += rig_count(r, i);
	}
	assert_int_equal(in, out);
	assert_int_equal(rig_count(r, WRITER_frames_in),
		rig_count(r, WRITER_frames_written) + rig_count(r, WRITER_frames_dropped));
}
