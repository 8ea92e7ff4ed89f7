#include "controlplane/siprec_dialog.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/netaddr_sa.h"

#define GIVE_UP_MS (64 * SIP_T1)

static void renew_time(struct siprec_dialog *d)
{
	d->server->control->now_ns = clock_now_ns();
}

static void forget_answer(struct siprec_answer *a)
{
	tmr_cancel(&a->again);
	tmr_cancel(&a->give_up);
	a->invite = mem_deref(a->invite);
	a->message = mem_deref(a->message);
}

static void on_response(int err, const struct sip_msg *m, void *arg)
{
	/* A BYE or refresh that nobody answers changes nothing: the timers decide. */
}

static void send_bye(struct siprec_dialog *d)
{
	int err = sip_drequestf(NULL, d->server->sip, true, "BYE", d->sip, 0, NULL, NULL,
		on_response, NULL, "Content-Length: 0\r\n\r\n");

	if (err)
		log_warning("siprec", "session %s: BYE could not be sent: %s",
			sip_dialog_callid(d->sip), strerror(err));
}

/* It may hold keys. */
static void forget_offer(struct siprec_dialog *d)
{
	if (d->offer)
		explicit_bzero(d->offer, d->offer_bytes);
	d->offer = mem_deref(d->offer);
}

static void dialog_free(void *arg)
{
	struct siprec_dialog *d = arg;

	tmr_cancel(&d->timer);
	tmr_cancel(&d->tell);
	mem_deref(d->telling);
	forget_offer(d);
	forget_answer(&d->answer);
	if (d->le.list)
		d->server->dialog_count--;
	hash_unlink(&d->le);
	mem_deref(d->sip);
}

void siprec_dialog_destroy(struct siprec_dialog *d, const char *reason, bool bye)
{
	if (!d)
		return;
	if (bye && d->established)
		send_bye(d);
	siprec_session_destroy(d->session, reason);
	mem_deref(d);
}

/* Every leg was ended by somebody else: there is nothing left to record. */
static void on_deserted(void *arg)
{
	struct siprec_dialog *d = arg;

	log_info("siprec", "session %s: all its legs have ended", sip_dialog_callid(d->sip));
	siprec_dialog_destroy(d, "hangup", true);
}

static void copy_text(char *out, size_t size, const struct pl *text)
{
	(void)pl_strcpy(text, out, size);
	if (text->l >= size) {
		memcpy(out, text->p, size - 1);
		out[size - 1] = '\0';
	}
}

static void on_changed(void *arg);

int siprec_dialog_create(struct siprec_dialog **out, struct siprec_server *s,
	const struct sip_msg *invite, const char *transaction_header)
{
	char call_id[LEG_TEXT_BYTES] = "";
	char from[LEG_TEXT_BYTES] = "";
	char to[LEG_TEXT_BYTES] = "";
	const struct siprec_opening opening = {.sip_call_id = call_id,
		.from_uri = from,
		.to_uri = to,
		.transaction_header = transaction_header,
		.peer = netaddr_from_sa(&invite->src)};
	struct siprec_dialog *d = mem_zalloc(sizeof(*d), dialog_free);
	int err;

	if (!d)
		return -ENOMEM;
	copy_text(call_id, sizeof(call_id), &invite->callid);
	copy_text(from, sizeof(from), &invite->from.auri);
	copy_text(to, sizeof(to), &invite->to.auri);
	d->server = s;
	d->number = rand_u64() >> 2; /* a number that any client can read */
	err = -sip_dialog_accept(&d->sip, invite);
	if (err == 0)
		err = siprec_session_create(
			&d->session, s->control, s->ports, &opening, on_deserted, d);
	if (err != 0) {
		mem_deref(d);
		return err;
	}
	siprec_session_watch(d->session, on_changed);
	hash_append(s->dialogs, hash_joaat_str(call_id), &d->le, d);
	s->dialog_count++;
	*out = d;
	return 0;
}

static bool is_dialog(struct le *le, void *arg)
{
	const struct siprec_dialog *d = le->data;

	return sip_dialog_cmp(d->sip, arg);
}

struct siprec_dialog *siprec_dialog_find(struct siprec_server *s, const struct sip_msg *m)
{
	char call_id[LEG_TEXT_BYTES];

	copy_text(call_id, sizeof(call_id), &m->callid);
	return list_ledata(hash_lookup(s->dialogs, hash_joaat_str(call_id), is_dialog, (void *)m));
}

/* --- The session timer --- */

static void on_timer(void *arg)
{
	struct siprec_dialog *d = arg;

	renew_time(d);
	if (d->we_refresh) {
		int err = sip_drequestf(NULL, d->server->sip, true, "UPDATE", d->sip, 0, NULL, NULL,
			on_response, NULL,
			"Supported: timer\r\nSession-Expires: %u;refresher=uac\r\n"
			"Content-Length: 0\r\n\r\n",
			d->expires_s);

		if (err)
			log_warning("siprec", "session %s: not refreshed: %s",
				sip_dialog_callid(d->sip), strerror(err));
		siprec_session_refreshed(d->session, d->expires_s);
		tmr_start(&d->timer, d->expires_s * 500ULL, on_timer, d);
		return;
	}
	log_warning("siprec", "session %s: not refreshed within its %u s: it has ended",
		sip_dialog_callid(d->sip), d->expires_s);
	d->server->counts[SIPREC_expired]++;
	siprec_dialog_destroy(d, "media_timeout", true);
}

