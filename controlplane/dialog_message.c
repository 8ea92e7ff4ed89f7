/* The effects of SIP messages on a leg (RFC 3261, 3262, 3264, 3311, 4028). Control thread.
 *
 * Any message may be missing, late or there twice. A leg is answered by the first 2xx, or, that one
 * lost, by the ACK that only a 2xx gets; it ends with the first BYE, or the first response to a BYE
 * that was lost. It is refused when every INVITE of it (a proxy sends several, with a branch each)
 * has got its final refusal; but after one that asks the caller to try again (401, 407, 422, 3xx
 * …), or while a proxy may try elsewhere, the leg waits for the next INVITE. An offer in the dialog
 * that is refused leaves things as they were before it. */
#include "controlplane/dialog_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/bytes_hash.h"
#include "controlplane/config.h"
#include "controlplane/key_press.h"
#include "controlplane/sdp.h"

#define RETRY_NS 32000000000ULL /* 64 × T1: how long a final answer or a further try is awaited */
#define NO_ANSWER 480		/* a refusal that was lost, or never came */

struct re_offer {
	enum leg_end end;
	uint32_t cseq;
	enum role originator;
	struct leg_media before;
};

static void drop_re_offer(struct dialog *d)
{
	if (d->re_offer)
		srtp_keys_wipe(&d->re_offer->before.keys);
	free(d->re_offer);
	d->re_offer = NULL;
}

static void dialog_free(void *dialog)
{
	struct dialog *d = dialog;

	drop_re_offer(d);
	free(d);
}

int dialog_attach(struct dialogs *d, struct leg *leg)
{
	struct dialog *dialog = calloc(1, sizeof(*dialog));

	if (!dialog)
		return -ENOMEM;
	dialog->owner = d;
	leg->dialog = dialog;
	leg->dialog_free = dialog_free;
	return 0;
}

bool dialog_seen(struct arrival *a)
{
	struct dialog *d = a->dialog;
	uint64_t hash = bytes_hash(a->dialogs->hash_key, a->packet->data, a->packet->bytes);

	if (a->packet->arrival_ns > d->newest_ns)
		d->newest_ns = a->packet->arrival_ns;
	for (unsigned int i = 0; i < DIALOG_SEEN_MAX; i++)
		if (d->seen[i] == hash)
			return true;
	d->seen[d->seen_next++ % DIALOG_SEEN_MAX] = hash;
	return false;
}

static bool same_tag(const char *kept, const char *tag)
{
	return strncmp(kept, tag, LEG_TEXT_BYTES - 1) == 0;
}

/* Of another branch of a forked call, whose callee is not the one that answered. */
static bool is_of_other_fork(const struct arrival *a)
{
	const struct sip_message *m = a->message;
	const char *tag = a->originator == ROLE_CALLER ? m->to_tag : m->from_tag;

	return a->leg->to_tag[0] && tag[0] && !same_tag(a->leg->to_tag, tag);
}

/* --- Media --- */

static enum leg_end end_of(const struct arrival *a)
{
	if (a->leg->by_sbc)
		return a->hop == HOP_FROM_SBC ? END_SBC : END_PARTICIPANT;
	return a->sender == ROLE_CALLER ? END_PARTICIPANT : END_SBC;
}

static void keep_re_offer(struct arrival *a)
{
	struct dialog *d = a->dialog;
	enum leg_end end = end_of(a);

	if (!a->message->sdp.data)
		return;
	if (!d->re_offer)
		d->re_offer = malloc(sizeof(struct re_offer));
	if (!d->re_offer)
		return;
	*d->re_offer = (struct re_offer){
		.end = end, .cseq = a->message->cseq, .originator = a->originator};
	end_media_get(&a->leg->media[end], &d->re_offer->before);
}

static void settle_re_offer(struct arrival *a, bool accepted)
{
	struct dialog *d = a->dialog;
	struct re_offer *r = d->re_offer;

	if (!r || r->cseq != a->message->cseq || r->originator != a->originator)
		return;
	if (!accepted && r->before.known)
		leg_announce(a->dialogs->legs, a->leg, r->end, &r->before, a->packet->arrival_ns);
	drop_re_offer(d);
}

