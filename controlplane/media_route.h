/* Which tracks the media that is sent to an address of legtap's own feeds. On a mirror a flow is
 * found by what both ends announced (endpoint.h), and is of one track; to an address of our own it
 * is sent for a purpose, and who gave the address away tells which: what one says, and each other
 * one hears. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_MEDIA_ROUTE_H
#define LEGTAP_CONTROLPLANE_MEDIA_ROUTE_H

#include "common/netaddr.h"
#include "controlplane/leg.h"

#define MEDIA_ROUTES_MAX 64

struct media_route {
	struct leg *leg;
	enum track track;
	uint32_t party; /* storage_note_stream */
};

#define MEDIA_ROUTES_WAIT (-1) /* the owner is about to change them, and will tell */

/* At most MEDIA_ROUTES_MAX of them, or MEDIA_ROUTES_WAIT. */
typedef int media_router_h(
	void *arg, const struct netaddr *address, struct media_route routes[MEDIA_ROUTES_MAX]);

struct media_routes;

int media_routes_create(struct media_routes **out);
void media_routes_destroy(struct media_routes *r);

/* An address has this owner until it is removed, or another one comes. 0 or -ENOMEM. */
int media_routes_own(
	struct media_routes *r, const struct netaddr *address, media_router_h *router, void *arg);

/* `arg`: the owner; where another one has it by now nothing changes. */
void media_routes_disown(struct media_routes *r, const struct netaddr *address, const void *arg);

/* What its owner says; 0 when it has none. */
int media_routes_find(const struct media_routes *r, const struct netaddr *address,
	struct media_route routes[MEDIA_ROUTES_MAX]);

#endif
