/* Dialogs: from a message in a packet to the leg that it is of. What it does there is in
 * dialog_message.c. Control thread.
 *
 * A leg is known by Call-ID, the caller's tag, and its side. Which side a message is of follows
 * from who sends it (by tags: the caller or the callee) and which way it goes: what the caller
 * sends towards the SBC is of the caller's leg, what leaves the SBC on the caller's behalf is of
 * the callee's, and so on. So a proxy, which shows one Call-ID and one pair of tags on both sides,
 * has two legs, and a back-to-back agent one for each of its dialogs.
 *
 * Only the hop next to the SBC counts; without an SBC, the caller's first one: the same message
 * seen further on is no news. Messages of no call make no state. Responses that overtake their
 * INVITE (on another queue, say) wait for it in a small ring. */
#include "controlplane/dialog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "controlplane/bytes_hash.h"
#include "controlplane/config.h"
#include "controlplane/dialog_message.h"
#include "controlplane/named_dialog.h"

#define WAITING_MAX 64
#define WAITING_NS 1000000000ULL /* a response older than this is not of a newer INVITE */

struct waiting {
	uint64_t call_id_hash;
	struct sip_packet packet;
	char *data; /* NULL: the place is free */
};

int dialogs_create(
	struct dialogs **out, const struct config *config, struct legs *legs, struct timers *timers)
{
	struct dialogs *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->waiting = calloc(WAITING_MAX, sizeof(struct waiting));
	if (!d->waiting) {
		free(d);
		return -ENOMEM;
	}
	d->config = config;
	d->legs = legs;
	d->timers = timers;
	if (getrandom(&d->hash_key, sizeof(d->hash_key), 0) != (ssize_t)sizeof(d->hash_key))
		d->hash_key = (uintptr_t)d;
	*out = d;
	return 0;
}

void dialogs_destroy(struct dialogs *d)
{
	if (!d)
		return;
	for (unsigned int i = 0; i < WAITING_MAX; i++)
		free(d->waiting[i].data);
	free(d->waiting);
	free(d);
}

#define DIALOG_NAME(name, help) [DIALOG_##name] = #name,
#define DIALOG_HELP(name, help) [DIALOG_##name] = help,
static const char *const counter_names[] = {DIALOG_COUNTERS(DIALOG_NAME)};
static const char *const counter_helps[] = {DIALOG_COUNTERS(DIALOG_HELP)};

/* What waits is of no dialog once no INVITE can claim it any more. */
uint64_t dialog_count(const struct dialogs *d, enum dialog_counter c)
{
	uint64_t count = d->counts[c];

	for (unsigned int i = 0; c == DIALOG_no_dialog && i < WAITING_MAX; i++)
		count += d->waiting[i].data &&
			 d->waiting[i].packet.arrival_ns + WAITING_NS < d->newest_ns;
	return count;
}

void dialog_note(struct dialogs *d, enum dialog_counter c)
{
	d->counts[c]++;
}

const char *dialog_counter_name(enum dialog_counter c)
{
	return counter_names[c];
}

const char *dialog_counter_help(enum dialog_counter c)
{
	return counter_helps[c];
}

/* --- Whose message it is --- */

static enum hop hop_of(const struct config *c, const struct sip_packet *p)
{
	bool from = config_is_sbc(c, &p->source);
	bool to = config_is_sbc(c, &p->destination);

	if (from && to)
		return HOP_BETWEEN_SBCS;
	return to ? HOP_TO_SBC : from ? HOP_FROM_SBC : HOP_NO_SBC;
}

static bool is_first_invite(const struct sip_message *m)
{
	return m->request && m->method == SIP_INVITE && !m->to_tag[0];
}

static struct leg *leg_of_role(struct arrival *a, enum role originator)
{
	const struct sip_message *m = a->message;
	const char *caller_tag = originator == ROLE_CALLER ? m->from_tag : m->to_tag;
	struct leg *leg;

	a->originator = originator;
	a->sender = m->request ? originator : (enum role) !originator;
	if (a->hop == HOP_NO_SBC) {
		leg = leg_by_dialog(a->dialogs->legs, m->call_id, caller_tag, SIDE_CALLER);
		return leg ? leg
			   : leg_by_dialog(a->dialogs->legs, m->call_id, caller_tag, SIDE_CALLEE);
	}
	return leg_by_dialog(a->dialogs->legs, m->call_id, caller_tag,
		(a->sender == ROLE_CALLER) == (a->hop == HOP_TO_SBC) ? SIDE_CALLER : SIDE_CALLEE);
}

/* The transaction's originator is the caller when From bears the caller's tag, else the callee. */
static struct leg *find_leg(struct arrival *a)
{
	struct leg *leg = leg_of_role(a, ROLE_CALLER);

	if (!leg && a->message->to_tag[0])
		leg = leg_of_role(a, ROLE_CALLEE);
	return leg;
}

