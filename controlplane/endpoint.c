/* Announced media addresses: a hash table of (address, leg, end), and for each leg a list of its
 * own. Bounded by the legs there are, and by ADDRESSES_MAX for each of them. */
#include "controlplane/endpoint.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS_MIN (1U << 12)
#define ADDRESSES_MAX 64 /* of a leg that goes on announcing new ones; the oldest are forgotten */

struct endpoint {
	struct netaddr address;
	struct leg *leg;
	enum leg_end end;
	struct endpoint *next; /* hash chain, the newest first */
	struct endpoint **link;
	struct endpoint *next_of_leg; /* the newest first */
};

struct endpoints {
	struct endpoint **buckets;
	size_t mask;
	size_t count;
};

int endpoints_create(struct endpoints **out)
{
	struct endpoints *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->mask = BUCKETS_MIN - 1;
	e->buckets = calloc(BUCKETS_MIN, sizeof(struct endpoint *));
	if (!e->buckets) {
		free(e);
		return -ENOMEM;
	}
	*out = e;
	return 0;
}

void endpoints_destroy(struct endpoints *e)
{
	if (!e)
		return;
	for (size_t i = 0; i <= e->mask; i++)
		while (e->buckets[i])
			endpoints_forget(e, e->buckets[i]->leg);
	free(e->buckets);
	free(e);
}

static void link_endpoint(struct endpoint **bucket, struct endpoint *p)
{
	p->next = *bucket;
	if (p->next)
		p->next->link = &p->next;
	p->link = bucket;
	*bucket = p;
}

static void unlink_endpoint(struct endpoints *e, struct endpoint *p)
{
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	e->count--;
}

/* Doubles the table; it goes on with the old one when there is no memory. */
static void grow(struct endpoints *e)
{
	size_t mask = e->mask * 2 + 1;
	struct endpoint **buckets = calloc(mask + 1, sizeof(struct endpoint *));

	if (!buckets)
		return;
	for (size_t i = 0; i <= e->mask; i++) {
		struct endpoint *reversed = NULL; /* so that a chain keeps its order */

		while (e->buckets[i]) {
			struct endpoint *p = e->buckets[i];

			e->buckets[i] = p->next;
			p->next = reversed;
			reversed = p;
		}
		while (reversed) {
			struct endpoint *p = reversed;

			reversed = p->next;
			link_endpoint(&buckets[netaddr_hash(&p->address) & mask], p);
		}
	}
	free(e->buckets);
	e->buckets = buckets;
	e->mask = mask;
}

static void drop_oldest(struct endpoints *e, struct leg *leg)
{
	struct endpoint **at = &leg->endpoints;
	unsigned int count = 0;

	for (; *at; at = &(*at)->next_of_leg) {
		if (++count < ADDRESSES_MAX)
			continue;
		unlink_endpoint(e, *at);
		free(*at);
		*at = NULL;
		return;
	}
}

int endpoint_add(
	struct endpoints *e, const struct netaddr *address, struct leg *leg, enum leg_end end)
{
	struct endpoint *p;

	for (p = leg->endpoints; p; p = p->next_of_leg)
		if (p->end == end && netaddr_equal(&p->address, address))
			return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	drop_oldest(e, leg);
	if (e->count > e->mask)
		grow(e);
	*p = (struct endpoint){
		.address = *address, .leg = leg, .end = end, .next_of_leg = leg->endpoints};
	leg->endpoints = p;
	link_endpoint(&e->buckets[netaddr_hash(address) & e->mask], p);
	e->count++;
	return 0;
}

void endpoints_forget(struct endpoints *e, struct leg *leg)
{
	while (leg->endpoints) {
		struct endpoint *p = leg->endpoints;

		leg->endpoints = p->next_of_leg;
		unlink_endpoint(e, p);
		free(p);
	}
}

static bool announced(const struct leg *leg, enum leg_end end, const struct netaddr *address)
{
	for (const struct endpoint *p = leg->endpoints; p; p = p->next_of_leg)
		if (p->end == end && netaddr_equal(&p->address, address))
			return true;
	return false;
}

/* How well an endpoint fits a packet. */
#define FITS_BOTH_ENDS 8U
#define FITS_ENCAPSULATION 4U
#define FITS_LIVE 2U
#define FITS_ADDRESS 1U

static unsigned int fit(const struct endpoint *p, const struct netaddr *address,
	const struct netaddr *other, uint32_t encapsulation)
{
	unsigned int f = FITS_ADDRESS;

	if (!netaddr_equal(&p->address, address))
		return 0;
	if (announced(p->leg, p->end == END_SBC ? END_PARTICIPANT : END_SBC, other))
		f |= FITS_BOTH_ENDS;
	if (p->leg->encapsulation == encapsulation)
		f |= FITS_ENCAPSULATION;
	if (p->leg->state != LEG_ENDED)
		f |= FITS_LIVE;
	return f;
}

/* The endpoint at `address` that fits best; the chain has the newest first. */
static const struct endpoint *best(const struct endpoints *e, const struct netaddr *address,
	const struct netaddr *other, uint32_t encapsulation, unsigned int *best_fit)
{
	const struct endpoint *found = NULL;

	*best_fit = 0;
	for (const struct endpoint *p = e->buckets[netaddr_hash(address) & e->mask]; p;
		p = p->next) {
		unsigned int f = fit(p, address, other, encapsulation);

		if (f > *best_fit) {
			*best_fit = f;
			found = p;
		}
	}
	return found;
}

static bool take(const struct endpoint *p, bool is_destination, struct leg **leg, enum track *track)
{
	*leg = p->leg;
	*track = (p->end == END_SBC) == is_destination ? TRACK_INCOMING : TRACK_OUTGOING;
	return true;
}

bool endpoint_match(struct endpoints *e, const struct netaddr *source,
	const struct netaddr *destination, uint32_t encapsulation, struct leg **leg,
	enum track *track)
{
	unsigned int to_fit;
	unsigned int from_fit;
	const struct endpoint *to = best(e, destination, source, encapsulation, &to_fit);
	const struct endpoint *from;

	if (to && (to_fit & FITS_BOTH_ENDS || (to->end == END_SBC && to_fit & FITS_LIVE)))
		return take(to, true, leg, track);
	from = best(e, source, destination, encapsulation, &from_fit);
	if (!from && !to)
		return false;
	if (!to ||
		(from && from_fit & FITS_LIVE && (from->end == END_SBC || !(to_fit & FITS_LIVE))))
		return take(from, false, leg, track);
	return take(to, true, leg, track);
}
