/* Reader of what calltruth writes, and the counts that follow from it. */
#ifndef LEGTAP_TESTS_TOOLS_TRUTH_H
#define LEGTAP_TESTS_TOOLS_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRUTH_INCOMING, TRUTH_OUTGOING, TRUTH_TRACKS };

struct truth_packet {
	uint64_t arrival_us; /* capture time */
	uint32_t number;     /* in its stream, from 0 on */
};

struct truth_stream {
	char sip_call_id[128];
	char ssrc[9];
	int track;
	bool a_law;
	uint32_t rate;
	uint64_t key;
	uint32_t samples_per_packet;
	uint16_t sequence;
	uint64_t answer_us;
	uint64_t bye_us; /* 0: none */
	size_t count;	 /* of packets that arrived, copies included, in the order of arrival */
	struct truth_packet *packets;
};

/* A leg's two streams. */
struct truth_leg {
	struct truth_stream streams[TRUTH_TRACKS];
	unsigned int recordings; /* seen of it; for the verifier */
};

struct truth {
	size_t leg_count;
	struct truth_leg *legs;
};

/* What a recorder counts (RFC 3550, A.3; RFC 4737's reordering: a packet whose number is below the
 * highest so far, and that is no copy). */
struct truth_counts {
	uint64_t received;
	uint64_t lost;
	uint64_t reordered;
	uint64_t duplicate;
};

/* Errors end the program. */
void truth_read(struct truth *t, const char *path);
void truth_free(struct truth *t);

struct truth_leg *truth_find(struct truth *t, const char *sip_call_id);

/* Duration of one packet's audio. */
uint64_t truth_packet_us(const struct truth_stream *s);

/* Where packet 0 stands in capture time: as if every packet had the least delay of those of the
 * first second. Only with count > 0. */
int64_t truth_anchor_us(const struct truth_stream *s);

/* Counts of the packets from index `from` up to, not including, `to`. from_lowest: loss is counted
 * from the lowest number on, not from the first to arrive. */
struct truth_counts truth_count(
	const struct truth_stream *s, size_t from, size_t to, bool from_lowest);

#endif