void dialog_announce(struct arrival *a)
{
	struct leg_media media;

	if (!a->message->sdp.data)
		return;
	if (sdp_parse(&media, a->message->sdp.data, a->message->sdp.bytes) != 0) {
		a->dialogs->counts[DIALOG_malformed_sdp]++;
		return;
	}
	media.sender = a->packet->source;
	leg_announce(a->dialogs->legs, a->leg, end_of(a), &media, a->packet->arrival_ns);
	srtp_keys_wipe(&media.keys);
}

static void learn(struct arrival *a)
{
	char value[512];
	const char *header = sip_header_string(
		a->message, a->dialogs->config->transaction_header, value, sizeof(value));
	uint64_t hash;

	if (!header)
		return;
	hash = text_hash(a->dialogs->hash_key, header);
	if (hash != a->dialog->learnt)
		leg_learn(a->dialogs->legs, a->leg, header);
	a->dialog->learnt = hash;
}

/* The newest interval that a 2xx agreed on counts; one without the header ends the timer. */
static void refresh(struct arrival *a)
{
	a->leg->session_expires_s = sip_session_expires_s(a->message);
	a->leg->refreshed_ns = a->packet->arrival_ns;
}

/* --- Before the answer --- */

static uint64_t branch_hash(const struct arrival *a)
{
	return text_hash(a->dialogs->hash_key, a->message->branch);
}

static int find_branch(const struct dialog *d, uint64_t hash)
{
	for (unsigned int i = 0; i < d->branch_count; i++)
		if (d->branches[i] == hash)
			return (int)i;
	return -1;
}

static void end_refused(struct leg *leg)
{
	const struct dialog *d = leg->dialog;

	leg_end(leg->owner, leg, d->refusal_code == 487 ? "cancelled" : "refused", d->refusal_code,
		d->refused_ns);
}

/* What was awaited did not come; or nothing came at all. */
static void setup_is_over(void *arg, uint64_t now_ns)
{
	struct leg *leg = arg;
	struct dialog *d = leg->dialog;
	uint64_t timeout_ns = d->owner->config->limits.media_timeout_s * 1000000000ULL;
	uint64_t newest_ns = d->newest_ns > leg->last_media_ns ? d->newest_ns : leg->last_media_ns;

	if (leg->state >= LEG_ANSWERED)
		return;
	if (d->refused)
		end_refused(leg);
	else if (d->cancelled_ns)
		leg_end(leg->owner, leg, "cancelled", 487, d->cancelled_ns);
	else if (newest_ns + timeout_ns <= now_ns)
		leg_end(leg->owner, leg, "no_answer", NO_ANSWER, newest_ns);
	else
		(void)timer_start(d->owner->timers, &leg->dialog_timer, newest_ns + timeout_ns,
			setup_is_over, leg);
}

static void await(struct arrival *a, uint64_t ns)
{
	(void)timer_start(a->dialogs->timers, &a->leg->dialog_timer, a->packet->arrival_ns + ns,
		setup_is_over, a->leg);
}

/* Whether the caller is likely to send the INVITE again, changed (RFC 3261, 8.1.3.4 and 8.1.3.5;
 * RFC 4028; RFC 3329). */
static bool asks_for_another_try(unsigned int code)
{
	static const unsigned int codes[] = {401, 407, 413, 415, 416, 420, 421, 422, 423, 491, 494};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (code == codes[i])
			return true;
	return code / 100 == 3;
}

static struct leg *other_side(const struct arrival *a, enum leg_side side)
{
	const struct sip_message *m = a->message;

	return leg_by_dialog(a->dialogs->legs, m->call_id,
		a->originator == ROLE_CALLER ? m->from_tag : m->to_tag, side);
}

/* A proxy that was refused at one place may try the next, while its caller waits. */
static bool may_try_elsewhere(const struct arrival *a)
{
	const struct leg *caller;

	if (!a->leg->by_sbc || a->leg->side != SIDE_CALLEE)
		return false;
	caller = other_side(a, SIDE_CALLER);
	return caller && caller->state < LEG_ANSWERED &&
	       !((const struct dialog *)caller->dialog)->cancelled_ns;
}

