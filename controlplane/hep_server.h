/* Listens for HEPv3 over UDP and TCP (docs/hep.md), in libre's loop. Control thread.
 *
 * A TCP connection: accepted (when its address may send and there is room) → frames by their length
 * → closed by its peer, for octets that are no HEPv3, or for silence. */
#ifndef LEGTAP_CONTROLPLANE_HEP_SERVER_H
#define LEGTAP_CONTROLPLANE_HEP_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"
#include "controlplane/config.h"

struct hep_message;
struct hep_server;

#define HEP_CONNECTIONS_MAX 64
#define HEP_SWEEP_MS 10000
#define HEP_SWEEPS_PARTIAL 2 /* so many sweeps a message may take to become whole */
#define HEP_SWEEPS_IDLE 60   /* and so many a connection may be silent */

#define HEP_COUNTERS(X) \
	X(received, "HEPv3 messages received, whatever became of them") \
	X(sip, "SIP messages taken out of HEPv3") \
	X(other, "HEPv3 messages with a payload other than SIP") \
	X(malformed, "HEPv3 messages that could not be read") \
	X(compressed, "HEPv3 messages refused because their payload is compressed") \
	X(refused_key, "HEPv3 messages refused for a wrong or missing authentication key") \
	X(refused_address, "HEPv3 datagrams and connections from addresses that may not send") \
	X(refused_connections, "HEPv3 connections refused because there were too many") \
	X(closed_idle, "HEPv3 connections closed for silence or a message left unfinished")

#define HEP_ENUM(name, help) HEP_##name,
enum hep_counter { HEP_COUNTERS(HEP_ENUM) HEP_COUNTER_COUNT };

/* Called for each SIP message; m is valid during the call. */
typedef void hep_sip_h(void *arg, const struct hep_message *m);

/* Listens at config->hep.listen. libre's loop of this thread must have room for its descriptors
 * (fd_setsize). 0, or -errno with a message that names the address. *out is NULL when there is
 * nothing to listen at. */
int hep_server_create(struct hep_server **out, const struct config *config, hep_sip_h *sip,
	void *arg, struct errmsg *e);

/* Closes all. NULL is legal. */
void hep_server_destroy(struct hep_server *s);

/* Closes connections that are silent or don't finish a message: called every HEP_SWEEP_MS by its
 * own timer. */
void hep_server_sweep(struct hep_server *s);

/* The port that the i-th listener really has (0 in the configuration: any). */
uint16_t hep_server_port(const struct hep_server *s, unsigned int i);

/* 0 when s is NULL: it does not listen. */
uint64_t hep_count(const struct hep_server *s, enum hep_counter c);
const char *hep_counter_name(enum hep_counter c);
const char *hep_counter_help(enum hep_counter c);
unsigned int hep_connections(const struct hep_server *s);

#endif
