/* One recording session's SIP, shared by siprec_server.c (requests) and siprec_dialog.c (its life).
 * Control thread. */
#ifndef LEGTAP_CONTROLPLANE_SIPREC_DIALOG_H
#define LEGTAP_CONTROLPLANE_SIPREC_DIALOG_H

#include <stdbool.h>
#include <stdint.h>

#include <re.h>

#include "controlplane/siprec_server.h"
#include "controlplane/siprec_session.h"

#define SIPREC_MIN_SE_S 90     /* RFC 4028, 5 */
#define SIPREC_SDP_BYTES 16384 /* of a description of legtap's */
#define SIPREC_ALLOW "Allow: INVITE, ACK, CANCEL, BYE, UPDATE, OPTIONS\r\n"

struct siprec_access;

struct siprec_server {
	struct control *control;
	struct siprec_access *access;
	struct sip *sip;
	struct sip_lsnr *listener;
	struct sip_lsnr *responses; /* that no transaction waits for (any more) */
	struct hash *dialogs;	    /* by Call-ID */
	unsigned int dialog_count;
	struct media_ports *ports;
	bool ending;
	uint8_t secret[SIPREC_SECRET_BYTES]; /* that legtap's keys of SRTP are made from */
	uint64_t counts[SIPREC_COUNTER_COUNT];
};

/* An answer to an INVITE that waits for its ACK. */
struct siprec_answer {
	struct sip_msg *invite; /* NULL: none waits */
	struct mbuf *message;
	struct tmr again;
	struct tmr give_up;
	unsigned int sent;
};

struct siprec_dialog {
	struct le le;
	struct siprec_server *server;
	struct sip_dialog *sip;
	struct siprec_session *session;
	struct siprec_answer answer;
	struct tmr timer; /* the session's (RFC 4028) */
	uint32_t expires_s;
	bool we_refresh;
	uint64_t number;  /* of the o= line */
	uint32_t version; /* of the newest description */
	bool established; /* the first 2xx is sent: it ends by BYE */
	bool is_call;	  /* an ordinary call, no recording session */
	char *offer;	  /* the newest description of the client, with its end */
	size_t offer_bytes;
	bool offered; /* the answer that waits for its ACK has an offer of legtap's */
	/* A client that wants to know what is being recorded. */
	bool record_aware;
	bool takes_update;
	enum siprec_record told[SIPREC_LINES_MAX]; /* what it was told last */
	struct tmr tell;
	struct sip_request *telling; /* under way */
};

/* A dialog for an INVITE; 0 or -errno. transaction_header: of the INVITE, or NULL. */
int siprec_dialog_create(struct siprec_dialog **out, struct siprec_server *s,
	const struct sip_msg *invite, const char *transaction_header);

/* Ends it and its legs; `bye`: tells the client. NULL is legal. */
void siprec_dialog_destroy(struct siprec_dialog *d, const char *reason, bool bye);

/* The dialog of a request inside one, or NULL. */
struct siprec_dialog *siprec_dialog_find(struct siprec_server *s, const struct sip_msg *m);

/* Sends the 200 for an INVITE or UPDATE, with this description ("": none). 0 or -errno. */
int siprec_dialog_accept(struct siprec_dialog *d, const struct sip_msg *m, const char *sdp);

/* Keeps a description of the client. 0 or -ENOMEM. */
int siprec_dialog_keep_offer(struct siprec_dialog *d, const char *sdp, size_t bytes);

/* Prints legtap's description, which answers the newest one of the client, or offers the same
 * again; *version grows. 0 or -errno. */
int siprec_dialog_print(struct siprec_dialog *d, char sdp[SIPREC_SDP_BYTES]);

/* What of a request tells whether the client wants to know what is being recorded. */
void siprec_dialog_take_awareness(
	struct siprec_dialog *d, const struct sip_msg *m, const struct siprec_offer *offer);

/* An answer that came when nobody waited for it: acknowledged again, if need be. */
void siprec_dialog_stray(struct siprec_dialog *d, const struct sip_msg *m);

void siprec_dialog_acknowledged(struct siprec_dialog *d, const struct sip_msg *ack);

/* Takes Session-Expires from a request. 0, or -EINVAL when it is shorter than SIPREC_MIN_SE_S. */
int siprec_dialog_take_timer(struct siprec_dialog *d, const struct sip_msg *m);

#endif
