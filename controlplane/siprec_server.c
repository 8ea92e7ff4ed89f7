/* Requests: who may send them, what is in them, what they are answered. */
#include "controlplane/siprec_server.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <re.h>

#define DEBUG_MODULE "siprec" /* the header wants both */
#define DEBUG_LEVEL 0
#include <re_dbg.h>

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/account.h"
#include "controlplane/netaddr_sa.h"
#include "controlplane/media_addresses.h"
#include "controlplane/siprec_access.h"
#include "controlplane/siprec_dialog.h"
#include "controlplane/sip_body.h"

#define DIALOG_BUCKETS 4096
#define TRANSACTION_BUCKETS 1024
#define CONNECTION_BUCKETS 64
#define PORT_REST_NS 5000000000ULL /* T4, how long a message may be on its way (RFC 3261, A) */

#define SIPREC_NAME(name, help) [SIPREC_##name] = #name,
#define SIPREC_HELP(name, help) [SIPREC_##name] = help,
static const char *const counter_names[] = {SIPREC_COUNTERS(SIPREC_NAME)};
static const char *const counter_helps[] = {SIPREC_COUNTERS(SIPREC_HELP)};

uint64_t siprec_count(const struct siprec_server *s, enum siprec_counter c)
{
	if (s && c == SIPREC_no_port)
		return media_ports_refused(s->ports);
	return s ? s->counts[c] : 0;
}

const char *siprec_counter_name(enum siprec_counter c)
{
	return counter_names[c];
}

const char *siprec_counter_help(enum siprec_counter c)
{
	return counter_helps[c];
}

unsigned int siprec_sessions(const struct siprec_server *s)
{
	return s ? s->dialog_count : 0;
}

unsigned int siprec_ports_used(const struct siprec_server *s)
{
	return s ? media_ports_used(s->ports) : 0;
}

bool siprec_server_is_at(const struct siprec_server *s, const struct netaddr *address)
{
	const struct config *c = s ? s->control->config : NULL;

	for (unsigned int i = 0; c && i < c->siprec.listen_count; i++)
		if (netaddr_equal(&c->siprec.listen[i].address, address))
			return true;
	return false;
}

/* --- Refusals --- */

/* With the reason in a Warning (RFC 3261, 20.43), as a quoted string. */
static void refuse(struct siprec_server *s, const struct sip_msg *m, uint16_t code,
	const char *phrase, const char *reason)
{
	char text[256];
	size_t used = 0;

	for (; *reason && used < sizeof(text) - 1; reason++)
		text[used++] = iscntrl((unsigned char)*reason) ? ' '
			       : strchr("\"\\", *reason)       ? '\''
							       : *reason;
	text[used] = '\0';
	log_info("siprec", "%.*s of %.*s: %u %s: %s", (int)m->met.l, m->met.p, (int)m->callid.l,
		m->callid.p, code, phrase, text);
	(void)sip_treplyf(NULL, NULL, s->sip, m, false, code, phrase,
		SIPREC_ALLOW "%s%sWarning: 399 legtap \"%s\"\r\nContent-Length: 0\r\n\r\n",
		code == 415 ? "Accept: application/sdp, multipart/mixed, "
			      "application/rs-metadata+xml\r\n"
			    : "",
		code == 422 ? "Min-SE: 90\r\n" : "", text);
}

static void refuse_error(
	struct siprec_server *s, const struct sip_msg *m, int err, const struct errmsg *e)
{
	switch (err) {
	case -EBADMSG:
		s->counts[SIPREC_malformed]++;
		refuse(s, m, 400, "Bad Request", e->text);
		break;
	case -EPROTONOSUPPORT:
		s->counts[SIPREC_refused]++;
		refuse(s, m, 488, "Not Acceptable Here", e->text);
		break;
	case -EACCES:
		s->counts[SIPREC_refused]++;
		refuse(s, m, 403, "Forbidden", e->text);
		break;
	case -EINVAL:
		s->counts[SIPREC_refused]++;
		refuse(s, m, 422, "Session Interval Too Small", e->text);
		break;
	case -ENOSPC:
		s->counts[SIPREC_refused]++;
		refuse(s, m, 503, "Service Unavailable", e->text);
		break;
	default:
		s->counts[SIPREC_refused]++;
		refuse(s, m, 500, "Server Internal Error", e->text);
	}
}

