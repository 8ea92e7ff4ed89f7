/* See fragment.h. Packets stand in a hash table, by their key, and in a list, by when they began.
 */
#include "dataplane/fragment.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <rte_hash_crc.h>
#include <rte_jhash.h>
#include <rte_random.h>

#include "dataplane/decap_layer.h"
#include "dataplane/packet.h"

#define NONE UINT32_MAX
#define IPV4_BYTES 20U
#define IPV6_BYTES 40U
#define PACKET_BYTES_MAX 65535U /* of an IPv4 packet; of an IPv6 packet behind its header */

enum state { STATE_FREE, STATE_WAITING, STATE_WHOLE, STATE_REFUSED };

struct key {
	uint8_t source[16];
	uint8_t destination[16];
	uint32_t encapsulation;
	uint32_t id;
	uint8_t version;
	uint8_t protocol; /* IPv6: 0, for only the first fragment's counts */
	uint16_t reserved;
};
static_assert(sizeof(struct key) == 44, "hashed and compared as bytes, without gaps");

/* What a fragment says of itself. */
struct fragment {
	struct key key;
	uint32_t at; /* of its data, in the frame */
	uint32_t offset;
	uint32_t bytes;
	uint32_t checksum;
	uint8_t protocol;
	bool more;
	uint64_t arrival_ns;
	uint64_t since_ns;
	uint8_t port;
};

struct piece {
	struct rte_mbuf *m; /* its data; NULL when the packet is whole */
	uint32_t checksum;
	uint16_t offset;
	uint16_t bytes;
};

struct entry {
	struct key key;
	enum state state;
	uint32_t next; /* hash chain, or free list */
	uint32_t newer;
	uint32_t older;
	uint64_t began_ns; /* arrival of its first fragment */
	uint64_t since_ns;
	uint32_t total; /* 0: the last fragment is not here */
	uint32_t bytes; /* of all pieces */
	uint16_t pieces_count;
	uint8_t protocol;
	struct piece pieces[FRAGMENT_PIECES_MAX]; /* by offset */
};

struct fragments {
	struct rte_mempool *pool;
	uint32_t max;
	uint32_t held; /* mbufs of all pieces */
	uint64_t hold_ns;
	uint32_t seed;
	uint32_t mask; /* of buckets */
	uint32_t free;
	uint32_t oldest;
	uint32_t newest;
	uint32_t *buckets;
	struct entry *entries;
};

int fragments_create(
	struct fragments **out, uint32_t max, uint64_t hold_ns, struct rte_mempool *pool)
{
	struct fragments *f = calloc(1, sizeof(*f));
	uint32_t buckets = rte_align32pow2(max + 1);

	*out = NULL;
	if (!f)
		return -ENOMEM;
	f->pool = pool;
	f->max = max;
	f->hold_ns = hold_ns;
	f->seed = (uint32_t)rte_rand();
	f->mask = buckets - 1;
	f->oldest = f->newest = f->free = NONE;
	f->buckets = malloc(buckets * sizeof(*f->buckets));
	f->entries = calloc(max + 1UL, sizeof(*f->entries));
	if (!f->buckets || !f->entries) {
		fragments_destroy(f);
		return -ENOMEM;
	}
	memset(f->buckets, 0xff, buckets * sizeof(*f->buckets));
	for (uint32_t i = max; i-- > 0;) {
		f->entries[i].next = f->free;
		f->free = i;
	}
	*out = f;
	return 0;
}

/* --- Entries --- */

static uint32_t *bucket_of(struct fragments *f, const struct key *key)
{
	return &f->buckets[rte_jhash(key, sizeof(*key), f->seed) & f->mask];
}

static struct entry *find(struct fragments *f, const struct key *key)
{
	uint32_t i = *bucket_of(f, key);

	while (i != NONE && memcmp(&f->entries[i].key, key, sizeof(*key)) != 0)
		i = f->entries[i].next;
	return i == NONE ? NULL : &f->entries[i];
}

static void list_remove(struct fragments *f, const struct entry *e)
{
	*(e->newer != NONE ? &f->entries[e->newer].older : &f->newest) = e->older;
	*(e->older != NONE ? &f->entries[e->older].newer : &f->oldest) = e->newer;
}

static void list_add(struct fragments *f, struct entry *e)
{
	uint32_t i = (uint32_t)(e - f->entries);

	e->newer = NONE;
	e->older = f->newest;
	*(f->newest != NONE ? &f->entries[f->newest].newer : &f->oldest) = i;
	f->newest = i;
}

