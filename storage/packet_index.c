#include "storage/packet_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "storage/packet_seals.h"
#include "storage/redundancy.h"
#include "storage/rtp_packet.h"

#define ROOM_FIRST 4096
#define MOVES_PER_PACKET 16 /* beyond, a sort that does not mind disorder takes over */

int packet_index_init(struct packet_index *index, const struct journal *journal, enum track track)
{
	memset(index, 0, sizeof(*index));
	index->journal = journal;
	index->track = track;
	index->sources = calloc(PACKET_SOURCES_MAX, sizeof(index->sources[0]));
	/* One flow more than the journal has: for chunks whose stream it does not name. */
	index->flows = calloc(journal->stream_count + 1UL, sizeof(index->flows[0]));
	if (!index->sources || !index->flows)
		return -ENOMEM;
	return codec_map_init(&index->codecs, journal, track);
}

void packet_index_free(struct packet_index *index)
{
	codec_map_free(&index->codecs);
	free(index->reports);
	free(index->flows);
	free(index->sources);
	free(index->copies);
	free(index->packets);
	memset(index, 0, sizeof(*index));
}

static uint16_t part_of(struct packet_index *index, uint32_t party)
{
	for (uint32_t i = 0; i < index->flow_count; i++)
		if (index->flows[i].party == party)
			return index->flows[i].part;
	if (index->part_count == PACKET_PARTS_MAX)
		return PACKET_PARTS_MAX - 1;
	return index->part_count++;
}

static uint32_t enter_flow(struct packet_index *index, const struct packet_flow *flow)
{
	uint32_t i;

	for (i = 0; i < index->flow_count; i++)
		if (netaddr_equal(&index->flows[i].source, &flow->source) &&
			netaddr_equal(&index->flows[i].destination, &flow->destination) &&
			index->flows[i].party == flow->party)
			return i;
	index->flows[i] = *flow;
	index->flows[i].part = part_of(index, flow->party);
	index->flow_count++;
	return i;
}

static uint32_t flow_of(struct packet_index *index, uint32_t ordinal)
{
	struct packet_flow flow = {0};

	for (unsigned int i = 0; i < index->journal->stream_count; i++) {
		const struct journal_stream *s = &index->journal->streams[i];

		if (s->track == index->track && s->ordinal == ordinal) {
			flow.party = s->party;
			flow.source = s->source;
			flow.destination = s->destination;
			break;
		}
	}
	return enter_flow(index, &flow);
}

/* The index of a source, the newest first; PACKET_SOURCES_MAX when there are too many. */
static uint32_t enter_source(struct packet_index *index, uint32_t flow, uint32_t ssrc)
{
	struct packet_source *source;

	for (uint32_t i = index->source_count; i-- > 0;)
		if (index->sources[i].ssrc == ssrc && index->sources[i].flow == flow)
			return i;
	if (index->source_count == PACKET_SOURCES_MAX)
		return PACKET_SOURCES_MAX;
	source = &index->sources[index->source_count];
	source->flow = flow;
	source->ssrc = ssrc;
	return index->source_count++;
}

int packet_index_reserve(struct packet_index *index, size_t more)
{
	size_t room = index->room ? index->room : ROOM_FIRST;
	struct packet *packets;

	while (room < index->count + more)
		room *= 2;
	if (room == index->room)
		return 0;
	packets = realloc(index->packets, room * sizeof(*packets));
	if (!packets)
		return -ENOMEM;
	index->packets = packets;
	index->room = room;
	return 0;
}

static uint16_t count_samples(const struct track_codec *codec, const uint8_t *payload, size_t bytes)
{
	uint32_t samples;

	if (codec->kind != PACKET_AUDIO)
		return 0;
	samples = codec->decoder->samples(codec->decoder, &codec->form, payload, bytes);
	return samples > UINT16_MAX ? 0 : (uint16_t)samples;
}

/* What the packet's payload is, or a block of it. offset: of the payload in the track file. */
static void describe(struct packet_index *index, struct packet *p, uint8_t payload_type,
	uint64_t offset, const uint8_t *payload, uint16_t bytes)
{
	const struct track_codec *codec;

	p->codec = codec_map_find(&index->codecs, payload_type, p->arrival_ns);
	codec = packet_codec(index, p);
	p->offset = offset & 0x7fffffffffffULL;
	p->payload_bytes = bytes;
	p->samples = count_samples(codec, payload, bytes);
}

