/* The session recording server (RFC 7866): SIP over UDP, TCP and TLS by libre's transactions, in
 * its loop. Control thread.
 *
 * A session: INVITE (checked, legs made) → 200, sent again until its ACK → re-INVITE, UPDATE →
 * BYE of either side, or its timer (RFC 4028) runs out. */
#ifndef LEGTAP_CONTROLPLANE_SIPREC_SERVER_H
#define LEGTAP_CONTROLPLANE_SIPREC_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/errmsg.h"
#include "controlplane/control.h"

struct siprec_server;

#define SIPREC_COUNTERS(X) \
	X(requests, "SIP requests received, ACK left out") \
	X(refused_address, "requests from addresses that may not send") \
	X(challenged, "requests asked for digest credentials") \
	X(refused_credentials, "requests with digest credentials that were wrong") \
	X(accepted, "recording sessions accepted") \
	X(refused, "INVITEs and UPDATEs refused: not SIPREC, no usable stream, no room") \
	X(malformed, "requests refused for a body that could not be read") \
	X(updates, "re-INVITEs and UPDATEs accepted") \
	X(told, "UPDATEs and re-INVITEs of legtap's that were accepted: what is being recorded") \
	X(no_port, "streams refused because every media port was taken or at rest") \
	X(expired, "sessions ended because nobody refreshed them or acknowledged their answer")

#define SIPREC_ENUM(name, help) SIPREC_##name,
enum siprec_counter { SIPREC_COUNTERS(SIPREC_ENUM) SIPREC_COUNTER_COUNT };

/* Listens at config->siprec.listen; *out is NULL when there is nothing to listen at. 0, or -errno
 * with a message that names the address. */
int siprec_server_create(struct siprec_server **out, struct control *control, struct errmsg *e);

/* Ends all sessions with a BYE; new ones are refused. NULL is legal. */
void siprec_server_end(struct siprec_server *s);

/* Reads certificates and users again, in the background. NULL is legal. */
void siprec_server_reload(struct siprec_server *s);

/* NULL is legal. Before the legs are. */
void siprec_server_destroy(struct siprec_server *s);

/* Whether it listens there: such SIP is no call on the mirror. False when s is NULL. */
bool siprec_server_is_at(const struct siprec_server *s, const struct netaddr *address);

/* All 0 when s is NULL. */
uint64_t siprec_count(const struct siprec_server *s, enum siprec_counter c);
const char *siprec_counter_name(enum siprec_counter c);
const char *siprec_counter_help(enum siprec_counter c);
unsigned int siprec_sessions(const struct siprec_server *s);
unsigned int siprec_ports_used(const struct siprec_server *s);

#endif
