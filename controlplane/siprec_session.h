/* A recording session (RFC 7866) as legs: its m= lines have ports of legtap's, its participants are
 * legs, and each stream feeds the INCOMING track of the participant who sends it, or, when nobody
 * is said to, the OUTGOING track of the one who receives it. What SIP has to do with it is in
 * siprec_server.c. Control thread.
 *
 * A participant is a leg from its first stream until it leaves, is not in the metadata any more, or
 * the session ends. One whose leg was ended by somebody else (media timeout, an action) stays so.
 */
#ifndef LEGTAP_CONTROLPLANE_SIPREC_SESSION_H
#define LEGTAP_CONTROLPLANE_SIPREC_SESSION_H

#include <stdint.h>

#include "common/errmsg.h"
#include "controlplane/control.h"
#include "controlplane/media_ports.h"
#include "controlplane/siprec_metadata.h"
#include "controlplane/siprec_offer.h"

struct siprec_session;

/* What the INVITE that opens a session tells beside its body. Texts are copied. */
struct siprec_opening {
	const char *sip_call_id;
	const char *from_uri;
	const char *to_uri;
	const char *transaction_header; /* NULL: none */
	struct netaddr peer;
};

/* For account matching; see leg_offered. */
struct siprec_headers {
	const char *(*find)(void *message, const char *name);
	void *message;
};

/* `deserted` is called when the last of the session's legs has been ended by somebody else; it may
 * destroy the session. 0 or -ENOMEM. */
int siprec_session_create(struct siprec_session **out, struct control *control,
	struct media_ports *ports, const struct siprec_opening *opening,
	void (*deserted)(void *arg), void *arg);

/* Ends its legs with this reason and gives its ports back. NULL is legal. */
void siprec_session_destroy(struct siprec_session *s, const char *reason);

/* A new description, new metadata (taken), or both; NULL: as before. Makes, changes and ends legs.
 * 0; -ENOSPC, with a message, when there is no port for any stream or no room for any leg;
 * -ENOMEM. */
int siprec_session_update(struct siprec_session *s, const struct siprec_offer *offer,
	struct siprec_metadata *metadata, const struct siprec_headers *headers, struct errmsg *e);

/* The client's answer to an offer of legtap's, line by line that of the description before. As
 * siprec_session_update; -EINVAL when it has another number of lines. */
int siprec_session_answered(struct siprec_session *s, struct siprec_offer *answer,
	const struct siprec_headers *headers, struct errmsg *e);

/* Where each of the newest description's m= lines is received: SIPREC_LINES_MAX addresses, port 0
 * for lines that are not. */
const struct netaddr *siprec_session_addresses(const struct siprec_session *s);

/* Whether each line is being recorded now: by what is recorded of who says it, or of who hears it.
 */
void siprec_session_records(
	const struct siprec_session *s, enum siprec_record records[SIPREC_LINES_MAX]);

/* `changed` is called with the session's arg when that may have changed. It may not destroy the
 * session. */
void siprec_session_watch(struct siprec_session *s, void (*changed)(void *arg));

/* Hook: a recording of the leg has started, paused, gone on or stopped. */
void siprec_leg_recording(struct leg *leg);

/* The session was refreshed (RFC 4028); 0: it has no timer. */
void siprec_session_refreshed(struct siprec_session *s, uint32_t expires_s);

/* For account matching: siprec_metadata_says of the leg's session; false for legs of none. */
bool siprec_leg_says(const struct leg *leg, const char *name, const char *pattern,
	bool (*fits)(const char *pattern, const char *text));

/* Hook: a leg has ended. */
void siprec_leg_ended(struct leg *leg);

#endif