static int add_copy(struct packet_index *index, const struct packet *p,
	const struct redundancy_block *b, unsigned int back, const uint8_t *payload)
{
	struct packet_copy *c;

	if (index->copy_count == index->copy_room) {
		size_t room = index->copy_room ? 2 * index->copy_room : ROOM_FIRST;

		c = realloc(index->copies, room * sizeof(*c));
		if (!c)
			return -ENOMEM;
		index->copies = c;
		index->copy_room = room;
	}
	c = &index->copies[index->copy_count++];
	memset(c, 0, sizeof(*c));
	c->packet.arrival_ns = p->arrival_ns;
	c->ticks = b->ticks;
	c->back = (uint16_t)back;
	describe(index, &c->packet, b->payload_type, p->offset + b->offset, payload + b->offset,
		b->bytes);
	return 0;
}

/* The packet becomes its own block; its others are kept as copies. 0 or -ENOMEM. */
static int open_redundancy(struct packet_index *index, struct packet *p, const uint8_t *payload)
{
	struct redundancy_block blocks[REDUNDANCY_BLOCKS_MAX];
	int count = redundancy_parse(payload, p->payload_bytes, blocks);
	const struct redundancy_block *own;
	size_t first = index->copy_count;
	int err = 0;

	if (count < 1)
		return 0;
	own = &blocks[count - 1];
	for (int i = 0; err == 0 && i < count - 1; i++)
		if (blocks[i].bytes > 0)
			err = add_copy(
				index, p, &blocks[i], (unsigned int)(count - 1 - i), payload);
	describe(index, p, own->payload_type, p->offset + own->offset, payload + own->offset,
		own->bytes);
	for (size_t i = first; i < index->copy_count; i++)
		index->copies[i].of = p->offset;
	return err;
}

/* What a packet is, by its payload type; of a sealed one that is settled later (packet_seals). 0 or
 * -ENOMEM. */
static int add_codec(struct packet_index *index, struct packet *p, const struct track_frame *frame,
	const struct rtp_packet *rtp)
{
	const uint8_t *payload = frame->packet + rtp->payload_offset;
	const struct track_codec *codec;
	int err = 0;

	if (frame->sealed) {
		p->codec = rtp->payload_type;
		p->position = 1;
		index->sealed++;
		return 0;
	}
	describe(index, p, rtp->payload_type, p->offset, payload, rtp->payload_bytes);
	if (packet_codec(index, p)->kind == PACKET_REDUNDANT)
		err = open_redundancy(index, p, payload);
	codec = packet_codec(index, p);
	index->undecryptable += codec->sealed;
	if (codec->kind == PACKET_UNDECODABLE || codec->kind == PACKET_REDUNDANT ||
		(codec->kind == PACKET_AUDIO && p->samples == 0 && p->payload_bytes > 0))
		index->undecodable++;
	return err;
}

static int add_packet(struct packet_index *index, uint32_t flow, const struct track_frame *frame,
	uint64_t frame_offset)
{
	struct packet *p = &index->packets[index->count];
	struct rtp_packet rtp;
	uint32_t source;
	int err = frame->sealed ? rtp_packet_parse_header(frame->packet, frame->length, &rtp)
				: rtp_packet_parse(frame->packet, frame->length, &rtp);

	if (err != 0) {
		index->malformed++;
		return 0;
	}
	if (codec_map_is_other_media(&index->codecs, rtp.payload_type, frame->arrival_ns)) {
		(void)codec_map_find(&index->codecs, rtp.payload_type, frame->arrival_ns);
		index->other_media++;
		return 0;
	}
	source = enter_source(index, flow, rtp.ssrc);
	if (source == PACKET_SOURCES_MAX) {
		index->left_out++;
		return 0;
	}
	memset(p, 0, sizeof(*p));
	p->arrival_ns = frame->arrival_ns < PACKET_TIME_MAX ? frame->arrival_ns : PACKET_TIME_MAX;
	p->timestamp = rtp.timestamp;
	p->sequence = rtp.sequence;
	p->stream = (uint16_t)source;
	p->offset = (frame_offset + rtp.payload_offset) & 0x7fffffffffffULL;
	p->payload_bytes = rtp.payload_bytes;
	err = add_codec(index, p, frame, &rtp);
	index->count++;
	return err;
}

