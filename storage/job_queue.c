#include "storage/job_queue.h"

#include <errno.h>
#include <stdlib.h>

#define ROOM_FIRST 64U

struct job *job_new(const struct uuid *recording)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->recording = *recording;
	job->rendered = calloc(1, sizeof(*job->rendered));
	job->delivered = calloc(1, sizeof(*job->delivered));
	if (!job->rendered || !job->delivered) {
		job_free(job);
		return NULL;
	}
	job->rendered->letter.kind = EVENT_RENDERED;
	job->rendered->recording = *recording;
	job->delivered->letter.kind = EVENT_DELIVERED;
	job->delivered->recording = *recording;
	return job;
}

void job_free(struct job *job)
{
	free(job->rendered);
	free(job->delivered);
	free(job);
}

int job_queue_reserve(struct job_queue *q, uint32_t jobs)
{
	uint32_t room = q->room ? q->room : ROOM_FIRST;
	struct job **heap;

	while (room < jobs)
		room *= 2;
	if (room == q->room)
		return 0;
	heap = reallocarray(q->heap, room, sizeof(struct job *));
	if (!heap)
		return -ENOMEM;
	q->heap = heap;
	q->room = room;
	return 0;
}

void job_queue_put(struct job_queue *q, struct job *job)
{
	uint32_t at = q->waiting++;

	while (at > 0 && q->heap[(at - 1) / 2]->due_ns > job->due_ns) {
		q->heap[at] = q->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	q->heap[at] = job;
}

/* Lets a job sink from the top to its place. */
static void sink(struct job_queue *q, struct job *job)
{
	uint32_t at = 0;
	uint32_t child = 1;

	while (child < q->waiting) {
		if (child + 1 < q->waiting && q->heap[child + 1]->due_ns < q->heap[child]->due_ns)
			child++;
		if (q->heap[child]->due_ns >= job->due_ns)
			break;
		q->heap[at] = q->heap[child];
		at = child;
		child = 2 * at + 1;
	}
	q->heap[at] = job;
}

struct job *job_queue_take(struct job_queue *q, uint64_t now_ns)
{
	struct job *job;

	if (q->waiting == 0 || job_queue_next_ns(q) > now_ns)
		return NULL;
	job = q->heap[0];
	q->waiting--;
	if (q->waiting > 0)
		sink(q, q->heap[q->waiting]);
	return job;
}

uint64_t job_queue_next_ns(const struct job_queue *q)
{
	if (q->waiting == 0)
		return UINT64_MAX;
	return q->heap[0]->due_ns > q->hold_ns ? q->heap[0]->due_ns : q->hold_ns;
}

void job_queue_clear(struct job_queue *q)
{
	for (uint32_t i = 0; i < q->waiting; i++)
		job_free(q->heap[i]);
	free(q->heap);
	*q = (struct job_queue){0};
}