/* Frees what waits of a packet: `outcome` is what became of it. */
static void free_pieces(struct fragments *f, struct entry *e, enum rx_counter outcome,
	uint64_t tally[RX_COUNTER_COUNT])
{
	if (e->state != STATE_WAITING)
		return;
	for (unsigned int i = 0; i < e->pieces_count; i++) {
		f->held -= e->pieces[i].m->nb_segs;
		rte_pktmbuf_free(e->pieces[i].m);
		e->pieces[i].m = NULL;
	}
	tally[RX_fragment_waiting] -= e->pieces_count;
	tally[outcome] += e->pieces_count;
}

static void forget(struct fragments *f, struct entry *e, enum rx_counter outcome,
	uint64_t tally[RX_COUNTER_COUNT])
{
	uint32_t index = (uint32_t)(e - f->entries);
	uint32_t *at = bucket_of(f, &e->key);

	free_pieces(f, e, outcome, tally);
	while (*at != index)
		at = &f->entries[*at].next;
	*at = e->next;
	list_remove(f, e);
	e->state = STATE_FREE;
	e->next = f->free;
	f->free = index;
}

/* A packet that begins with this fragment. */
static void begin(struct fragments *f, struct entry *e, const struct fragment *new)
{
	e->state = STATE_WAITING;
	e->began_ns = new->arrival_ns;
	e->since_ns = new->since_ns;
	e->total = 0;
	e->bytes = 0;
	e->pieces_count = 0;
	list_add(f, e);
}

static struct entry *add(
	struct fragments *f, const struct fragment *new, uint64_t tally[RX_COUNTER_COUNT])
{
	uint32_t *bucket;
	struct entry *e;

	if (f->max == 0)
		return NULL;
	if (f->free == NONE)
		forget(f, &f->entries[f->oldest], RX_drop_fragments_full, tally);
	e = &f->entries[f->free];
	f->free = e->next;
	e->key = new->key;
	bucket = bucket_of(f, &e->key);
	e->next = *bucket;
	*bucket = (uint32_t)(e - f->entries);
	begin(f, e, new);
	return e;
}

void fragments_destroy(struct fragments *f)
{
	uint64_t tally[RX_COUNTER_COUNT] = {0};

	if (!f)
		return;
	if (f->entries && f->buckets)
		fragments_finish(f, tally);
	free(f->buckets);
	free(f->entries);
	free(f);
}

/* --- A fragment --- */

/* CRC-32C. rte_hash_crc reads words wherever they lie, which C does not allow. */
static uint32_t add_bytes(uint32_t checksum, const uint8_t *p, uint32_t bytes)
{
	uint64_t word;

	for (; bytes >= sizeof(word); p += sizeof(word), bytes -= (uint32_t)sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		checksum = rte_hash_crc_8byte(word, checksum);
	}
	for (; bytes > 0; p++, bytes--)
		checksum = rte_hash_crc_1byte(*p, checksum);
	return checksum;
}

static uint32_t checksum_of(const struct rte_mbuf *m, uint32_t at, uint32_t bytes)
{
	uint32_t checksum = 0;

	for (; m && bytes > 0; m = m->next) {
		uint32_t here = m->data_len > at ? m->data_len - at : 0;

		here = here < bytes ? here : bytes;
		if (here > 0)
			checksum = add_bytes(
				checksum, rte_pktmbuf_mtod_offset(m, const uint8_t *, at), here);
		at = m->data_len > at ? 0 : at - m->data_len;
		bytes -= here;
	}
	return checksum;
}

static uint32_t describe_ipv4(struct fragment *out, const struct decap *d, const uint8_t *h)
{
	memcpy(out->key.source, d->key.v4.source, 4);
	memcpy(out->key.destination, d->key.v4.destination, 4);
	out->key.encapsulation = d->key.v4.scope;
	out->key.id = be16(h + 4);
	out->key.protocol = h[9];
	out->protocol = h[9];
	out->offset = (be16(h + 6) & 0x1fffU) * 8U;
	out->more = h[6] & 0x20;
	return (h[0] & 0x0fU) * 4U;
}

static uint32_t describe_ipv6(struct fragment *out, const struct decap *d, const uint8_t *h)
{
	memcpy(out->key.source, d->key.v6.source, 16);
	memcpy(out->key.destination, d->key.v6.destination, 16);
	out->key.encapsulation = d->key.v6.scope;
	out->key.id = be32(h + 4);
	out->protocol = h[0];
	out->offset = be16(h + 2) & 0xfff8U;
	out->more = h[3] & 1;
	return 8;
}

/* The outcome of a fragment that is no use by itself; RX_fragment_waiting when it is. */
static enum rx_counter describe(struct fragment *out, struct rte_mbuf *m, const struct decap *d)
{
	const uint8_t *h = rte_pktmbuf_mtod_offset(m, const uint8_t *, d->payload_offset);
	const struct packet_area *area = packet_area_of(m);
	uint32_t header_bytes;
	uint32_t most;