/* --- Bodies --- */

struct body {
	bool has_offer;
	struct siprec_offer *offer;
	struct sip_text sdp;
	bool has_metadata;
	struct siprec_metadata metadata;
};

/* One at a time: each request is done with when its handler returns. */
static struct siprec_offer the_offer;

static struct sip_text part(const struct sip_msg *m, const char *subtype)
{
	const struct sip_hdr *h = sip_msg_hdr(m, SIP_HDR_CONTENT_TYPE);
	struct sip_text body = {(const char *)mbuf_buf(m->mb), (uint32_t)mbuf_get_left(m->mb)};

	if (!h || body.bytes == 0)
		return (struct sip_text){0};
	return sip_body_part(
		(struct sip_text){h->val.p, (uint32_t)h->val.l}, body, "application", subtype);
}

static int read_offer(struct body *b, struct sip_text sdp, struct errmsg *e)
{
	b->offer = &the_offer;
	b->has_offer = true;
	b->sdp = sdp;
	if (siprec_offer_parse(b->offer, sdp.data, sdp.bytes) != 0)
		return errmsg_set(e, -EBADMSG,
			"the session description must begin with v= and have 1 to %d m= lines",
			SIPREC_LINES_MAX);
	for (unsigned int i = 0; i < b->offer->line_count; i++)
		if (b->offer->lines[i].usable)
			return 0;
	return errmsg_set(e, -EPROTONOSUPPORT,
		"no m= line is audio in a codec that it names, by RTP (RTP/AVP) or by SRTP "
		"(RTP/SAVP) with an a=crypto of a known suite");
}

/* Cisco's own way before SIPREC: sip:1234@192.0.2.48;media-index="0" in a header for each one. */
static bool take_cisco_participant(const struct sip_hdr *h, const struct sip_msg *m, void *arg)
{
	struct body *b = arg;
	char aor[SIPREC_TEXT_BYTES];
	struct pl uri;
	struct pl index;

	if (re_regex(h->val.p, h->val.l, "[^;]+;[ ]*media-index[ ]*=[ \"]*[0-9]+", &uri, NULL, NULL,
		    NULL, &index) != 0 ||
		index.l > 3)
		return false;
	(void)pl_strcpy(&uri, aor, sizeof(aor));
	if (siprec_metadata_add_sender(&b->metadata, pl_u32(&index), aor) == 0)
		b->has_metadata = true;
	return false;
}

static int read_body(struct body *b, const struct sip_msg *m, struct errmsg *e)
{
	struct sip_text sdp = part(m, "sdp");
	struct sip_text metadata = part(m, "rs-metadata+xml");
	int err = 0;

	memset(b, 0, sizeof(*b));
	if (!metadata.data)
		metadata = part(m, "rs-metadata");
	if (!sdp.data && !metadata.data && mbuf_get_left(m->mb))
		return errmsg_set(e, -EBADMSG,
			"the body has neither a session description nor recording metadata");
	if (sdp.data)
		err = read_offer(b, sdp, e);
	if (err == 0 && metadata.data) {
		err = siprec_metadata_parse(&b->metadata, metadata.data, metadata.bytes, e);
		b->has_metadata = err == 0;
	}
	if (err == 0 && !b->has_metadata)
		(void)sip_msg_xhdr_apply(
			m, true, "X-Cisco-Recording-Participant", take_cisco_participant, b);
	return err;
}

static const char *find_header(void *message, const char *name)
{
	static char value[LEG_TEXT_BYTES];
	const struct sip_hdr *h = sip_msg_xhdr(message, name);

	if (!h || h->val.l >= sizeof(value))
		return NULL;
	memcpy(value, h->val.p, h->val.l);
	value[h->val.l] = '\0';
	return value;
}

/* --- INVITE and UPDATE --- */

