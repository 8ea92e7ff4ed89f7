/* Stand-ins for the parts of the process that the admin API looks at: a few legs, recordings whose
 * actions can be held back, counters with known values. One process, one set. */
#ifndef LEGTAP_TESTS_UNIT_CONTROLPLANE_FAKES_H
#define LEGTAP_TESTS_UNIT_CONTROLPLANE_FAKES_H

#include "controlplane/control.h"

/* What the SIP Call-ID of a leg does:
 *   "held…"     its actions wait until an action on a leg "release…" is asked for
 *   "broken…"   its actions fail with -EIO
 *   "forbidden…" its start fails with -EACCES
 *   others      its actions are done at once, or fail as the state machine would */
#define FAKES_EVENTS 100U /* the event log keeps */

struct fakes {
	struct control control;
	struct config config;
	struct topology topology;
};

/* Fills f->control; time is f->control.now_ns, which the test moves. */
void fakes_create(struct fakes *f);
void fakes_destroy(struct fakes *f);

/* Adds a leg to the transaction of `like` (NULL: a new one). */
struct leg *fakes_add_leg(struct fakes *f, const char *sip_call_id, const char *tag,
	enum leg_state state, const struct leg *like);

/* Actions on "held…" legs that wait, and how many actions recordings have seen. */
unsigned int fakes_held(void);
unsigned int fakes_actions(void);
void fakes_release(void);

/* legs held by leg_hold, all together. */
unsigned int fakes_leg_holds(const struct fakes *f);

/* What ledger_path says; kept, not copied. */
void fakes_set_ledger(const char *path);

/* Adds so many ended recordings. */
void fakes_add_recordings(struct fakes *f, unsigned int count);

#endif
