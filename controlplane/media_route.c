#include "controlplane/media_route.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS 8192 /* a power of two */

struct owned {
	struct netaddr address;
	media_router_h *router;
	void *arg;
	struct owned *next;
};

struct media_routes {
	struct owned *buckets[BUCKETS];
};

int media_routes_create(struct media_routes **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void media_routes_destroy(struct media_routes *r)
{
	for (unsigned int i = 0; r && i < BUCKETS; i++) {
		while (r->buckets[i]) {
			struct owned *o = r->buckets[i];

			r->buckets[i] = o->next;
			free(o);
		}
	}
	free(r);
}

/* The link to an address's entry, or to the end of its chain. */
static struct owned **find(const struct media_routes *r, const struct netaddr *address)
{
	struct owned **at = (struct owned **)&r->buckets[netaddr_hash(address) & (BUCKETS - 1)];

	while (*at && !netaddr_equal(&(*at)->address, address))
		at = &(*at)->next;
	return at;
}

int media_routes_own(
	struct media_routes *r, const struct netaddr *address, media_router_h *router, void *arg)
{
	struct owned **at = find(r, address);

	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return -ENOMEM;
		(*at)->address = *address;
	}
	(*at)->router = router;
	(*at)->arg = arg;
	return 0;
}

void media_routes_disown(struct media_routes *r, const struct netaddr *address, const void *arg)
{
	struct owned **at = find(r, address);
	struct owned *o = *at;

	if (!o || o->arg != arg)
		return;
	*at = o->next;
	free(o);
}

int media_routes_find(const struct media_routes *r, const struct netaddr *address,
	struct media_route routes[MEDIA_ROUTES_MAX])
{
	const struct owned *o = *find(r, address);

	return o ? o->router(o->arg, address, routes) : 0;
}
