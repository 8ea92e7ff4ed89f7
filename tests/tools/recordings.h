/* Reader of recordings.jsonl (docs: file formats), as far as the verifier needs it. */
#ifndef LEGTAP_TESTS_TOOLS_RECORDINGS_H
#define LEGTAP_TESTS_TOOLS_RECORDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "truth.h"

struct recorded_track {
	bool present;
	struct truth_counts counts;
	unsigned int stream_count;
	char ssrc[16];		  /* of the first stream */
	uint64_t stream_received; /* sum of the streams */
};

struct recording {
	char file[1024];
	char sip_call_id[128];
	char track[16]; /* BOTH, INCOMING, OUTGOING */
	char state[16];
	bool cut_short;
	int64_t start_us; /* Unix time */
	int64_t stop_us;
	uint64_t duration_ms;
	struct recorded_track tracks[TRUTH_TRACKS];
};

struct recordings {
	size_t count;
	struct recording *list;
};

/* Errors end the program. */
void recordings_read(struct recordings *r, const char *path);

#endif
