/* Announced media addresses: a hash table of (address, leg, end), and for each leg a list of its
 * own. Bounded by the legs there are, and by ADDRESSES_MAX for each of their ends. */
#include "controlplane/endpoint.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS_MIN (1U << 12)
#define ADDRESSES_MAX 64 /* of an end that goes on announcing; the oldest are forgotten */

struct endpoint {
	struct netaddr address;
	uint8_t end; /* enum leg_end */
	bool guessed;
	struct leg *leg;
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

/* Makes room among those of one end: what the other end announced stays. */
static void drop_oldest(struct endpoints *e, struct leg *leg, enum leg_end end)
{
	struct endpoint **oldest = NULL;
	struct endpoint *p;
	unsigned int count = 0;

	for (struct endpoint **at = &leg->endpoints; *at; at = &(*at)->next_of_leg) {
		if ((*at)->end != end)
			continue;
		oldest = at;
		count++;
	}
	if (count < ADDRESSES_MAX || !oldest)
		return;
	p = *oldest;
	*oldest = p->next_of_leg;
	unlink_endpoint(e, p);
	free(p);
}

static int add(struct endpoints *e, const struct netaddr *address, struct leg *leg,
	enum leg_end end, bool guessed)
{
	struct endpoint *p;

	for (p = leg->endpoints; p; p = p->next_of_leg)
		if (p->end == end && p->guessed == guessed && netaddr_equal(&p->address, address))
			return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	drop_oldest(e, leg, end);
	if (e->count > e->mask)
		grow(e);
	*p = (struct endpoint){.address = *address,
		.leg = leg,
		.end = end,
		.guessed = guessed,
		.next_of_leg = leg->endpoints};
	leg->endpoints = p;
	link_endpoint(&e->buckets[netaddr_hash(address) & e->mask], p);
	e->count++;
	return 0;
}

int endpoint_add(
	struct endpoints *e, const struct netaddr *address, struct leg *leg, enum leg_end end)
{
	return add(e, address, leg, end, false);
}

int endpoint_guess(
	struct endpoints *e, const struct netaddr *address, struct leg *leg, enum leg_end end)
{
	return add(e, address, leg, end, true);
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

static bool is_at(
	const struct leg *leg, enum leg_end end, const struct netaddr *address, bool guessed)
{
	for (const struct endpoint *p = leg->endpoints; p; p = p->next_of_leg)
		if (p->end == end && p->guessed == guessed && netaddr_equal(&p->address, address))
			return true;
	return false;
}

bool endpoint_announced(const struct leg *leg, enum leg_end end, const struct netaddr *address)
{
	return is_at(leg, end, address, false);
}

bool endpoint_announced_host(const struct leg *leg, enum leg_end end, const struct netaddr *address)
{
	for (const struct endpoint *p = leg->endpoints; p; p = p->next_of_leg)
		if (p->end == end && netaddr_same_host(&p->address, address))
			return true;
	return false;
}

/* How well an endpoint fits a packet. */
#define FITS_BOTH_ENDS 4U
#define FITS_LIVE 2U
#define FITS_ADDRESS 1U

/* A packet, and which legs may have it: those whose SIP came in its own encapsulation, or the
 * others. */
struct search {
	const struct endpoints *endpoints;
	const struct flow *flow;
	bool own;
	bool guessed; /* by what legs announced, or by guesses */
};

/* The endpoint that has it, and by which of its addresses. */
struct claim {
	const struct endpoint *endpoint; /* NULL: none */
	unsigned int fit;
	bool by_destination;
};

static const struct endpoint *first_at(const struct search *s, const struct netaddr *address)
{
	return s->endpoints->buckets[netaddr_hash(address) & s->endpoints->mask];
}

static unsigned int fit(const struct search *s, const struct endpoint *p, bool by_destination)
{
	const struct flow *flow = s->flow;
	const struct netaddr *address = by_destination ? &flow->destination : &flow->source;
	const struct netaddr *other = by_destination ? &flow->source : &flow->destination;
	unsigned int f = FITS_ADDRESS;

	if (p->guessed != s->guessed || !netaddr_equal(&p->address, address) ||
		(p->leg->encapsulation == flow->encapsulation) != s->own)
		return 0;
	if (is_at(p->leg, p->end == END_SBC ? END_PARTICIPANT : END_SBC, other, s->guessed))
		f |= FITS_BOTH_ENDS;
	if (p->leg->state != LEG_ENDED)
		f |= FITS_LIVE;
	return f;
}

/* The endpoint at an address that fits best; the chain has the newest first. */
static struct claim best(const struct search *s, bool by_destination)
{
	struct claim c = {.by_destination = by_destination};

	for (const struct endpoint *p =
			first_at(s, by_destination ? &s->flow->destination : &s->flow->source);
		p; p = p->next) {
		unsigned int f = fit(s, p, by_destination);

		if (f > c.fit) {
			c.fit = f;
			c.endpoint = p;
		}
	}
	return c;
}

static struct claim find_claim(const struct search *s)
{
	struct claim to = best(s, true);
	struct claim from;

	if (to.endpoint &&
		(to.fit & FITS_BOTH_ENDS || (to.endpoint->end == END_SBC && to.fit & FITS_LIVE)))
		return to;
	from = best(s, false);
	if (!to.endpoint || (from.endpoint && from.fit & FITS_LIVE &&
				    (from.endpoint->end == END_SBC || !(to.fit & FITS_LIVE))))
		return from;
	return to;
}

/* Whether no leg of another call claims the packet as well. */
static bool is_alone(const struct search *s, const struct claim *c)
{
	for (const struct endpoint *p = first_at(s, &c->endpoint->address); p; p = p->next)
		if (p->leg->session != c->endpoint->leg->session &&
			fit(s, p, c->by_destination) >= c->fit)
			return false;
	return true;
}

static bool take(const struct claim *c, struct leg **leg, enum track *track)
{
	const struct endpoint *p = c->endpoint;

	if (!p)
		return false;
	*leg = p->leg;
	*track = (p->end == END_SBC) == c->by_destination ? TRACK_INCOMING : TRACK_OUTGOING;
	return true;
}

/* A guess of a live leg that no other call shares. */
static bool take_guess(struct search s, bool separate, struct leg **leg, enum track *track)
{
	struct claim c;

	s.guessed = true;
	s.own = true;
	c = find_claim(&s);
	if (!c.endpoint && !separate) {
		s.own = false;
		c = find_claim(&s);
	}
	return c.fit & FITS_LIVE && is_alone(&s, &c) && take(&c, leg, track);
}

bool endpoint_match(struct endpoints *e, const struct flow *flow, bool separate, struct leg **leg,
	enum track *track)
{
	const struct search inside = {.endpoints = e, .flow = flow, .own = true};
	const struct search elsewhere = {.endpoints = e, .flow = flow, .own = false};
	struct claim own = find_claim(&inside);
	struct claim other;

	if (own.fit & (FITS_BOTH_ENDS | FITS_LIVE) || (separate && own.endpoint))
		return take(&own, leg, track);
	if (separate)
		return take_guess(inside, separate, leg, track);
	other = find_claim(&elsewhere);
	if (other.fit & FITS_LIVE)
		return is_alone(&elsewhere, &other) ? take(&other, leg, track)
						    : take(&own, leg, track);
	return take(own.endpoint ? &own : &other, leg, track) ||
	       take_guess(inside, separate, leg, track);
}