/* RTCP beside the stream's RTP. 0 or -ENOMEM. */
static int add_control(struct packet_index *index, uint32_t flow, const struct track_frame *frame)
{
	struct sender_report report = {.arrival_ns = frame->arrival_ns, .flow = flow};
	struct sender_report *reports;

	if (index->report_count == PACKET_REPORTS_MAX || frame->arrival_ns >= PACKET_TIME_MAX ||
		sender_report_parse(frame->packet, frame->length, &report) != 0)
		return 0;
	if (index->report_count == index->report_room) {
		size_t room = index->report_room ? 2 * index->report_room : 16;

		reports = realloc(index->reports, room * sizeof(*reports));
		if (!reports)
			return -ENOMEM;
		index->reports = reports;
		index->report_room = room;
	}
	index->reports[index->report_count++] = report;
	return 0;
}

int packet_index_add(struct packet_index *index, const struct chunk_header *chunk, uint64_t offset)
{
	uint32_t flow = flow_of(index, chunk->stream);
	struct track_frames frames;
	struct track_frame frame;
	int err = packet_index_reserve(index, chunk->frames);

	if (err != 0)
		return err;
	track_frames_begin(&frames, chunk);
	while (err == 0 && track_frames_next(&frames, &frame)) {
		if (sender_report_is_control(frame.packet, frame.length))
			err = add_control(index, flow, &frame);
		else
			err = add_packet(index, flow, &frame,
				offset + (uint64_t)(frame.packet - (const uint8_t *)chunk));
	}
	return err;
}

int packet_index_load(struct packet_index *index, struct track_file *file)
{
	const struct chunk_header *chunk;
	int got;

	while ((got = track_file_next(file, &chunk)) > 0) {
		uint64_t end = track_file_stats(file)->end_bytes;
		int err = packet_index_add(index, chunk, end - chunk->stored_bytes);

		if (err != 0)
			return err;
	}
	packet_index_by_arrival(index);
	return got < 0 ? got : packet_seals_settle(index);
}

void packet_scale_samples(const struct packet_index *index, struct packet *p, uint32_t rate_hz)
{
	uint32_t from_hz = packet_codec(index, p)->form.rate_hz;
	uint64_t samples;

	if (p->samples == 0 || from_hz == rate_hz)
		return;
	samples = (uint64_t)p->samples * rate_hz / from_hz;
	p->samples = samples > UINT16_MAX ? 0 : (uint16_t)samples;
}

static int compare_arrival(const void *a, const void *b)
{
	const struct packet *x = a;
	const struct packet *y = b;

	if (x->arrival_ns != y->arrival_ns)
		return x->arrival_ns < y->arrival_ns ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int compare_position(const void *a, const void *b)
{
	const struct packet *x = a;
	const struct packet *y = b;

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return compare_arrival(a, b);
}

typedef int (*packet_compare)(const void *, const void *);

/* Straight insertion while it pays: streams are nearly in order. false: it gave up midway. */
static bool insert_in_order(struct packet *packets, size_t count, packet_compare compare)
{
	size_t moves = 0;

	for (size_t i = 1; i < count; i++) {
		struct packet p = packets[i];
		size_t at = i;

		while (at > 0 && compare(&packets[at - 1], &p) > 0) {
			packets[at] = packets[at - 1];
			at--;
		}
		packets[at] = p;
		moves += i - at;
		if (moves > MOVES_PER_PACKET * count)
			return false;
	}
	return true;
}

static void sort(struct packet_index *index, packet_compare compare)
{
	if (index->count > 1 && !insert_in_order(index->packets, index->count, compare))
		qsort(index->packets, index->count, sizeof(index->packets[0]), compare);
}

static int compare_reports(const void *a, const void *b)
{
	const struct sender_report *x = a;
	const struct sender_report *y = b;

	if (x->arrival_ns != y->arrival_ns)
		return x->arrival_ns < y->arrival_ns ? -1 : 1;
	return x->ntp_ns < y->ntp_ns ? -1 : x->ntp_ns > y->ntp_ns;
}

void packet_index_by_arrival(struct packet_index *index)
{
	sort(index, compare_arrival);
	if (index->report_count > 1)
		qsort(index->reports, index->report_count, sizeof(index->reports[0]),
			compare_reports);
}

void packet_index_by_position(struct packet_index *index)
{
	sort(index, compare_position);
}
