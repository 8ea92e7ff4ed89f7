/* The dataplane's one public header: ports, the stream table, gates, and what the rx cores hand to
 * the control thread.
 *
 * All functions here are for the control thread, unless they say otherwise. They never block and
 * make no system call but where they say so. An rx core learns of a change by a command in its
 * ring, which it takes between bursts; its acknowledgement is the quiet point after which nothing
 * polled is treated by the old state. */
#ifndef LEGTAP_DATAPLANE_DATAPLANE_H
#define LEGTAP_DATAPLANE_DATAPLANE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/chunk.h"
#include "common/counters.h"
#include "common/errmsg.h"
#include "common/netaddr.h"
#include "common/topology.h"

struct dataplane;
struct rte_mbuf;

#define DATAPLANE_PORTS_MAX 16
#define DATAPLANE_SIP_PORTS_MAX 32
#define DATAPLANE_DEVICE_BYTES 256
#define DATAPLANE_OWN_MAX 8

/* For which of dataplane_config.own a port answers ARP, neighbour discovery and ping. */
enum port_answers {
	PORT_ANSWERS_AUTO,   /* those that the kernel does not have */
	PORT_ANSWERS_ALWAYS, /* these; and all, where the kernel does not see the port */
	PORT_ANSWERS_NEVER,
};

/* An address of legtap's own, that media is sent to. Its port means nothing. */
struct own_address {
	struct netaddr address;
	bool kernels; /* an interface of the kernel's has it, too */
};

struct dataplane_port_config {
	char device[DATAPLANE_DEVICE_BYTES]; /* "0000:03:00.0", or a vdev string:
						"net_af_packet0,iface=mirror0" */
	unsigned int rx_queues; /* 0: one for each rx core, as far as the driver has them */
	uint32_t frame_bytes;	/* longest frame, jumbo included; 0: 9216 */
	bool separate;		/* media is matched in its SIP's own encapsulation only */
	uint8_t answers;	/* enum port_answers */
};

struct dataplane_config {
	unsigned int port_count;
	struct dataplane_port_config ports[DATAPLANE_PORTS_MAX];
	const char *capture_path; /* not NULL: --read, instead of the ports; one rx core */
	unsigned int rx_count;
	int rx_cores[TOPOLOGY_RX_MAX];
	uint32_t streams_max;	     /* IPv4 and IPv6 together, known, unknown and recorded */
	uint64_t max_age_ns;	     /* a chunk with a frame this old is handed over */
	uint32_t fragments_max;	     /* that wait at an rx core; 0: none are put together */
	uint64_t fragment_hold_ns;   /* how long a packet's are waited for */
	unsigned int sip_port_count; /* 0: SIP is found by content on any port */
	uint16_t sip_ports[DATAPLANE_SIP_PORTS_MAX];
	bool lossless; /* --read: wait where a port would drop; see dataplane_poll */
	unsigned int own_count;
	struct own_address own[DATAPLANE_OWN_MAX];
};

/* What EAL must be given so that the ports of a configuration exist: appends "--vdev=…" and "-a …"
 * strings (at most `size`), to be freed by the caller. The count, or -EINVAL with a message. Before
 * EAL. */
int dataplane_eal_args(
	const struct dataplane_config *config, char *args[], int size, struct errmsg *e);

/* Opens the ports (promiscuous, RSS where the driver has it), makes pools and the table. Needs EAL,
 * the rings of the topology, and chunks. What is missing (device, queue, huge page, capture) is
 * named with its remedy. 0 or -errno. */
int dataplane_create(struct dataplane **out, const struct dataplane_config *config,
	struct topology *t, struct chunk_pool *pool, struct errmsg *e);

/* Starts one rx thread for each rx core. 0 or -errno. */
int dataplane_start(struct dataplane *d, struct errmsg *e);

/* Stops the rx threads: every chunk with frames in it is handed to its writer first. dataplane_poll
 * must be called once more afterwards, for what they left in the rings. */
void dataplane_stop(struct dataplane *d);

/* Closes the ports and frees everything. NULL is legal. */
void dataplane_destroy(struct dataplane *d);

/* --- What an rx core found in a packet that it hands to the control thread --- */

struct packet {
	uint64_t arrival_ns; /* recording clock */
	struct netaddr source;
	struct netaddr destination;
	uint32_t encapsulation; /* 0: none; else an id of the VLAN tags, VNI, … it came in
				   (dataplane_encapsulation) */
	uint32_t payload_bytes; /* of UDP; or of TCP, whose header is then a part of it */
	bool tcp;
	uint16_t payload_offset; /* in the first segment of the mbuf */
	uint8_t rx;		 /* the rx core */
	uint8_t port;		 /* index of the port in the configuration */
};

/* The packet that belongs to an mbuf (it lies in the mbuf's private area). Any thread that owns the
 * mbuf. */
struct packet *packet_of(struct rte_mbuf *m);

/* Copies at most `size` bytes of the payload to buf (a chain of segments is walked), the count
 * copied returned. */
uint32_t packet_payload(struct rte_mbuf *m, void *buf, uint32_t size);

