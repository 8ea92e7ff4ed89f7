/* Storage in a test: EAL, topology, chunks, a spool in a new folder, and the test's thread in the
 * place of the control thread and of the rx cores. Rendering and delivery are fakes that each test
 * brings. */
#ifndef LEGTAP_TESTS_STORAGE_RIG_H
#define LEGTAP_TESTS_STORAGE_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/storage.h"

struct rig_events {
	unsigned int opened;
	int opened_err; /* of the last */
	unsigned int closed;
	struct storage_closed last_closed;
	unsigned int rendered;
	unsigned int render_failed;
	char json[128]; /* of the last */
	unsigned int delivered;
	unsigned int delivery_failed;
	uint32_t retry_ms; /* of the last */
	unsigned int removed;
	unsigned int space;
};

struct rig {
	char folder[64];
	struct storage_config config;
	unsigned int rx_count;
	uint32_t chunk_bytes;
	uint64_t memory_bytes;
	struct topology topology;
	struct chunk_pool pool;
	struct storage *storage;
	uint32_t fresh[TOPOLOGY_RX_MAX]; /* chunks that were never used */
	struct rig_events events;
};

/* EAL; once in a process. */
void rig_eal(void);

/* Defaults: 2 rx, 2 writers, 1 finisher, 4 KiB chunks, 16 MiB; in a new folder under
 * LEGTAP_TEST_FOLDER, or /var/tmp, which is on a disk where /tmp may not be. Change what is to be
 * otherwise, then rig_start. */
void rig_init(struct rig *r);
/* Makes storage, without its threads. */
void rig_make(struct rig *r);
void rig_start(struct rig *r);
/* Stops what runs, and removes the folder. */
void rig_stop(struct rig *r);

/* A recording of these tracks, opened. */
struct uuid rig_open(struct rig *r, unsigned int tracks, track_ref refs[TRACK_COUNT]);
void rig_close(struct rig *r, const struct uuid *recording);

/* An empty chunk of an rx core, when need be after one comes back. */
struct chunk *rig_chunk(struct rig *r, unsigned int rx);
/* Fills a chunk with `frames` frames of `length` bytes that can be known again by `number`. */
void rig_fill(struct chunk *c, track_ref ref, uint32_t stream, uint32_t number, uint32_t frames,
	uint16_t length);
/* Whether a frame is the i-th of the chunk that was filled with this number. */
bool rig_is_frame(const uint8_t *packet, uint16_t length, uint32_t number, uint32_t i);
void rig_hand_over(struct rig *r, struct chunk *c);
/* All three. */
void rig_send(struct rig *r, unsigned int rx, track_ref ref, uint32_t number);
#define RIG_FRAMES 20U
#define RIG_LENGTH 172U

/* Polls storage until *count reaches `wanted`; fails the test after 100 s. */
void rig_wait(struct rig *r, const unsigned int *count, unsigned int wanted);
/* The sum of a counter over all writers. */
uint64_t rig_count(const struct rig *r, enum writer_counter which);
/* Asserts rule 1 at the writers, with nothing in flight. */
void rig_assert_accounted(const struct rig *r);

#endif
