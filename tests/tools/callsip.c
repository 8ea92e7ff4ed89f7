/* See callsip.h. */
#include "callsip.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENT_PAYLOAD_TYPE 101

struct text {
	char *data;
	size_t used;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->data + t->used, t->size - t->used, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->size - t->used) {
		fprintf(stderr, "SIP message longer than %zu bytes\n", t->size);
		abort();
	}
	t->used += (size_t)n;
}

static bool is_response(enum sip_kind kind)
{
	return kind != SIP_INVITE && kind != SIP_ACK && kind != SIP_BYE;
}

static bool is_of_bye(enum sip_kind kind)
{
	return kind == SIP_BYE || kind == SIP_BYE_OK;
}

/* Who sends the request that a message is, or answers. */
static bool request_from_participant(const struct plan_leg *l, enum sip_kind kind)
{
	return is_of_bye(kind) ? l->participant_hangs_up : l->leg == 0;
}

bool callsip_from_participant(const struct plan_leg *l, enum sip_kind kind)
{
	return request_from_participant(l, kind) != is_response(kind);
}

/* A host as URIs, Via and Contact have it. */
static void add_host(struct text *t, const struct endpoint *e)
{
	add(t, e->ipv6 ? "[%s]" : "%s", e->host);
}

/* An offer names both laws, the one to be chosen first; an answer the chosen one. */
static void write_sdp(struct text *t, const struct endpoint *rtp, unsigned int chosen, bool offer,
	const struct callplan_options *o)
{
	const char *family = rtp->ipv6 ? "IP6" : "IP4";
	unsigned int other = chosen ? 0 : 8;

	add(t, "v=0\r\no=- %u 1 IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n", 1000000U + rtp->port,
		family, rtp->host, family, rtp->host);
	add(t, "m=audio %u RTP/%s %u", rtp->port, o->srtp ? "SAVP" : "AVP", chosen);
	if (offer)
		add(t, " %u", other);
	add(t, " %d\r\n", EVENT_PAYLOAD_TYPE);
	add(t, "a=rtpmap:%u PCM%c/8000\r\n", chosen, chosen ? 'A' : 'U');
	if (offer)
		add(t, "a=rtpmap:%u PCM%c/8000\r\n", other, other ? 'A' : 'U');
	add(t, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-16\r\n", EVENT_PAYLOAD_TYPE,
		EVENT_PAYLOAD_TYPE);
	add(t, "a=ptime:%u\r\na=sendrecv\r\n", o->ptime_ms);
}

static bool has_sdp(const struct callplan_options *o, enum sip_kind kind)
{
	switch (kind) {
	case SIP_INVITE:
		return !o->late_offer;
	case SIP_ACK:
		return o->late_offer;
	case SIP_PROGRESS:
	case SIP_OK:
		return true;
	default:
		return false;
	}
}

static const char *method_of(enum sip_kind kind)
{
	if (is_of_bye(kind))
		return "BYE";
	return kind == SIP_ACK ? "ACK" : "INVITE";
}

static const char *status_of(enum sip_kind kind)
{
	switch (kind) {
	case SIP_TRYING:
		return "100 Trying";
	case SIP_RINGING:
		return "180 Ringing";
	case SIP_PROGRESS:
		return "183 Session Progress";
	default:
		return "200 OK";
	}
}

static void add_start_line(struct text *t, const struct plan_leg *l, enum sip_kind kind)
{
	bool to_callee = kind != SIP_BYE || l->participant_hangs_up == (l->leg == 0);

	if (is_response(kind)) {
		add(t, "SIP/2.0 %s\r\n", status_of(kind));
		return;
	}
	add(t, "%s sip:%s@", method_of(kind), to_callee ? l->callee : l->caller);
	add_host(t, callsip_from_participant(l, kind) ? &l->sbc_sip : &l->participant_sip);
	add(t, ":%u SIP/2.0\r\n", l->sbc_sip.port);
}

static void add_party(
	struct text *t, const char *header, const struct plan_leg *l, bool caller, bool tagged)
{
	add(t, "%s: <sip:%s@%s.example.net>", header, caller ? l->caller : l->callee,
		caller ? "phone" : "desk");
	if (tagged)
		add(t, ";tag=%s", caller ? l->from_tag : l->to_tag);
	add(t, "\r\n");
}

static void add_parties(struct text *t, const struct plan_leg *l, enum sip_kind kind)
{
	/* Of a BYE from whoever got the INVITE, From and To change places. */
	bool turned = is_of_bye(kind) && l->participant_hangs_up != (l->leg == 0);
	bool tagged = kind != SIP_INVITE && kind != SIP_TRYING;

	add_party(t, "From", l, !turned, true);
	add_party(t, "To", l, turned, tagged);
}

/* The sender's half first; in the INVITE and the 100 the callee's is not yet known. */
static void add_session_id(struct text *t, const struct plan_leg *l, enum sip_kind kind)
{
	bool from_caller_side = callsip_from_participant(l, kind) == (l->leg == 0);
	const char *nil = "00000000000000000000000000000000";
	const char *callee = kind == SIP_INVITE || kind == SIP_TRYING ? nil : l->session_ids[1];
	const char *caller = l->session_ids[0];

	add(t, "Session-ID: %s;remote=%s\r\n", from_caller_side ? caller : callee,
		from_caller_side ? callee : caller);
}

static void add_headers(struct text *t, const struct plan_leg *l, enum sip_kind kind)
{
	const struct endpoint *requester =
		request_from_participant(l, kind) ? &l->participant_sip : &l->sbc_sip;
	const struct endpoint *sender =
		callsip_from_participant(l, kind) ? &l->participant_sip : &l->sbc_sip;

	add(t, "Via: SIP/2.0/UDP ");
	add_host(t, requester);
	add(t, ":%u;branch=z9hG4bK%s%s\r\n", requester->port, method_of(kind), l->from_tag);
	if (!is_response(kind))
		add(t, "Max-Forwards: 70\r\n");
	add_parties(t, l, kind);
	add(t, "Call-ID: %s\r\nCSeq: %d %s\r\n", l->call_id, is_of_bye(kind) ? 2 : 1,
		method_of(kind));
	add_session_id(t, l, kind);
	if (!is_of_bye(kind) && kind != SIP_TRYING) {
		add(t, "Contact: <sip:");
		add_host(t, sender);
		add(t, ":%u>\r\n", sender->port);
	}
	if (kind == SIP_INVITE || kind == SIP_OK)
		add(t, "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n");
}

size_t callsip_write(const struct callplan_options *o, const struct plan_leg *l, enum sip_kind kind,
	char text[CALLSIP_BYTES_MAX])
{
	struct text t = {.data = text, .size = CALLSIP_BYTES_MAX};
	char body[CALLSIP_BYTES_MAX];
	struct text sdp = {.data = body, .size = sizeof(body)};
	bool offer = kind == SIP_INVITE || (o->late_offer && kind == SIP_OK);

	body[0] = '\0';
	if (has_sdp(o, kind))
		write_sdp(&sdp,
			callsip_from_participant(l, kind) ? &l->participant_rtp : &l->sbc_rtp,
			l->payload_type, offer, o);
	add_start_line(&t, l, kind);
	add_headers(&t, l, kind);
	if (sdp.used)
		add(&t, "Content-Type: application/sdp\r\n");
	add(&t, "Content-Length: %zu\r\n\r\n%s", sdp.used, body);
	return t.used;
}