	memset(out, 0, sizeof(*out));
	out->key.version = d->key.version;
	header_bytes = d->key.version == 4 ? describe_ipv4(out, d, h) : describe_ipv6(out, d, h);
	out->at = d->payload_offset + header_bytes;
	out->bytes = d->payload_wire - header_bytes;
	most = d->key.version == 4 ? PACKET_BYTES_MAX - IPV4_BYTES : PACKET_BYTES_MAX;
	if (out->bytes == 0 || (out->more && out->bytes % 8 != 0) ||
		out->offset + out->bytes > most)
		return RX_malformed;
	if (d->payload_bytes < d->payload_wire)
		return RX_fragment_cut;
	out->checksum = checksum_of(m, out->at, out->bytes);
	out->arrival_ns = area->packet.arrival_ns;
	out->since_ns = area->since_ns;
	out->port = area->packet.port;
	return RX_fragment_waiting;
}

/* --- Its place --- */

static bool is_piece(const struct piece *p, const struct fragment *new)
{
	return p->offset == new->offset && p->bytes == new->bytes && p->checksum == new->checksum;
}

static bool is_duplicate(const struct entry *e, const struct fragment *new)
{
	for (unsigned int i = 0; i < e->pieces_count; i++)
		if (is_piece(&e->pieces[i], new))
			return true;
	return false;
}

/* The place among the pieces; -1 where it overlaps one, or contradicts where the packet ends. */
static int place_of(const struct entry *e, const struct fragment *new)
{
	uint32_t end = new->offset + new->bytes;
	unsigned int i = e->pieces_count;
	const struct piece *last;

	while (i > 0 && e->pieces[i - 1].offset > new->offset)
		i--;
	if (i > 0 && e->pieces[i - 1].offset + e->pieces[i - 1].bytes > new->offset)
		return -1;
	if (i < e->pieces_count && end > e->pieces[i].offset)
		return -1;
	if (e->total && (end > e->total || !new->more))
		return -1;
	last = e->pieces_count > 0 ? &e->pieces[e->pieces_count - 1] : NULL;
	if (!new->more && last && (uint32_t)last->offset + last->bytes > end)
		return -1;
	return (int)i;
}

static void refuse(struct fragments *f, struct entry *e, uint64_t tally[RX_COUNTER_COUNT])
{
	free_pieces(f, e, RX_fragment_refused, tally);
	e->pieces_count = 0;
	e->state = STATE_REFUSED;
}

/* Makes room for `mbufs` more, of packets that began before `but`. */
static bool make_room(struct fragments *f, const struct entry *but, uint32_t mbufs,
	uint64_t tally[RX_COUNTER_COUNT])
{
	while (f->held + mbufs > f->max && &f->entries[f->oldest] != but)
		forget(f, &f->entries[f->oldest], RX_drop_fragments_full, tally);
	return f->held + mbufs <= f->max;
}

static enum rx_counter insert(struct fragments *f, struct entry *e, unsigned int place,
	const struct fragment *new, struct rte_mbuf *m, uint64_t tally[RX_COUNTER_COUNT])
{
	uint32_t mbufs = (new->bytes + FRAGMENT_ROOM_BYTES - 1) / FRAGMENT_ROOM_BYTES;
	struct piece *p = &e->pieces[place];
	struct rte_mbuf *copy;

	if (!make_room(f, e, mbufs, tally))
		return RX_drop_fragments_full;
	copy = rte_pktmbuf_copy(m, f->pool, new->at, new->bytes);
	if (!copy)
		return RX_drop_fragments_full;
	memmove(p + 1, p, (e->pieces_count - place) * sizeof(*p));
	*p = (struct piece){copy, new->checksum, (uint16_t) new->offset, (uint16_t) new->bytes};
	e->pieces_count++;
	e->bytes += new->bytes;
	f->held += copy->nb_segs;
	if (!new->more)
		e->total = new->offset + new->bytes;
	if (new->offset == 0)
		e->protocol = new->protocol;
	if (new->since_ns < e->since_ns)
		e->since_ns = new->since_ns;
	return RX_fragment_waiting;
}

static enum rx_counter place(struct fragments *f, struct entry *e, const struct fragment *new,
	struct rte_mbuf *m, uint64_t tally[RX_COUNTER_COUNT])
{
	int at;

	if (e->state == STATE_REFUSED)
		return RX_fragment_refused;
	if (is_duplicate(e, new))
		return RX_fragment_duplicate;
	if (e->state == STATE_WHOLE) { /* another packet with the same id */
		list_remove(f, e);
		begin(f, e, new);
	}
	at = e->pieces_count < FRAGMENT_PIECES_MAX ? place_of(e, new) : -1;
	if (at < 0) {
		refuse(f, e, tally);
		return RX_fragment_refused;
	}
	return insert(f, e, (unsigned int)at, new, m, tally);
}

