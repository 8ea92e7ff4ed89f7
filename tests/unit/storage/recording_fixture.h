/* A recording made by hand for tests: journal and track files in a folder of their own, from RTP
 * packets that a test describes. */
#ifndef LEGTAP_TESTS_RECORDING_FIXTURE_H
#define LEGTAP_TESTS_RECORDING_FIXTURE_H

#include <stdint.h>
#include <stdio.h>

#include "storage/journal.h"
#include "storage/track_file.h"

#define FIXTURE_SECOND 1000000000ULL
#define FIXTURE_MS 1000000ULL
#define FIXTURE_START (1000 * FIXTURE_SECOND) /* the recording clock at the start */
#define FIXTURE_CHUNK_BYTES 8192U

struct fixture_stream {
	enum track track;
	uint32_t ordinal;
	uint8_t *chunk; /* being filled */
};

struct fixture {
	char folder[64];
	struct recording_info info;
	struct storage_config config;
	FILE *journal;
	int fd[TRACK_COUNT];
	uint32_t chunks[TRACK_COUNT];
	unsigned int stream_count;
	struct fixture_stream streams[16];
};

/* An RTP packet to record. */
struct fixture_rtp {
	uint64_t arrival_ns;
	uint32_t ssrc;
	uint32_t timestamp;
	uint16_t sequence;
	uint8_t payload_type;
	const uint8_t *payload;
	uint16_t payload_bytes;
};

/* Begins a recording of the tracks, with one stream (ordinal = track) for each. */
void fixture_begin(struct fixture *f, unsigned int tracks);

/* Appends a line of the journal; frees it. */
void fixture_line(struct fixture *f, char *line);

/* Another stream, from source port `port`. Returns its index for fixture_add. */
unsigned int fixture_stream(struct fixture *f, enum track track, uint32_t ordinal, uint16_t port);
unsigned int fixture_party(
	struct fixture *f, enum track track, uint32_t ordinal, uint16_t port, uint32_t party);

void fixture_add(struct fixture *f, unsigned int stream, const struct fixture_rtp *rtp);

/* Payload byte i of packet `sequence` of a source: any test can compute it again. */
uint8_t fixture_byte(uint32_t ssrc, uint16_t sequence, unsigned int i);

/* Adds a packet of 160 of them. */
void fixture_audio(struct fixture *f, unsigned int stream, uint64_t arrival_ns, uint32_t ssrc,
	uint16_t sequence, uint32_t timestamp, uint8_t payload_type);

/* Writes what is left and closes all, with `window`. */
void fixture_end(struct fixture *f, const struct recording_window *window);

/* Path of one of the recording's files. */
void fixture_path(const struct fixture *f, const char *suffix, char path[256]);

/* The whole of a file, NUL-terminated, the caller's to free. */
char *fixture_read(const char *path, size_t *bytes);

/* Removes the folder. */
void fixture_remove(struct fixture *f);

#endif
