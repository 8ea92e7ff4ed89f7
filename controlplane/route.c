#include "controlplane/route.h"

#include <stdbool.h>
#include <string.h>

#include "controlplane/handlers.h"

static const struct route routes[] = {
	{"POST", "/v1/actions", "", handle_actions, SOCKET_ONLY},
	{"POST", "/v1/sip-events", "", handle_sip_events, SOCKET_ONLY},
	{"GET", "/v1/status", "", handle_status, SOCKET_ONLY},
	{"GET", "/v1/calls", "limit after", handle_calls, SOCKET_ONLY},
	{"GET", "/v1/calls/{id}", "", handle_call, SOCKET_ONLY},
	{"POST", "/v1/calls/{id}", "", handle_call_join, SOCKET_ONLY},
	{"GET", "/v1/recordings", "limit after", handle_recordings, SOCKET_ONLY},
	{"GET", "/v1/recordings/{id}", "", handle_recording, SOCKET_ONLY},
	{"GET", "/v1/events", "after follow", handle_events, SOCKET_ONLY},
	{"POST", "/sip-media-applications/{id}/calls/{transactionId}", "", handle_call_update,
		AWS_TOO},
	{"GET", "/v1/billing", "account from to verify head", handle_billing, SOCKET_ONLY},
	{"GET", "/metrics", "", handle_metrics, SOCKET_ONLY},
};

static bool path_fits(const struct route *route, const char *path, const char **id)
{
	const char *at = route->path;

	*id = "";
	while (*at && *at != '{' && *at == *path) {
		at++;
		path++;
	}
	while (*at == '{') {
		const char *segment = path;

		if (!**id)
			*id = segment;
		at = strchr(at, '}') + 1;
		path += *at ? strcspn(path, "/") : strlen(path);
		if (path == segment)
			return false;
		while (*at && *at != '{' && *at == *path) {
			at++;
			path++;
		}
	}
	return *at == '\0' && *path == '\0';
}

static bool method_fits(const struct route *route, const char *method)
{
	return strcmp(route->method, method) == 0 ||
	       (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

static void add_allowed(char allow[ROUTE_ALLOW_BYTES], const char *method)
{
	size_t used = strlen(allow);

	if (used + strlen(method) + 3 > ROUTE_ALLOW_BYTES)
		return;
	if (used)
		strcat(allow, ", ");
	strcat(allow, method);
}

const struct route *route_find(
	const char *method, const char *path, const char **id, char allow[ROUTE_ALLOW_BYTES])
{
	allow[0] = '\0';
	for (const struct route *r = routes; r < routes + sizeof(routes) / sizeof(routes[0]); r++) {
		if (!path_fits(r, path, id))
			continue;
		if (method_fits(r, method))
			return r;
		add_allowed(allow, r->method);
		if (strcmp(r->method, "GET") == 0)
			add_allowed(allow, "HEAD");
	}
	return NULL;
}