static bool is_siprec(const struct sip_msg *m, const struct body *b)
{
	const struct sip_hdr *contact = sip_msg_hdr(m, SIP_HDR_CONTACT);

	return b->has_metadata || sip_msg_hdr_has_value(m, SIP_HDR_REQUIRE, "siprec") ||
	       (contact && re_regex(contact->val.p, contact->val.l, "+sip.src") == 0);
}

/* An ordinary call that is to be answered. */
static bool is_call(const struct siprec_server *s, const struct sip_msg *m)
{
	const struct config *c = s->control->config;
	struct netaddr peer = netaddr_from_sa(&m->src);
	char from[LEG_TEXT_BYTES] = "";
	char to[LEG_TEXT_BYTES] = "";

	(void)pl_strcpy(&m->from.auri, from, sizeof(from));
	(void)pl_strcpy(&m->to.auri, to, sizeof(to));
	for (unsigned int i = 0; i < c->call_count; i++)
		if (call_fits(&c->calls[i].match, from, to, &peer))
			return true;
	return false;
}

static int take_body(struct siprec_dialog *d, const struct sip_msg *m, struct body *b,
	char sdp[SIPREC_SDP_BYTES], struct errmsg *e)
{
	const struct siprec_headers headers = {.find = find_header, .message = (void *)m};
	int err = siprec_dialog_take_timer(d, m);

	if (err)
		return errmsg_set(e, err, "Session-Expires must be %d or more", SIPREC_MIN_SE_S);
	err = siprec_session_update(d->session, b->has_offer ? b->offer : NULL,
		b->has_metadata ? &b->metadata : NULL, &headers, e);
	if (err)
		return err;
	siprec_dialog_take_awareness(d, m, b->has_offer ? b->offer : NULL);
	if (b->has_offer)
		err = siprec_dialog_keep_offer(d, b->sdp.data, b->sdp.bytes);
	d->offered = !b->has_offer && pl_strcmp(&m->met, "INVITE") == 0;
	if (err == 0 && (b->has_offer || d->offered))
		err = siprec_dialog_print(d, sdp);
	return err ? errmsg_set(e, err, "the answer would be too long") : 0;
}

static int open_session(
	struct siprec_server *s, const struct sip_msg *m, struct body *b, struct errmsg *e)
{
	const char *header = s->control->config->transaction_header;
	static char sdp[SIPREC_SDP_BYTES];
	bool siprec = is_siprec(m, b);
	/* Where the metadata tells of a communication session, the header is not that one's. */
	bool own = *header && b->metadata.call_count == 0;
	struct siprec_dialog *d;
	int err;

	if (!siprec && s->control->config->call_count == 0)
		return errmsg_set(e, -EPROTONOSUPPORT,
			"only recording sessions (SIPREC, RFC 7866) are answered here");
	if (!siprec && !is_call(s, m))
		return errmsg_set(e, -EACCES, "no entry of `calls` fits this call");
	if (!b->has_offer)
		return errmsg_set(e, -EPROTONOSUPPORT,
			"a recording session begins with an INVITE that has an offer");
	if (s->ending)
		return errmsg_set(e, -ENOSPC, "legtap is shutting down");
	err = siprec_dialog_create(&d, s, m, own ? find_header((void *)m, header) : NULL);
	if (err)
		return errmsg_set(e, err == -ENOMEM ? err : -EBADMSG,
			"no dialog can be made of it: Contact, tags and Call-ID are needed");
	d->is_call = !siprec;
	sdp[0] = '\0';
	err = take_body(d, m, b, sdp, e);
	if (err == 0) {
		err = siprec_dialog_accept(d, m, sdp);
		if (err)
			errmsg_set(e, err, "the answer could not be sent");
	}
	if (err) {
		siprec_dialog_destroy(d, "refused", false);
		return err;
	}
	s->counts[SIPREC_accepted]++;
	log_info("siprec", "session %.*s has begun", (int)m->callid.l, m->callid.p);
	return 0;
}

/* An INVITE without an offer gets legtap's: what it received before, as it is now. */
static int update_session(struct siprec_server *s, struct siprec_dialog *d, const struct sip_msg *m,
	struct body *b, struct errmsg *e)
{
	static char sdp[SIPREC_SDP_BYTES];
	int err;