/* And when its caller is refused, it tries no more. */
static void end_other_side(const struct arrival *a)
{
	struct leg *callee;

	if (!a->leg->by_sbc || a->leg->side != SIDE_CALLER)
		return;
	callee = other_side(a, SIDE_CALLEE);
	if (callee && callee->state < LEG_ANSWERED &&
		((const struct dialog *)callee->dialog)->refused)
		end_refused(callee);
}

/* One branch got its final refusal. */
static void refuse(struct arrival *a, unsigned int code)
{
	struct dialog *d = a->dialog;
	int branch = find_branch(d, branch_hash(a));

	if (branch >= 0)
		d->branch_final[branch] = true;
	else if (a->leg->side == SIDE_CALLEE && d->branch_count > 1)
		return;
	for (unsigned int i = 0; branch >= 0 && i < d->branch_count; i++)
		if (!d->branch_final[i])
			return;
	d->refused = true;
	d->refusal_code = code;
	d->refused_ns = a->packet->arrival_ns;
	if (asks_for_another_try(code) || may_try_elsewhere(a)) {
		await(a, RETRY_NS);
		return;
	}
	end_refused(a->leg);
	end_other_side(a);
}

static void add_branch(struct arrival *a)
{
	struct dialog *d = a->dialog;
	uint64_t hash = branch_hash(a);

	if (find_branch(d, hash) >= 0)
		return;
	if (d->branch_count < DIALOG_BRANCHES_MAX)
		d->branch_count++;
	d->branches[d->branch_count - 1] = hash;
	d->branch_final[d->branch_count - 1] = false;
	d->refused = false;
}

static void note_cseq(struct arrival *a)
{
	uint32_t *newest = &a->dialog->newest_cseq[a->originator];

	if (a->message->cseq > *newest)
		*newest = a->message->cseq;
}

void dialog_first_invite(struct arrival *a)
{
	struct dialog *d = a->dialog;
	const struct sip_message *m = a->message;

	learn(a);
	if (a->leg->state >= LEG_ANSWERED || m->cseq < d->invite_cseq)
		return;
	if (m->cseq > d->invite_cseq) {
		d->branch_count = 0;
		d->cancelled_ns = 0;
	}
	d->invite_cseq = m->cseq;
	note_cseq(a);
	add_branch(a);
	if (!d->refused && !d->cancelled_ns)
		await(a, a->dialogs->config->limits.media_timeout_s * 1000000000ULL);
	a->leg->session_expires_s = sip_session_expires_s(m);
	dialog_announce(a);
}

static void cancel(struct arrival *a)
{
	struct dialog *d = a->dialog;

	if (a->leg->state >= LEG_ANSWERED || d->cancelled_ns || d->refused)
		return;
	/* A proxy takes back one branch while others go on. */
	if (a->leg->side == SIDE_CALLEE && d->branch_count > 1)
		return;
	d->cancelled_ns = a->packet->arrival_ns;
	await(a, RETRY_NS);
}

/* --- The answer --- */

static void answer(struct arrival *a)
{
	struct leg *leg = a->leg;
	const char *tag = a->originator == ROLE_CALLER ? a->message->to_tag : a->message->from_tag;

	leg_take_to_tag(leg, tag);
	if (leg->by_sbc && leg->side == SIDE_CALLEE && a->hop == HOP_TO_SBC)
		leg->peer = a->packet->source;
	timer_cancel(a->dialogs->timers, &leg->dialog_timer);
	a->dialog->refused = false;
	leg_answer(a->dialogs->legs, leg, a->packet->arrival_ns);
}

/* The same branch as its INVITE's: of a refusal that was lost. Another: of a 2xx that was lost, for
 * that ACK is a transaction of its own (RFC 3261, 17.1.1.3 and 13.2.2.4). */