/* Writes "vlan 100", "vlan 100.200", … for an id. Returns buf. */
char *dataplane_encapsulation(const struct dataplane *d, uint32_t id, char *buf, size_t size);

/* --- Streams --- */

enum gate {
	GATE_OFF,     /* of a leg, not recorded: freed and counted not_wanted */
	GATE_RECORD,  /* copied to the track */
	GATE_PAUSED,  /* freed and counted while_paused */
	GATE_UNKNOWN, /* RTP that no SIP explains: freed and counted unknown */
};

/* A stream's place in the table, and its generation, so that a stale id is refused. 0: none. */
typedef uint64_t stream_id;

struct flow {
	struct netaddr source;
	struct netaddr destination;
	uint32_t encapsulation;
	uint8_t rx; /* the rx core that sees it: a flow seen by two rx cores is two streams */
};

/* What a gate lets through, and where to. */
struct gate_setting {
	enum gate gate;
	track_ref track;  /* with GATE_RECORD */
	uint32_t ordinal; /* with GATE_RECORD: the stream's number in its recording, goes into
			     chunk_header.stream */
	uint64_t open_ns; /* with GATE_RECORD: frames that arrived before this are counted as the
			     gate was before */
};

/* Adds a stream with its gate; visible to its rx core at once. 0, -ENOSPC when limits.streams is
 * reached (counted by the caller), -EEXIST when the flow is there already (*out is then its id),
 * -EINVAL when its addresses are of two families or its rx core is none, -ENOMEM. */
int stream_add(struct dataplane *d, const struct flow *flow, const struct gate_setting *setting,
	stream_id *out);

#define STREAM_COPIES_MAX 64 /* tracks that one flow feeds */

/* Adds a flow that feeds `count` tracks (1 to STREAM_COPIES_MAX), all visible at once: settings[0]
 * is of the flow's own stream, the others of copies of it. Each packet passes each gate by itself.
 * A copy is no flow of its own, and a stream to all other functions here but stream_watch; removing
 * the flow's own stream leaves the copies without packets. ids gets all of them. As stream_add;
 * after an error nothing was added. */
int stream_add_copied(struct dataplane *d, const struct flow *flow,
	const struct gate_setting *settings, unsigned int count, stream_id *ids);

/* One copy more of a stream that is no copy itself. 0, -ENOENT, -ENOSPC, -ENOMEM. */
int stream_copy(
	struct dataplane *d, stream_id id, const struct gate_setting *setting, stream_id *out);

/* The stream of a flow, or 0. */
stream_id stream_find(struct dataplane *d, const struct flow *flow);

/* Changes a stream's gate. When the rx core has done so, handlers.acked(cookie) is called (cookie
 * 0: not called). Closing (to OFF, PAUSED, UNKNOWN) is effective for every frame not yet polled,
 * and by then the chunk that the stream had been filling is in its writer's ring. Opening: see
 * product.md, Time, and architecture.md, Gates. The same for a new track while recording: frames go
 * to the old one up to open_ns, then to the new. 0, -ENOENT, or -ENOMEM, which a stream that is
 * being recorded never gets for the first two settings that close its gate. */
int stream_set_gate(
	struct dataplane *d, stream_id id, const struct gate_setting *setting, uint64_t cookie);

/* Removes a stream: its chunk is handed over, it leaves the table, then the ack. The id is stale
 * from now on. 0 or -ENOENT. */
int stream_remove(struct dataplane *d, stream_id id, uint64_t cookie);

/* A packet of a watched stream, as the control thread gets it beside what becomes of the packet
 * itself: a telephone event (RFC 4733) has no more. */
#define WATCHED_PAYLOAD_BYTES 4

struct watched_packet {
	stream_id id;
	uint64_t arrival_ns;
	uint32_t ssrc;
	uint32_t timestamp;
	uint16_t sequence;
	uint8_t gate; /* enum gate; what it was for this packet */
	uint8_t reserved;
	uint8_t payload[WATCHED_PAYLOAD_BYTES];
};

#define STREAM_WATCHED_TYPES 8 /* at once */
#define STREAM_WATCHED_NONE 0xff

/* What is kept out of the track for the digits in it. */
enum withhold {
	WITHHOLD_NOTHING,
	WITHHOLD_EVENTS, /* packets of telephone events, and what can be nothing else */
	WITHHOLD_AUDIO,	 /* and all others from an event's first packet until WITHHOLD_AFTER_NS
			    after its last: tones in the audio itself */
};

#define WITHHOLD_AFTER_NS 200000000ULL

/* What a stream is looked through for, beside its gate: telephone events. */
struct stream_watch {
	uint8_t types[STREAM_WATCHED_TYPES]; /* their payload types, 0 to 127 */
	uint8_t redundancy;		     /* that of RFC 2198, whose blocks may be events */
	uint8_t withhold;		     /* enum withhold */
	bool told;			     /* handlers.watched is called for them */
};

