/* The control thread: one event loop (libre's), one owner of sessions, legs, recordings, ledger,
 * admin API. */
#ifndef LEGTAP_CONTROLPLANE_CONTROL_H
#define LEGTAP_CONTROLPLANE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/config.h"
#include "controlplane/leg.h"
#include "controlplane/timer.h"

struct admin;
struct application;
struct dataplane;
struct dialogs;
struct endpoints;
struct event_watch;
struct events;
struct http_client;
struct hep_server;
struct ledger;
struct media;
struct recordings;
struct sip_tcp;
struct siprec_server;
struct storage;
struct topology;

struct control {
	const struct config *config;
	bool read_mode;		/* --read: now_ns is the capture's time */
	uint64_t now_ns;	/* recording clock, renewed at every turn of the loop */
	int64_t wall_offset_ns; /* as of the newest renewal; 0 in --read */
	uint64_t started_ns;
	unsigned int read_answered; /* --read: answered legs that ended, */
	unsigned int read_silent;   /* and those of them without a packet of media */
	bool ending;		    /* SIGTERM, or the capture's end: no new recordings */
	struct timers timers;
	struct topology *topology;
	struct dataplane *dataplane;
	struct storage *storage;
	struct legs *legs;
	struct dialogs *dialogs;
	struct sip_tcp *sip_tcp;
	struct endpoints *endpoints;
	struct media *media;
	struct recordings *recordings;
	struct ledger *ledger;
	struct admin *admin;
	struct events *events;		 /* NULL in --read, as are the three below */
	struct event_watch *event_watch; /* what no single message tells: silence, loss */
	struct http_client *http;
	struct application *application;
	struct hep_server *hep;	      /* NULL: off */
	struct siprec_server *siprec; /* NULL: off */
};

#endif