static const struct netaddr *outside(const struct arrival *a)
{
	return a->hop == HOP_TO_SBC ? &a->packet->source : &a->packet->destination;
}

/* A request in the dialog that no other hop showed before: the participant moved, or is now spoken
 * to directly and no longer through a proxy. */
static bool is_new_in_dialog(const struct arrival *a)
{
	const struct sip_message *m = a->message;

	return m->request && m->to_tag[0] &&
	       (m->method == SIP_ACK || m->cseq > a->dialog->newest_cseq[a->originator]);
}

/* Whether the packet was on the leg's own hop. */
static bool is_own_hop(struct arrival *a)
{
	struct leg *leg = a->leg;

	if (!leg->by_sbc)
		return netaddr_same_host(&leg->peer, &a->packet->source) ||
		       netaddr_same_host(&leg->peer, &a->packet->destination);
	if (a->hop == HOP_NO_SBC)
		return false;
	if (netaddr_same_host(&leg->peer, outside(a)))
		return true;
	if (leg->side == SIDE_CALLEE && leg->state < LEG_ANSWERED)
		return true; /* the SBC tries several places */
	if (!is_new_in_dialog(a))
		return false;
	leg->peer = *outside(a);
	return true;
}

/* --- New legs --- */

struct header_look_up {
	const struct sip_message *message;
	char value[1024];
};

static const char *find_header(void *message, const char *name)
{
	struct header_look_up *h = message;

	return sip_header_string(h->message, name, h->value, sizeof(h->value));
}

static bool has_tags(const struct leg *leg, const char *a, const char *b)
{
	return (strcmp(leg->from_tag, a) == 0 && strcmp(leg->to_tag, b) == 0) ||
	       (strcmp(leg->from_tag, b) == 0 && strcmp(leg->to_tag, a) == 0);
}

#define NAMED_LEGS_MAX 64 /* of one SIP Call-ID that are looked at */

/* The live leg that an INVITE names by Replaces or Join, whose tags nobody knows who is not of that
 * call. NULL: none. */
static const struct leg *named_leg(const struct arrival *a, const char *header)
{
	struct named_dialog named;
	char value[1024];

	if (!sip_header_string(a->message, header, value, sizeof(value)) ||
		named_dialog_parse(&named, value) != 0)
		return NULL;
	for (unsigned int i = 0; i < NAMED_LEGS_MAX; i++) {
		const struct leg *leg = leg_by_sip_id(a->dialogs->legs, named.call_id, i);

		if (!leg || leg->state == LEG_ENDED)
			return NULL;
		if (has_tags(leg, named.to_tag, named.from_tag))
			return leg;
	}
	return NULL;
}

static void offer(struct arrival *a)
{
	struct dialogs *d = a->dialogs;
	const struct sip_message *m = a->message;
	struct header_look_up header = {.message = m};
	char tie[512];
	const struct leg *replaced = named_leg(a, "Replaces");
	const struct leg_offer o = {
		.sip_call_id = m->call_id,
		.from_tag = m->from_tag,
		.from_uri = m->from_uri,
		.to_uri = m->to_uri,
		.transaction_header =
			sip_header_string(m, d->config->transaction_header, tie, sizeof(tie)),
		.replaced = replaced ? replaced : named_leg(a, "Join"),
		.side = a->hop == HOP_FROM_SBC ? SIDE_CALLEE : SIDE_CALLER,
		.by_sbc = a->hop != HOP_NO_SBC,
		.peer = a->hop == HOP_FROM_SBC ? a->packet->destination : a->packet->source,
		.encapsulation = a->packet->encapsulation,
		.at_ns = a->packet->arrival_ns,
		.wall_offset_ns = a->packet->wall_offset_ns,
	};

	if (leg_offer(d->legs, &o, &a->leg) != 0)
		return;
	a->originator = ROLE_CALLER;
	a->sender = ROLE_CALLER;
	if (dialog_attach(a->dialogs, a->leg) != 0) {
		leg_end(d->legs, a->leg, "refused", 0, a->packet->arrival_ns);
		return;
	}
	a->dialog = a->leg->dialog;
	(void)dialog_seen(a);
	dialog_first_invite(a);
	leg_offered(d->legs, a->leg, find_header, &header);
}

/* A leg that was taken for one that passes no SBC, since an earlier hop was seen first. */
static bool reaches_sbc(const struct arrival *a)
{
	return !a->leg->by_sbc && a->hop == HOP_TO_SBC && is_first_invite(a->message) &&
	       a->leg->state < LEG_ANSWERED;
}

/* An INVITE of a dialog whose leg has ended: a further try, or a late copy. */
static bool is_further_try(const struct arrival *a)
{
	const struct dialog *dialog = a->dialog;
	uint64_t branch = text_hash(a->dialogs->hash_key, a->message->branch);

	if (a->leg->state != LEG_ENDED || !is_first_invite(a->message))
		return false;
	if (a->message->cseq != dialog->invite_cseq)
		return a->message->cseq > dialog->invite_cseq;
	for (unsigned int i = 0; i < dialog->branch_count; i++)
		if (dialog->branches[i] == branch)
			return false;
	return a->leg->answered_ns == 0;
}

