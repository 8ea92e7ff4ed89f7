#include "storage/redundancy.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/byte_order.h"

#define HEADER_BYTES 4
#define MORE 0x80
#define TYPE_BITS 0x7f

int redundancy_parse(
	const uint8_t *payload, size_t bytes, struct redundancy_block blocks[REDUNDANCY_BLOCKS_MAX])
{
	size_t at = 0;
	size_t data;
	int count = 0;

	while (at < bytes && payload[at] & MORE) {
		if (count == REDUNDANCY_BLOCKS_MAX - 1 || at + HEADER_BYTES > bytes)
			return -EBADMSG;
		blocks[count++] = (struct redundancy_block){.payload_type = payload[at] & TYPE_BITS,
			.ticks = be16(payload + at + 1) >> 2,
			.bytes = be16(payload + at + 2) & 0x3ff};
		at += HEADER_BYTES;
	}
	if (at == bytes)
		return -EBADMSG;
	blocks[count++] = (struct redundancy_block){.payload_type = payload[at] & TYPE_BITS};
	data = at + 1;
	for (int i = 0; i < count - 1; i++) {
		blocks[i].offset = (uint16_t)data;
		data += blocks[i].bytes;
	}
	if (data > bytes)
		return -EBADMSG;
	blocks[count - 1].offset = (uint16_t)data;
	blocks[count - 1].bytes = (uint16_t)(bytes - data);
	return count;
}

/* A place in a stream's time. */
static uint64_t key_of(const struct packet *p)
{
	return (uint64_t)p->segment << 32 | p->timestamp;
}

static int compare_keys(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int compare_offset(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = ((const struct packet_copy *)b)->of;

	return x < y ? -1 : x > y;
}

/* The places that have audio, sorted. NULL: no memory. */
static uint64_t *list_places(const struct packet_index *index, size_t *count)
{
	uint64_t *places = malloc((index->count + 1) * sizeof(*places));

	*count = 0;
	if (!places)
		return NULL;
	for (size_t i = 0; i < index->count; i++)
		if (index->packets[i].samples > 0)
			places[(*count)++] = key_of(&index->packets[i]);
	qsort(places, *count, sizeof(*places), compare_keys);
	return places;
}

/* The first of a packet's copies, or NULL. They are in the order of the file. */
static const struct packet_copy *copies_of(const struct packet_index *index, const struct packet *p)
{
	uint64_t offset = p->offset;
	const struct packet_copy *c = index->copy_count == 0
					      ? NULL
					      : bsearch(&offset, index->copies, index->copy_count,
							sizeof(index->copies[0]), compare_offset);

	while (c && c > index->copies && c[-1].of == offset)
		c--;
	return c;
}

/* The copy as a packet, where the one that bore it stands less their distance. */
static struct packet place(const struct packet_index *index, const struct packet_copy *c,
	const struct packet *bearer, uint32_t rate_hz)
{
	struct packet p = c->packet;
	const struct track_codec *codec = packet_codec(index, &p);

	p.arrival_ns = bearer->arrival_ns;
	p.timestamp = bearer->timestamp - c->ticks;
	p.sequence = bearer->sequence - c->back;
	p.stream = bearer->stream;
	p.segment = bearer->segment;
	p.position = bearer->position - (int64_t)c->ticks * rate_hz / codec->codec.clock_hz;
	packet_scale_samples(index, &p, rate_hz);
	p.is_copy = 1;
	return p;
}

static bool is_wanted(const struct packet_index *index, const struct packet *p,
	const uint64_t *places, size_t place_count)
{
	uint64_t key = key_of(p);

	if (packet_codec(index, p)->kind == PACKET_EVENT)
		return true;
	return p->samples > 0 && !bsearch(&key, places, place_count, sizeof(key), compare_keys);
}

static int compare_packets(const void *a, const void *b)
{
	const struct packet *x = a;
	const struct packet *y = b;
	uint64_t key_x = key_of(x);
	uint64_t key_y = key_of(y);

	if (key_x != key_y)
		return key_x < key_y ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Several packets may bear a copy of one: the first will do. */
static void append(struct packet_index *index, struct packet *found, size_t count)
{
	qsort(found, count, sizeof(*found), compare_packets);
	for (size_t i = 0; i < count; i++) {
		bool audio = found[i].samples > 0;

		if (audio && i > 0 && found[i - 1].samples > 0 &&
			key_of(&found[i - 1]) == key_of(&found[i]))
			continue;
		index->packets[index->count++] = found[i];
		index->recovered += audio;
	}
}

int redundancy_fill(struct packet_index *index, uint32_t rate_hz)
{
	size_t place_count;
	size_t count = 0;
	struct packet *found = malloc((index->copy_count + 1) * sizeof(*found));
	uint64_t *places = index->copy_count > 0 ? list_places(index, &place_count) : NULL;
	int err = found && (places || index->copy_count == 0) ? 0 : -ENOMEM;

	for (size_t i = 0; err == 0 && index->copy_count > 0 && i < index->count; i++) {
		const struct packet *bearer = &index->packets[i];
		const struct packet_copy *end = index->copies + index->copy_count;
		const struct packet_copy *c = bearer->duplicate ? NULL : copies_of(index, bearer);

		for (; c && c < end && c->of == bearer->offset; c++) {
			found[count] = place(index, c, bearer, rate_hz);
			count += is_wanted(index, &found[count], places, place_count);
		}
	}
	if (err == 0)
		err = packet_index_reserve(index, count);
	if (err == 0)
		append(index, found, count);
	free(found);
	free(places);
	return err;
}
