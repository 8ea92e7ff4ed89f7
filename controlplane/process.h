/* legtapd as a whole: everything made in order, started, stopped and destroyed in reverse. The main
 * thread. */
#ifndef LEGTAP_CONTROLPLANE_PROCESS_H
#define LEGTAP_CONTROLPLANE_PROCESS_H

#include "common/chunk.h"
#include "common/errmsg.h"
#include "common/topology.h"
#include "controlplane/control.h"

struct process_options {
	const char *capture;	    /* --read; NULL: a live run */
	const char *out;	    /* --out */
	unsigned int record_tracks; /* --record, or 0 */
	char *const *eal_args;
	int eal_arg_count;
};

struct process {
	struct config config;
	struct process_options options;
	struct chunk_pool pool;
	struct topology topology;
	struct control control;
	bool eal;
	bool chunks;
	bool rings;
	char spool_path[4096]; /* --read: a folder of its own under --out */
};

/* p->config and p->options are filled. Makes everything and takes up what an earlier run left. 0 or
 * -errno with a message; what was made is for process_destroy. */
int process_create(struct process *p, struct errmsg *e);

/* Starts the threads. */
int process_start(struct process *p, struct errmsg *e);

/* Stops them in reverse order; everything they hold is written and entered first. */
void process_stop(struct process *p);
void process_destroy(struct process *p);

#endif