/* --- The whole --- */

static bool append(struct fragments *f, struct rte_mbuf *whole, const uint8_t *data, uint32_t bytes)
{
	while (bytes > 0) {
		struct rte_mbuf *last = rte_pktmbuf_lastseg(whole);
		uint32_t room = rte_pktmbuf_tailroom(last);
		uint32_t here = bytes < room ? bytes : room;

		if (room == 0) {
			last->next = rte_pktmbuf_alloc(f->pool);
			if (!last->next)
				return false;
			whole->nb_segs++;
			continue;
		}
		memcpy(rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len), data, here);
		last->data_len = (uint16_t)(last->data_len + here);
		whole->pkt_len += here;
		data += here;
		bytes -= here;
	}
	return true;
}

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

/* LINK_INNER's header and one of IP, without options or extensions. */
static bool append_headers(struct fragments *f, struct rte_mbuf *whole, const struct entry *e)
{
	uint8_t h[LINK_INNER_BYTES + IPV6_BYTES] = {0};
	uint8_t *ip = h + LINK_INNER_BYTES;

	put16(h, e->key.encapsulation >> 16);
	put16(h + 2, e->key.encapsulation);
	if (e->key.version == 4) {
		ip[0] = 0x45;
		put16(ip + 2, IPV4_BYTES + e->total);
		ip[8] = 64;
		ip[9] = e->protocol;
		memcpy(ip + 12, e->key.source, 4);
		memcpy(ip + 16, e->key.destination, 4);
		return append(f, whole, h, LINK_INNER_BYTES + IPV4_BYTES);
	}
	ip[0] = 0x60;
	put16(ip + 4, e->total);
	ip[6] = e->protocol;
	ip[7] = 64;
	memcpy(ip + 8, e->key.source, 16);
	memcpy(ip + 24, e->key.destination, 16);
	return append(f, whole, h, LINK_INNER_BYTES + IPV6_BYTES);
}

static struct rte_mbuf *join(struct fragments *f, const struct entry *e)
{
	struct rte_mbuf *whole = rte_pktmbuf_alloc(f->pool);
	bool fits = whole && append_headers(f, whole, e);

	for (unsigned int i = 0; fits && i < e->pieces_count; i++)
		for (const struct rte_mbuf *m = e->pieces[i].m; fits && m; m = m->next)
			fits = append(f, whole, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
	if (fits)
		return whole;
	rte_pktmbuf_free(whole);
	return NULL;
}

/* A packet all of whose pieces are here. */
static struct rte_mbuf *finish(struct fragments *f, struct entry *e, const struct fragment *last,
	uint64_t tally[RX_COUNTER_COUNT])
{
	struct rte_mbuf *whole = join(f, e);
	struct packet_area *area;

	if (!whole) {
		forget(f, e, RX_drop_fragments_full, tally);
		return NULL;
	}
	free_pieces(f, e, RX_fragment_joined, tally);
	e->state = STATE_WHOLE;
	tally[RX_reassembled]++;
	area = packet_area_of(whole);
	memset(area, 0, sizeof(*area));
	area->packet.arrival_ns = last->arrival_ns;
	area->packet.port = last->port;
	area->since_ns = e->since_ns;
	area->wire_bytes = whole->pkt_len;
	area->link = LINK_INNER;
	return whole;
}

struct rte_mbuf *fragments_take(struct fragments *f, struct rte_mbuf *m, const struct decap *d,
	uint64_t tally[RX_COUNTER_COUNT])
{
	struct fragment new;
	enum rx_counter outcome = describe(&new, m, d);
	struct entry *e = NULL;

	if (outcome == RX_fragment_waiting) {
		fragments_age(f, new.arrival_ns, tally);
		e = find(f, &new.key);
		if (!e)
			e = add(f, &new, tally);
		outcome = e ? place(f, e, &new, m, tally) : RX_drop_fragments_full;
	}
	tally[outcome]++;
	if (outcome == RX_fragment_waiting && e->total && e->bytes == e->total)
		return finish(f, e, &new, tally);
	return NULL;
}

void fragments_age(struct fragments *f, uint64_t now_ns, uint64_t tally[RX_COUNTER_COUNT])
{
	while (f->oldest != NONE && now_ns >= f->entries[f->oldest].began_ns + f->hold_ns)
		forget(f, &f->entries[f->oldest], RX_fragment_timeout, tally);
}

void fragments_finish(struct fragments *f, uint64_t tally[RX_COUNTER_COUNT])
{
	while (f->oldest != NONE)
		forget(f, &f->entries[f->oldest], RX_fragment_timeout, tally);
}
