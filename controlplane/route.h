/* The admin API's routes (docs/admin_api.md): a table from method and path to handler. Control
 * thread. */
#ifndef LEGTAP_CONTROLPLANE_ROUTE_H
#define LEGTAP_CONTROLPLANE_ROUTE_H

#include <stddef.h>

struct request;

/* Whether it is served to AWS clients (admin.aws) too: it is the service's own. */
enum route_reach { SOCKET_ONLY, AWS_TOO };

struct route {
	const char *method; /* a GET route serves HEAD too */
	const char *path; /* each "{…}" takes one segment; one at the end, the rest of the path */
	const char *query; /* the query parameters it knows, with blanks between */
	void (*handle)(struct request *r);
	enum route_reach reach;
};

#define ROUTE_ALLOW_BYTES 64

/* The route of a request; *id points to what the first "{…}" stands for, with the rest of the path
 * behind it, or "". NULL: none; allow then lists
 * the methods that the path has ("" when the path is unknown). */
const struct route *route_find(
	const char *method, const char *path, const char **id, char allow[ROUTE_ALLOW_BYTES]);

#endif
