#include "controlplane/leg_lookup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct matches {
	const struct session *session; /* NULL: any */
	struct leg *live;	       /* the first */
	unsigned int count;	       /* live ones */
	bool ended;		       /* one that is not */
	char call_ids[ERRMSG_BYTES / 2];
};

static void consider(struct matches *m, struct leg *leg)
{
	char text[UUID_TEXT_BYTES];
	size_t used = strlen(m->call_ids);

	if (m->session && leg->session != m->session)
		return;
	if (leg->state == LEG_ENDED) {
		m->ended = true;
		return;
	}
	if (m->count++ == 0)
		m->live = leg;
	if (used + UUID_TEXT_BYTES + 2 < sizeof(m->call_ids))
		snprintf(m->call_ids + used, sizeof(m->call_ids) - used, "%s%s", used ? ", " : "",
			uuid_format(&leg->call_id, text));
}

static bool is_tag(const char *id)
{
	return strncmp(id, "LEG-", 4) == 0;
}

static void collect(struct matches *m, struct legs *legs, const char *id)
{
	struct leg *leg = NULL;
	struct uuid call_id;

	if (uuid_parse(id, &call_id) == 0)
		leg = leg_by_call_id(legs, &call_id);
	if (leg) {
		consider(m, leg);
		return;
	}
	for (unsigned int i = 0; (leg = leg_by_sip_id(legs, id, i)) != NULL; i++)
		consider(m, leg);
	if (m->count || !m->session)
		return;
	for (leg = m->session->legs; leg; leg = leg->next_in_session)
		if (strcmp(leg->participant_tag, id) == 0)
			consider(m, leg);
}

static int judge(const struct matches *m, const char *id, struct errmsg *e)
{
	if (m->count == 1)
		return 0;
	if (m->count > 1)
		return errmsg_set(e, -ENOTUNIQ,
			"%.100s fits %u live legs: name one by its CallId: %s", id, m->count,
			m->call_ids);
	if (m->ended)
		return errmsg_set(e, -ENOENT, "the leg of %.100s has ended", id);
	if (is_tag(id) && !m->session)
		return errmsg_set(e, -ENOENT,
			"%.100s is a ParticipantTag: it needs the list's TransactionId", id);
	return errmsg_set(e, -ENOENT, "no live leg has the CallId or SIP Call-ID %.100s%s", id,
		m->session ? " in the list's transaction" : "");
}

struct session *transaction_lookup(struct legs *legs, const char *transaction_id)
{
	struct uuid id;

	return uuid_parse(transaction_id, &id) == 0 ? session_by_id(legs, &id) : NULL;
}

int leg_lookup(struct legs *legs, const char *transaction_id, const char *id, struct leg **out,
	struct errmsg *e)
{
	struct matches m = {0};
	int err;

	if (transaction_id) {
		m.session = transaction_lookup(legs, transaction_id);
		if (!m.session)
			return errmsg_set(e, -ENOENT, "no transaction has the TransactionId %.100s",
				transaction_id);
	}
	collect(&m, legs, id);
	err = judge(&m, id, e);
	if (err == 0)
		*out = m.live;
	return err;
}
