/* What is going on, as JSON: GET /v1/status (docs/schemas/status.json). Control thread. */
#ifndef LEGTAP_CONTROLPLANE_STATUS_H
#define LEGTAP_CONTROLPLANE_STATUS_H

#include "common/counters.h"
#include "common/topology.h"

struct cJSON;
struct control;

struct cJSON *status_to_json(const struct control *control);

/* "rx", "writer", …: what a thread is. */
const char *thread_kind_name(enum thread_kind kind);

/* Reads a thread's counters such that the outcomes never exceed what came in: outcomes first. */
void counters_read(const counter *from, unsigned int count, uint64_t out[]);

/* The sum of those of one kind. */
uint64_t counters_sum(const uint64_t values[], const struct counter_info info[], unsigned int count,
	enum counter_kind kind);

/* One ring of the topology: its name and its two ends, as threads' names. */
typedef void ring_visit_h(void *arg, const char *name, const char *producer, const char *consumer,
	const struct rte_ring *ring);
void rings_visit(const struct topology *t, ring_visit_h *visit, void *arg);

#endif