static void on_ack(struct arrival *a)
{
	struct dialog *d = a->dialog;
	int branch = find_branch(d, branch_hash(a));

	if (a->leg->state < LEG_ANSWERED && a->message->cseq == d->invite_cseq) {
		if (branch < 0 && a->message->branch[0])
			answer(a);
		else if (branch >= 0 && a->message->branch[0] && !d->branch_final[branch])
			refuse(a, d->cancelled_ns ? 487 : NO_ANSWER);
	}
	if (a->leg->state != LEG_ANSWERED || is_of_other_fork(a))
		return;
	a->leg->refreshed_ns = a->packet->arrival_ns;
	dialog_announce(a);
}

static void on_early_response(struct arrival *a)
{
	unsigned int code = a->message->status;

	if (code < 200) {
		dialog_announce(a);
		if (code > 100)
			leg_ring(a->dialogs->legs, a->leg, code, a->packet->arrival_ns);
	} else if (code < 300) {
		refresh(a);
		dialog_announce(a);
		answer(a);
	} else {
		refuse(a, code);
	}
}

static void on_late_response(struct arrival *a)
{
	unsigned int code = a->message->status;

	if (code < 300)
		dialog_announce(a);
	if (code < 200)
		return;
	settle_re_offer(a, code < 300);
	if (code < 300)
		refresh(a);
}

static void on_invite_response(struct arrival *a)
{
	const struct dialog *d = a->dialog;
	bool first = a->originator == ROLE_CALLER && a->message->cseq == d->invite_cseq;

	if (a->leg->state < LEG_ANSWERED && first)
		on_early_response(a);
	else if (a->leg->state == LEG_ANSWERED && !first && !is_of_other_fork(a))
		on_late_response(a);
}

/* --- All others --- */

void dialog_bye(struct arrival *a)
{
	if (!is_of_other_fork(a))
		leg_end(a->dialogs->legs, a->leg, "hangup", 0, a->packet->arrival_ns);
}

/* With a To tag. Before the answer: the answer was lost, for only after it is there such a one; or
 * the caller tries again, and wrongly kept the tag of the refusal. */
static void on_re_invite(struct arrival *a)
{
	if (a->leg->state < LEG_ANSWERED && a->dialog->refused) {
		dialog_first_invite(a);
		return;
	}
	if (a->leg->state < LEG_ANSWERED)
		answer(a);
	if (is_of_other_fork(a))
		return;
	keep_re_offer(a);
	dialog_announce(a);
}

/* A key, when its body is one of those that tell of keys: they have no standard, but two forms. */
static void on_info(struct arrival *a)
{
	const struct sip_message *m = a->message;
	char type[64];
	char key = key_press_of_info(sip_header_string(m, "Content-Type", type, sizeof(type)),
		m->body.data, m->body.bytes);

	if (key != '\0' && end_of(a) == END_PARTICIPANT && !is_of_other_fork(a))
		leg_digit(a->dialogs->legs, a->leg, key, a->packet->arrival_ns);
}

static void on_request(struct arrival *a)
{
	switch (a->message->method) {
	case SIP_INVITE:
		on_re_invite(a);
		break;
	case SIP_UPDATE:
		keep_re_offer(a);
		dialog_announce(a);
		break;
	case SIP_PRACK:
		dialog_announce(a);
		break;
	case SIP_INFO:
		on_info(a);
		break;
	case SIP_ACK:
		on_ack(a);
		return;
	case SIP_CANCEL:
		cancel(a);
		return;
	case SIP_BYE:
		dialog_bye(a);
		return;
	default:
		break;
	}
	note_cseq(a);
}

static void on_response(struct arrival *a)
{
	switch (a->message->method) {
	case SIP_INVITE:
		on_invite_response(a);
		break;
	case SIP_UPDATE:
		on_late_response(a);
		break;
	case SIP_PRACK:
		if (a->message->status / 100 == 2)
			dialog_announce(a);
		break;
	case SIP_CANCEL:
		cancel(a);
		break;
	case SIP_BYE:
		dialog_bye(a);
		break;
	default:
		break;
	}
}

void dialog_message(struct arrival *a)
{
	if (a->leg->state == LEG_ENDED)
		return;
	learn(a);
	if (a->message->request)
		on_request(a);
	else
		on_response(a);
}
