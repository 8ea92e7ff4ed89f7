/* A recording session's parts, shared by siprec_session.c (its legs and ports) and siprec_roles.c
 * (which stream is whose). Control thread. */
#ifndef LEGTAP_CONTROLPLANE_SIPREC_ROLES_H
#define LEGTAP_CONTROLPLANE_SIPREC_ROLES_H

#include <stdbool.h>

#include "controlplane/siprec_session.h"

/* An m= line, as it is received. */
struct line {
	bool usable;
	bool active;
	char label[128];
	enum siprec_preference preference;
	struct leg_media media;
	struct member *owner; /* whose track it feeds; NULL: nobody's */
	enum track track;
};

/* A participant of a communication session. */
struct member {
	struct member *next;
	char call_id[SIPREC_ID_BYTES];
	char participant_id[SIPREC_ID_BYTES];
	bool made_up;			   /* no participant of the metadata: the stream's own */
	bool ended;			   /* its leg was ended by somebody else */
	enum siprec_preference preference; /* newest */
	struct leg *leg;		   /* held; NULL: not made yet, or it has ended */
};

struct siprec_session {
	struct control *control;
	struct media_ports *ports;
	void (*deserted)(void *arg);
	void (*changed)(void *arg); /* NULL: nobody wants to know */
	void *arg;
	char sip_call_id[LEG_TEXT_BYTES];
	char from_uri[LEG_TEXT_BYTES];
	char to_uri[LEG_TEXT_BYTES];
	char header[LEG_TEXT_BYTES]; /* the transaction header of the INVITE; "": none */
	struct netaddr peer;
	struct siprec_metadata metadata;
	struct member *members;
	unsigned int line_count;
	struct line *lines;
	struct netaddr addresses[SIPREC_LINES_MAX];
	uint32_t expires_s;
	bool ending;
	bool settling;	  /* an update is under way: its media's routes are not settled */
	bool tells_heard; /* the metadata has told who receives what, now or before */
};

/* The participant's name: address of record, else name, else id; "" for NULL. */
const char *siprec_name_of(const struct siprec_participant *p);

/* The first two participants of a call in the order of the metadata, which as a rule does not tell
 * who called whom: the first one is taken for the caller, unless it does. */
void siprec_find_parties(const struct siprec_metadata *m, const char *call_id,
	const struct siprec_participant *parties[2]);

/* Gives every usable line to a member, and makes members of those who are new. */
void siprec_assign(struct siprec_session *s);

/* Whether a member is still one: a participant who is told of and has not left, or a stream of its
 * own. */
bool siprec_is_present(const struct siprec_session *s, const struct member *m);

/* Whether a member hears what comes by a line, which is the OUTGOING track of its leg then. By the
 * metadata's `recv` (RFC 7865, 6.9); where it tells of nobody what he receives, everybody hears all
 * others of his communication session. */
bool siprec_hears(const struct siprec_session *s, const struct member *m, unsigned int line);

#endif