/* --- Responses before their INVITE --- */

static void keep_waiting(struct arrival *a)
{
	struct dialogs *d = a->dialogs;
	struct waiting *w = &d->waiting[d->waiting_next++ % WAITING_MAX];
	char *data = malloc(a->packet->bytes);

	if (w->data || !data)
		d->counts[DIALOG_no_dialog]++;
	free(w->data);
	w->data = NULL;
	if (!data)
		return;
	memcpy(data, a->packet->data, a->packet->bytes);
	w->data = data;
	w->packet = *a->packet;
	w->packet.data = data;
	w->call_id_hash = text_hash(d->hash_key, a->message->call_id);
}

static void handle(struct dialogs *d, const struct sip_packet *packet);

/* Handles anew what has waited for the INVITE just seen, in the order in which it came. */
static void handle_waiting(struct dialogs *d, uint64_t call_id_hash, uint64_t at_ns)
{
	for (unsigned int i = 0; i < WAITING_MAX; i++) {
		struct waiting *w = &d->waiting[(d->waiting_next + i) % WAITING_MAX];
		struct sip_packet packet = w->packet;
		char *data = w->data;

		if (!data || w->call_id_hash != call_id_hash)
			continue;
		w->data = NULL;
		if (packet.arrival_ns + WAITING_NS >= at_ns)
			handle(d, &packet);
		else
			d->counts[DIALOG_no_dialog]++;
		free(data);
	}
}

static void without_leg(struct arrival *a)
{
	const struct sip_message *m = a->message;

	if (is_first_invite(m)) {
		uint64_t call_id_hash = text_hash(a->dialogs->hash_key, m->call_id);

		offer(a);
		if (a->leg)
			handle_waiting(a->dialogs, call_id_hash, a->packet->arrival_ns);
		return;
	}
	if (m->method == SIP_METHOD_OTHER) {
		a->dialogs->counts[DIALOG_other]++;
		return;
	}
	if (!m->request && m->method == SIP_INVITE)
		keep_waiting(a);
	else
		a->dialogs->counts[DIALOG_no_dialog]++;
}

/* --- Arrivals --- */

static void with_leg(struct arrival *a)
{
	struct dialogs *d = a->dialogs;

	if (!a->leg->dialog && dialog_attach(a->dialogs, a->leg) != 0)
		return;
	a->dialog = a->leg->dialog;
	if (is_further_try(a)) {
		a->leg = NULL;
		without_leg(a);
		return;
	}
	if (reaches_sbc(a)) {
		a->leg->by_sbc = true;
		a->leg->peer = a->packet->source;
	}
	if (!is_own_hop(a)) {
		if (a->message->request && a->message->method == SIP_BYE && !a->leg->by_sbc)
			dialog_bye(a);
		return;
	}
	if (dialog_seen(a)) {
		d->counts[DIALOG_retransmissions]++;
		return;
	}
	if (is_first_invite(a->message))
		dialog_first_invite(a);
	else
		dialog_message(a);
}

static void handle(struct dialogs *d, const struct sip_packet *packet)
{
	struct arrival a = {.dialogs = d, .packet = packet, .message = &d->message};

	if (sip_parse(&d->message, packet->data, packet->bytes) != 0) {
		d->counts[DIALOG_malformed]++;
		return;
	}
	a.hop = hop_of(d->config, packet);
	if (a.hop == HOP_BETWEEN_SBCS) {
		if (is_first_invite(a.message))
			d->counts[DIALOG_sbc_to_sbc]++;
		return;
	}
	a.leg = find_leg(&a);
	if (a.leg)
		with_leg(&a);
	else
		without_leg(&a);
}

int dialog_adopt(struct dialogs *d, struct leg *leg, uint32_t cseq)
{
	int err = leg->dialog ? 0 : dialog_attach(d, leg);

	if (err == 0)
		((struct dialog *)leg->dialog)->invite_cseq = cseq;
	return err;
}

uint32_t dialog_invite_cseq(const struct leg *leg)
{
	const struct dialog *dialog = leg->dialog;

	return dialog ? dialog->invite_cseq : 0;
}

/* RFC 5626's keep-alives, and the empty datagrams of some phones. */
static bool is_keep_alive(const struct sip_packet *packet)
{
	for (uint32_t i = 0; i < packet->bytes; i++)
		if (packet->data[i] != '\r' && packet->data[i] != '\n' && packet->data[i] != '\0')
			return false;
	return true;
}

void dialog_receive(struct dialogs *d, const struct sip_packet *packet)
{
	d->counts[DIALOG_messages]++;
	if (packet->arrival_ns > d->newest_ns)
		d->newest_ns = packet->arrival_ns;
	if (is_keep_alive(packet))
		d->counts[DIALOG_other]++;
	else
		handle(d, packet);
}