/* RFC 4028, 10: who does not refresh gives up min(32, a third) seconds before the end. */
static void start_timer(struct siprec_dialog *d)
{
	uint64_t spare_s = d->expires_s / 3 < 32 ? d->expires_s / 3 : 32;

	tmr_cancel(&d->timer);
	siprec_session_refreshed(d->session, d->expires_s);
	if (d->expires_s)
		tmr_start(&d->timer,
			d->we_refresh ? d->expires_s * 500ULL : (d->expires_s - spare_s) * 1000,
			on_timer, d);
}

int siprec_dialog_take_timer(struct siprec_dialog *d, const struct sip_msg *m)
{
	const struct sip_hdr *h = sip_msg_hdr(m, SIP_HDR_SESSION_EXPIRES);
	struct pl digits;
	struct pl refresher;
	uint32_t expires_s = 0;

	if (h && re_regex(h->val.p, h->val.l, "[0-9]+", &digits) == 0 && digits.l < 9)
		expires_s = pl_u32(&digits);
	if (h && expires_s < SIPREC_MIN_SE_S)
		return -EINVAL;
	d->expires_s = expires_s;
	d->we_refresh = h &&
			re_regex(h->val.p, h->val.l, "refresher[ ]*=[ ]*[a-z]+", NULL, NULL,
				&refresher) == 0 &&
			pl_strcasecmp(&refresher, "uas") == 0;
	return 0;
}

/* --- Answers --- */

static void on_again(void *arg)
{
	struct siprec_dialog *d = arg;
	struct siprec_answer *a = &d->answer;
	uint64_t pause_ms = (uint64_t)SIP_T1 << (a->sent < 8 ? a->sent : 8);
	struct sa to;
	struct pl rport;

	sip_reply_addr(
		&to, a->invite, msg_param_exists(&a->invite->via.params, "rport", &rport) == 0);
	(void)sip_send(d->server->sip, a->invite->sock, a->invite->tp, &to, a->message);
	a->sent++;
	tmr_start(&a->again, pause_ms < SIP_T2 ? pause_ms : SIP_T2, on_again, d);
}

static void on_give_up(void *arg)
{
	struct siprec_dialog *d = arg;

	renew_time(d);
	log_warning("siprec", "session %s: its answer was never acknowledged",
		sip_dialog_callid(d->sip));
	d->server->counts[SIPREC_expired]++;
	siprec_dialog_destroy(d, "no_answer", true);
}

static void await_ack(struct siprec_dialog *d, const struct sip_msg *m, struct mbuf *message)
{
	forget_answer(&d->answer);
	d->answer.invite = mem_ref((void *)m);
	d->answer.message = message;
	d->answer.sent = 1;
	tmr_start(&d->answer.again, SIP_T1, on_again, d);
	tmr_start(&d->answer.give_up, GIVE_UP_MS, on_give_up, d);
}

/* To an offer of legtap's: what the client sends, and what not, from now on. */
static void take_answer(struct siprec_dialog *d, const struct sip_msg *m)
{
	static struct siprec_offer answer; /* one at a time */
	const struct siprec_headers none = {NULL, NULL};
	struct errmsg e;

	if (mbuf_get_left(m->mb) == 0)
		return;
	renew_time(d);
	if (siprec_offer_parse(&answer, (const char *)mbuf_buf(m->mb), mbuf_get_left(m->mb)) != 0 ||
		siprec_session_answered(d->session, &answer, &none, &e) != 0)
		log_warning("siprec", "session %s: the answer to legtap's offer can't be used",
			sip_dialog_callid(d->sip));
	siprec_offer_wipe(&answer);
}

void siprec_dialog_acknowledged(struct siprec_dialog *d, const struct sip_msg *ack)
{
	if (!d->answer.invite || d->answer.invite->cseq.num != ack->cseq.num)
		return;
	forget_answer(&d->answer);
	if (d->offered)
		take_answer(d, ack);
	d->offered = false;
}

int siprec_dialog_accept(struct siprec_dialog *d, const struct sip_msg *m, const char *sdp)
{
	bool invite = pl_strcmp(&m->met, "INVITE") == 0;
	struct mbuf *message = NULL;
	char timer[96] = "";
	int err;

	if (d->expires_s)
		re_snprintf(timer, sizeof(timer), "%sSession-Expires: %u;refresher=%s\r\n",
			d->we_refresh ? "" : "Require: timer\r\n", d->expires_s,
			d->we_refresh ? "uas" : "uac");
	err = sip_treplyf(NULL, &message, d->server->sip, m, !d->established, 200, "OK",
		"Contact: <sip:legtap@%J%s>%s\r\n" SIPREC_ALLOW
		"Supported: timer\r\n%s%sContent-Length: %zu\r\n\r\n%s",
		&m->dst, sip_transp_param(m->tp), d->is_call ? "" : ";+sip.srs", timer,
		*sdp ? "Content-Type: application/sdp\r\n" : "", strlen(sdp), sdp);
	if (err)
		return -err;
	d->established = true;
	start_timer(d);
	if (invite)
		await_ack(d, m, message);
	else
		mem_deref(message);
	return 0;
}

