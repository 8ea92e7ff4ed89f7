/* The finishers: a pool of low-priority threads that render and deliver closed recordings.
 *
 * Two queues with threads of their own, so that a destination that is down never holds up
 * rendering. A job goes through:
 *
 *   waiting to render ── rendering ── waiting to deliver ⇄ delivering ── done
 *         └───(cannot be done now: again later)             (failed: again, after a growing pause)
 *
 * The work itself is render_recording (storage/render.h) and deliver_recording
 * (storage/deliver.h). The finisher appends the outcome to the journal, synced, before it reports.
 * A recording whose journal says that it is rendered, and whose WAV is there, goes straight to
 * delivery. */
#ifndef LEGTAP_STORAGE_FINISHER_H
#define LEGTAP_STORAGE_FINISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/errmsg.h"
#include "common/topology.h"
#include "common/uuid.h"
#include "storage/inbox.h"
#include "storage/storage.h"

struct finisher;

/* results: gets the events (storage/event.h). config, folder and results must outlive it. 0 or
 * -ENOMEM. */
int finisher_create(struct finisher **out, const struct storage_config *config,
	const char *recordings_folder, struct inbox *results);

/* Starts config->finisher_count threads for rendering and as many for delivery. 0 or -errno with a
 * message. Control thread. */
int finisher_start(struct finisher *f, struct topology *t, struct errmsg *e);

/* Queues a closed recording. Any thread. 0 or -ENOMEM. */
int finisher_submit(struct finisher *f, const struct uuid *recording);

/* Ends the threads: when the job that each holds is done (abandon), or when no job is left that can
 * be done now; those that wait for a pause to end are left. Control thread; blocking. */
void finisher_stop(struct finisher *f, struct topology *t, bool abandon);
void finisher_destroy(struct finisher *f);

/* Jobs waiting or being done. Any thread. */
uint32_t finisher_renders_waiting(struct finisher *f);
uint32_t finisher_deliveries_waiting(struct finisher *f);

#endif
