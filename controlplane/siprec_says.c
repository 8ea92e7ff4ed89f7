/* What metadata says under a name, for account matching. */
#include <strings.h>

#include "controlplane/siprec_metadata.h"

typedef bool fits_h(const char *pattern, const char *text);

static bool calls_say(
	const struct siprec_metadata *m, const char *name, const char *pattern, fits_h *fits)
{
	for (unsigned int i = 0; i < m->call_count; i++) {
		const struct siprec_call *c = &m->calls[i];

		if ((strcasecmp(name, "session_id") == 0 && fits(pattern, c->id)) ||
			(strcasecmp(name, "group_id") == 0 && *c->group_id &&
				fits(pattern, c->group_id)) ||
			(strcasecmp(name, "sip_session_id") == 0 && *c->sip_session_id &&
				fits(pattern, c->sip_session_id)))
			return true;
	}
	return false;
}

bool siprec_metadata_says(const struct siprec_metadata *m, const char *name, const char *pattern,
	bool (*fits)(const char *pattern, const char *text))
{
	for (unsigned int i = 0; i < m->participant_count; i++) {
		const struct siprec_participant *p = &m->participants[i];

		if ((strcasecmp(name, "aor") == 0 && *p->aor && fits(pattern, p->aor)) ||
			(strcasecmp(name, "name") == 0 && *p->name && fits(pattern, p->name)) ||
			(strcasecmp(name, "participant_id") == 0 && fits(pattern, p->id)))
			return true;
	}
	for (unsigned int i = 0; i < m->fact_count; i++)
		if (strcasecmp(name, m->facts[i].name) == 0 && fits(pattern, m->facts[i].value))
			return true;
	return calls_say(m, name, pattern, fits);
}