	sdp[0] = '\0';
	err = take_body(d, m, b, sdp, e);
	if (err)
		return err;
	(void)sip_dialog_update(d->sip, m);
	err = siprec_dialog_accept(d, m, sdp);
	if (err)
		return errmsg_set(e, err, "the answer could not be sent");
	s->counts[SIPREC_updates]++;
	return 0;
}

static void on_invite_or_update(struct siprec_server *s, const struct sip_msg *m)
{
	bool inside = pl_isset(&m->to.tag) || pl_strcmp(&m->met, "UPDATE") == 0;
	struct siprec_dialog *d = inside ? siprec_dialog_find(s, m) : NULL;
	struct errmsg e = {""};
	struct body body;
	int err;

	if (inside && !d) {
		(void)sip_treply(NULL, s->sip, m, 481, "Call Does Not Exist");
		return;
	}
	if (d && !sip_dialog_rseq_valid(d->sip, m)) {
		(void)sip_treply(NULL, s->sip, m, 500, "Bad CSeq");
		return;
	}
	err = read_body(&body, m, &e);
	if (err == 0)
		err = d ? update_session(s, d, m, &body, &e) : open_session(s, m, &body, &e);
	siprec_metadata_free(&body.metadata);
	if (body.offer)
		siprec_offer_wipe(body.offer);
	if (err)
		refuse_error(s, m, err, &e);
}

/* --- The others --- */

static void on_ack(struct siprec_server *s, const struct sip_msg *m)
{
	struct siprec_dialog *d = siprec_dialog_find(s, m);

	if (d)
		siprec_dialog_acknowledged(d, m);
}

static void on_bye(struct siprec_server *s, const struct sip_msg *m)
{
	struct siprec_dialog *d = siprec_dialog_find(s, m);

	if (!d) {
		(void)sip_treply(NULL, s->sip, m, 481, "Call Does Not Exist");
		return;
	}
	(void)sip_treplyf(NULL, NULL, s->sip, m, false, 200, "OK", "Content-Length: 0\r\n\r\n");
	log_info("siprec", "session %.*s has ended", (int)m->callid.l, m->callid.p);
	siprec_dialog_destroy(d, "hangup", false);
}

static void on_options(struct siprec_server *s, const struct sip_msg *m)
{
	(void)sip_treplyf(NULL, NULL, s->sip, m, false, 200, "OK",
		SIPREC_ALLOW "Accept: application/sdp, multipart/mixed, "
			     "application/rs-metadata+xml\r\n"
			     "Supported: siprec, timer\r\n"
			     "Contact: <sip:legtap@%J%s>;+sip.srs\r\n"
			     "Content-Length: 0\r\n\r\n",
		&m->dst, sip_transp_param(m->tp));
}

static bool on_request(const struct sip_msg *m, void *arg)
{
	struct siprec_server *s = arg;
	bool ack = pl_strcmp(&m->met, "ACK") == 0;

	s->control->now_ns = clock_now_ns();
	s->counts[SIPREC_requests] += !ack;
	if (!siprec_access_allows(s->access, m))
		return true;
	if (ack) {
		on_ack(s, m);
	} else if (pl_strcmp(&m->met, "INVITE") == 0 || pl_strcmp(&m->met, "UPDATE") == 0) {
		on_invite_or_update(s, m);
	} else if (pl_strcmp(&m->met, "BYE") == 0) {
		on_bye(s, m);
	} else if (pl_strcmp(&m->met, "OPTIONS") == 0) {
		on_options(s, m);
	} else {
		(void)sip_treplyf(NULL, NULL, s->sip, m, false, 405, "Method Not Allowed",
			SIPREC_ALLOW "Content-Length: 0\r\n\r\n");
	}
	return true;
}

/* A 200 that was sent again because our ACK was lost. */
static bool on_stray(const struct sip_msg *m, void *arg)
{
	struct siprec_dialog *d = siprec_dialog_find(arg, m);

	if (d)
		siprec_dialog_stray(d, m);
	return d != NULL;
}

/* --- Its life --- */