/* Watches a stream (unused types are STREAM_WATCHED_NONE). handlers.watched(watcher) is called for
 * each event with at least WATCHED_PAYLOAD_BYTES, whatever the gate, until the stream is removed;
 * `watcher` must live until then. A full ring loses them to the handler (counted watched_lost),
 * never the packet to its track. What is withheld while the gate records is counted so, and never
 * copied. 0, -ENOENT or -ENOMEM. */
int stream_watch(
	struct dataplane *d, stream_id id, const struct stream_watch *watch, void *watcher);

struct stream_stats {
	uint64_t last_ns; /* arrival of its newest packet; 0: none */
	uint32_t ssrc;	  /* of its newest packet */
	uint32_t recorded;
	uint32_t not_wanted; /* with the gate off or unknown */
	uint32_t while_paused;
	uint32_t withheld; /* by what is watched for */
	uint32_t dropped;  /* no chunk, too long */
};

/* A stream's counts so far (they may lag by a burst). 0 or -ENOENT. */
int stream_stats(struct dataplane *d, stream_id id, struct stream_stats *out);

uint32_t stream_count(const struct dataplane *d);

/* Gives a packet of a flow that was unknown back to its rx core, which classifies it anew, with its
 * old arrival time. Takes the mbuf. A full ring: kept in a backlog, bounded by the mbufs there are.
 */
void packet_reinject(struct dataplane *d, struct rte_mbuf *m);

/* Frees an mbuf that the control thread was given. */
void packet_free(struct rte_mbuf *m);

/* A copy of a packet that does not hold an mbuf of its port's pool for long: NULL without memory.
 * The control thread keeps the first packets of unknown flows by this, so that they can't starve
 * the port. May be given to packet_reinject. */
struct rte_mbuf *packet_copy(struct dataplane *d, struct rte_mbuf *m);

/* --- The control thread's side of the rings --- */

struct dataplane_handlers {
	void *arg;
	void (*sip)(void *arg, struct rte_mbuf *m); /* takes the mbuf */
	void (*unknown)(
		void *arg, struct rte_mbuf *m); /* RTP of a flow not in the table; takes the mbuf */
	/* NULL where no stream is watched. */
	void (*watched)(void *arg, void *watcher, const struct watched_packet *p);
	void (*acked)(void *arg, uint64_t cookie);
	void (*tick)(
		void *arg, uint64_t now_ns); /* --read only: once a second of the capture's time */
	void (*end)(void *arg, uint64_t now_ns); /* --read only: the capture is at its end, all
						    chunks handed over */
};

/* Takes what the rx cores have for the control thread (watched packets first, then acks, SIP,
 * unknown RTP, each up to a budget), and sends the backlog of commands. In lossless mode the rx
 * core waits after each hand-over until the handler for it has returned and its commands are in the
 * ring, so that every earlier SIP message takes effect before a later packet is classified; it is
 * woken here (one futex call). Answers ARP, neighbour discovery and ping where ports do so (sending
 * may be a system call). Returns how many things it did, answers left out, so that a flood of pings
 * holds nobody: 0 means idle. */
unsigned int dataplane_poll(struct dataplane *d, const struct dataplane_handlers *h);

/* In lossless mode: becomes readable when an rx core waits, for the event loop; -1 otherwise. */
int dataplane_wake_fd(const struct dataplane *d);

/* --- What is going on --- */

struct dataplane_port_stats {
	const char *device;
	const char *driver;
	unsigned int queues;
	bool promiscuous;
	uint64_t received; /* by the port */
	uint64_t missed; /* imissed, or PACKET_STATISTICS' tp_drops for af_packet: lost before an rx
			    core saw it */
	uint64_t errors; /* ierrors */
	uint64_t no_mbuf;      /* rx_nombuf */
	unsigned int answered; /* addresses that it answers for */
	uint64_t answers[ANSWER_COUNTER_COUNT];
};

unsigned int dataplane_port_count(const struct dataplane *d);

/* May make system calls (PACKET_STATISTICS). 0 or -EINVAL. */
int dataplane_port_stats(struct dataplane *d, unsigned int port, struct dataplane_port_stats *out);

/* The counters of an rx core: RX_COUNTER_COUNT of them. */
const counter *dataplane_counters(const struct dataplane *d, unsigned int rx);

/* Chunks of an rx core: free, being filled; and handed over to writer w so far. */
struct dataplane_chunk_stats {
	uint32_t total;
	uint32_t available;
	uint32_t filling;
	uint64_t handed_over[TOPOLOGY_WRITERS_MAX];
};
void dataplane_chunk_stats(
	const struct dataplane *d, unsigned int rx, struct dataplane_chunk_stats *out);

/* --read: what the reader found in the capture, for the summary. */
struct capture_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t first_ns; /* capture time */
	uint64_t last_ns;
	uint64_t backward; /* packets that are older than one before them, by over 1 ms */
	unsigned int interfaces;
	char warning[512]; /* "" or what was damaged and skipped */
};
/* 0, -EINVAL when no capture is read, or -EAGAIN while it is. */
int dataplane_capture_stats(const struct dataplane *d, struct capture_stats *out);

#endif
