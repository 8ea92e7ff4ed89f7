/* The plan of generated calls: who talks to whom, when each SIP message and each RTP packet passes
 * the mirror. A pure function of its options.
 *
 * Times are microseconds: of RTP packets even ones, of SIP messages odd ones, so that no two meet.
 */
#ifndef LEGTAP_TESTS_TOOLS_CALLPLAN_H
#define LEGTAP_TESTS_TOOLS_CALLPLAN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALLPLAN_VLANS_MAX 2
#define CALLPLAN_CALLS_MAX 13000 /* two SBC media ports a leg */

enum law_choice { LAW_PCMU, LAW_PCMA, LAW_MIXED };

struct callplan_options {
	uint32_t calls;
	uint32_t legs;	/* of a call: 1 or 2 */
	double seconds; /* from answer to BYE */
	enum law_choice law;
	double loss; /* percent */
	double reorder;
	double duplicate;
	uint32_t jitter_ms;  /* most delay */
	uint32_t stagger_ms; /* between the starts of calls */
	uint32_t ptime_ms;
	bool ipv6;
	uint32_t vlan_count;
	uint16_t vlans[CALLPLAN_VLANS_MAX]; /* outermost first */
	uint64_t seed;
	bool early_media; /* 183 with SDP, and audio from it on */
	bool late_offer;  /* the offer in the 200, the answer in the ACK */
	bool no_bye;
	bool srtp;	      /* announced as RTP/SAVP (the audio itself is as ever) */
	uint32_t overtake_ms; /* audio comes this much before its signalling lets it */
};

struct endpoint {
	bool ipv6;
	uint8_t ip[16]; /* network order */
	uint16_t port;
	char host[INET6_ADDRSTRLEN];
};

enum sip_kind {
	SIP_INVITE,
	SIP_TRYING,
	SIP_RINGING,
	SIP_PROGRESS,
	SIP_OK,
	SIP_ACK,
	SIP_BYE,
	SIP_BYE_OK,
	SIP_KINDS,
};

/* One dialog between the SBC and a participant. The participant of leg 0 is the caller, and sends
 * the INVITE; of leg 1 the callee, and receives it. */
struct plan_leg {
	uint32_t call;
	uint32_t leg;
	uint8_t payload_type; /* 0 PCMU, 8 PCMA */
	bool participant_hangs_up;
	uint64_t sip_us[SIP_KINDS]; /* 0: there is none */
	struct endpoint participant_sip;
	struct endpoint participant_rtp;
	struct endpoint sbc_sip;
	struct endpoint sbc_rtp;
	char call_id[64];
	char from_tag[24];
	char to_tag[24];
	char session_ids[2][33]; /* RFC 7989: of the caller, of the callee */
	char caller[16];	 /* telephone numbers */
	char callee[16];
};

struct plan_stream {
	const struct plan_leg *leg;
	uint32_t direction; /* 0 INCOMING, 1 OUTGOING */
	uint64_t key;	    /* of its audio */
	uint32_t ssrc;
	uint16_t sequence; /* of packet 0 */
	uint32_t timestamp;
	uint64_t start_us; /* when packet 0 is sent */
	uint32_t sent;	   /* packets, lost ones included */
};

#define PLAN_SIP 0x80000000U /* in plan_event.source: of a leg, not of a stream */

/* A frame on the mirror. */
struct plan_event {
	uint64_t time_us;
	uint32_t source; /* index of the stream, or PLAN_SIP | index of the leg */
	uint32_t item;	 /* number of the packet in its stream from 0 on, or a sip_kind */
};

struct callplan {
	struct callplan_options options;
	uint32_t samples_per_packet;
	uint32_t leg_count;
	uint32_t stream_count;
	struct plan_leg *legs;
	struct plan_stream *streams; /* INCOMING and OUTGOING of leg 0, of leg 1, … */
	struct plan_event *events;   /* by time */
	size_t event_count;
	size_t event_room;
};

/* 0 or -ENOMEM. */
int callplan_create(struct callplan *p, const struct callplan_options *options);
void callplan_destroy(struct callplan *p);

#endif