static int make_ports(struct siprec_server *s, struct errmsg *e)
{
	const struct config *c = s->control->config;
	struct netaddr addresses[CONFIG_SIPREC_LISTENERS_MAX];
	unsigned int count = media_addresses(c, addresses);
	int err = media_ports_create(
		&s->ports, addresses, count, c->siprec.media_ports[0], c->siprec.media_ports[1]);
	if (err == 0)
		err = media_ports_hold_sockets(s->ports);
	if (err)
		return errmsg_set(e, err, "siprec.media_ports: %s", strerror(-err));
	media_ports_let_rest(s->ports, &s->control->now_ns, PORT_REST_NS);
	return 0;
}

static int listen_at(
	struct siprec_server *s, const struct listen_address *at, unsigned int i, struct errmsg *e)
{
	static const enum sip_transp transports[] = {[LISTEN_UDP] = SIP_TRANSP_UDP,
		[LISTEN_TCP] = SIP_TRANSP_TCP,
		[LISTEN_TLS] = SIP_TRANSP_TLS};
	struct netaddr host = at->address;
	char text[NETADDR_TEXT_BYTES];
	struct sa sa;
	int err;

	host.port = 0;
	err = sa_set_str(&sa, netaddr_format(&host, text), at->address.port);
	if (!err)
		err = sip_transp_add(
			s->sip, transports[at->transport], &sa, siprec_access_tls(s->access));
	netaddr_format(&at->address, text);
	if (err)
		return errmsg_set(e, -err, "siprec.listen[%u]: %s:%s: %s", i,
			listen_transport_name(at->transport), text, strerror(err));
	log_info("siprec", "listening at %s:%s", listen_transport_name(at->transport), text);
	return 0;
}

/* libre's own complaints, of clients that break off a TLS handshake. */
static void on_libre(int level, const char *text, size_t bytes, void *arg)
{
	log_debug("siprec", "%.*s", (int)bytes, text);
}

int siprec_server_create(struct siprec_server **out, struct control *control, struct errmsg *e)
{
	const struct config *c = control->config;
	struct siprec_server *s;
	int err;

	*out = NULL;
	if (c->siprec.listen_count == 0)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return errmsg_set(e, -ENOMEM, "no memory for the SIPREC server");
	s->control = control;
	dbg_handler_set(on_libre, NULL);
	rand_bytes(s->secret, sizeof(s->secret));
	err = make_ports(s, e);
	if (err == 0) {
		err = hash_alloc(&s->dialogs, DIALOG_BUCKETS);
		if (!err)
			err = sip_alloc(&s->sip, NULL, TRANSACTION_BUCKETS, TRANSACTION_BUCKETS,
				CONNECTION_BUCKETS, "legtap " LEGTAP_VERSION, NULL, NULL);
		if (!err)
			err = sip_listen(&s->listener, s->sip, true, on_request, s);
		if (!err)
			err = sip_listen(&s->responses, s->sip, false, on_stray, s);
		if (err)
			err = errmsg_set(e, -err, "the SIPREC server: %s", strerror(err));
	}
	if (err == 0)
		err = siprec_access_create(&s->access, s, e);
	for (unsigned int i = 0; i < c->siprec.listen_count && err == 0; i++)
		err = listen_at(s, &c->siprec.listen[i], i, e);
	if (err) {
		siprec_server_destroy(s);
		return err;
	}
	*out = s;
	return 0;
}

static bool end_dialog(struct le *le, void *arg)
{
	siprec_dialog_destroy(le->data, "shutdown", true);
	return false;
}

void siprec_server_end(struct siprec_server *s)
{
	if (!s)
		return;
	s->ending = true;
	(void)hash_apply(s->dialogs, end_dialog, NULL);
}

void siprec_server_reload(struct siprec_server *s)
{
	if (s)
		siprec_access_reload(s->access);
}

void siprec_server_destroy(struct siprec_server *s)
{
	if (!s)
		return;
	if (s->dialogs)
		siprec_server_end(s);
	mem_deref(s->listener);
	mem_deref(s->responses);
	if (s->sip)
		sip_close(s->sip, true);
	mem_deref(s->sip);
	mem_deref(s->dialogs);
	siprec_access_destroy(s->access);
	media_ports_destroy(s->ports);
	free(s);
}