/* --- Descriptions --- */

int siprec_dialog_keep_offer(struct siprec_dialog *d, const char *sdp, size_t bytes)
{
	char *kept = mem_alloc(bytes, NULL);

	if (!kept)
		return -ENOMEM;
	memcpy(kept, sdp, bytes);
	forget_offer(d);
	d->offer = kept;
	d->offer_bytes = bytes;
	return 0;
}

int siprec_dialog_print(struct siprec_dialog *d, char sdp[SIPREC_SDP_BYTES])
{
	static struct siprec_offer offer; /* one at a time */
	int err = d->offer ? siprec_offer_parse(&offer, d->offer, d->offer_bytes) : -EINVAL;

	if (err) {
		siprec_offer_wipe(&offer);
		return err;
	}
	siprec_session_records(d->session, d->told);
	siprec_offer_secure(&offer, d->server->secret, d->number);
	err = siprec_answer_print(&offer, siprec_session_addresses(d->session),
		d->record_aware ? d->told : NULL, d->number, ++d->version, sdp, SIPREC_SDP_BYTES);
	siprec_offer_wipe(&offer);
	return err < 0 ? err : 0;
}

/* --- Telling what is being recorded (RFC 7866, 9.1) --- */

#define TELL_MS 20	   /* so that the legs of one action go into one message */
#define TELL_AGAIN_MS 2000 /* after a 491, or while another offer is under way */

void siprec_dialog_take_awareness(
	struct siprec_dialog *d, const struct sip_msg *m, const struct siprec_offer *offer)
{
	d->record_aware =
		d->record_aware || sip_msg_hdr_has_value(m, SIP_HDR_SUPPORTED, "record-aware");
	for (unsigned int i = 0; offer && i < offer->line_count; i++)
		d->record_aware = d->record_aware || offer->lines[i].tells_record;
	if (sip_msg_hdr(m, SIP_HDR_ALLOW))
		d->takes_update = sip_msg_hdr_has_value(m, SIP_HDR_ALLOW, "UPDATE");
}

static bool has_news(const struct siprec_dialog *d)
{
	enum siprec_record records[SIPREC_LINES_MAX];

	siprec_session_records(d->session, records);
	return memcmp(records, d->told, sizeof(records)) != 0;
}

static void acknowledge(struct siprec_dialog *d, const struct sip_msg *m)
{
	(void)sip_drequestf(NULL, d->server->sip, false, "ACK", d->sip, m->cseq.num, NULL, NULL,
		NULL, NULL, "Content-Length: 0\r\n\r\n");
}

static void on_tell(void *arg);

static void on_told(int err, const struct sip_msg *m, void *arg)
{
	struct siprec_dialog *d = arg;

	if (!err && m->scode < 200)
		return;
	if (!err && m->scode < 300 && pl_strcmp(&m->cseq.met, "INVITE") == 0)
		acknowledge(d, m);
	if (err || m->scode >= 300)
		log_warning("siprec", "session %s: what is recorded could not be told: %s %u",
			sip_dialog_callid(d->sip), err ? strerror(err) : "answer",
			err ? 0U : m->scode);
	d->server->counts[SIPREC_told] += !err && m->scode < 300;
	if (!err && m->scode == 491)
		memset(d->told, 0, sizeof(d->told));
	if (has_news(d))
		tmr_start(&d->tell, TELL_AGAIN_MS, on_tell, d);
}

static void on_tell(void *arg)
{
	struct siprec_dialog *d = arg;
	static char sdp[SIPREC_SDP_BYTES];
	int err;

	if (!has_news(d))
		return;
	if (d->telling || d->answer.invite) {
		tmr_start(&d->tell, TELL_AGAIN_MS, on_tell, d);
		return;
	}
	err = siprec_dialog_print(d, sdp);
	if (err == 0)
		err = sip_drequestf(&d->telling, d->server->sip, true,
			d->takes_update ? "UPDATE" : "INVITE", d->sip, 0, NULL, NULL, on_told, d,
			"Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
			strlen(sdp), sdp);
	if (err)
		log_warning("siprec", "session %s: what is recorded could not be told: %s",
			sip_dialog_callid(d->sip), strerror(err < 0 ? -err : err));
}

static void on_changed(void *arg)
{
	struct siprec_dialog *d = arg;

	if (d->record_aware && d->established && has_news(d))
		tmr_start(&d->tell, TELL_MS, on_tell, d);
}

void siprec_dialog_stray(struct siprec_dialog *d, const struct sip_msg *m)
{
	if (m->scode >= 200 && m->scode < 300 && pl_strcmp(&m->cseq.met, "INVITE") == 0)
		acknowledge(d, m);
}
