/* See calltruth.h. */
#include "calltruth.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define BUFFER_BYTES (1U << 20)

/* The events of each stream, in the order of arrival. */
struct by_stream {
	size_t *start; /* of a stream's events in `events`; one more for the end */
	const struct plan_event **events;
};

static void group(const struct callplan *p, struct by_stream *g)
{
	size_t *next = calloc(p->stream_count + 1, sizeof(*next));

	g->start = calloc(p->stream_count + 1, sizeof(*g->start));
	g->events = calloc(p->event_count, sizeof(*g->events));
	if (!next || !g->start || !g->events)
		err(1, "truth");
	for (size_t i = 0; i < p->event_count; i++) {
		if (!(p->events[i].source & PLAN_SIP))
			g->start[p->events[i].source + 1]++;
	}
	for (uint32_t s = 0; s < p->stream_count; s++) {
		g->start[s + 1] += g->start[s];
		next[s + 1] = g->start[s + 1];
	}
	for (size_t i = 0; i < p->event_count; i++) {
		if (!(p->events[i].source & PLAN_SIP))
			g->events[next[p->events[i].source]++] = &p->events[i];
	}
	free(next);
}

static void put_number(FILE *f, uint64_t n)
{
	char digits[24];
	char *p = digits + sizeof(digits);

	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	fwrite_unlocked(p, 1, (size_t)(digits + sizeof(digits) - p), f);
}

static void put_address(FILE *f, const char *name, const struct endpoint *e)
{
	if (e->ipv6)
		fprintf(f, ",\"%s\":\"[%s]:%u\"", name, e->host, e->port);
	else
		fprintf(f, ",\"%s\":\"%s:%u\"", name, e->host, e->port);
}

static void put_names(FILE *f, const struct plan_stream *s)
{
	const struct plan_leg *l = s->leg;
	const struct endpoint *source = s->direction ? &l->sbc_rtp : &l->participant_rtp;
	const struct endpoint *destination = s->direction ? &l->participant_rtp : &l->sbc_rtp;

	fprintf(f, "{\"call\":%u,\"leg\":%u,\"side\":\"%s\",\"track\":\"%s\"", l->call, l->leg,
		l->leg ? "callee" : "caller", s->direction ? "OUTGOING" : "INCOMING");
	fprintf(f, ",\"sip_call_id\":\"%s\",\"from_tag\":\"%s\"", l->call_id, l->from_tag);
	fprintf(f, ",\"law\":\"%s\",\"rate\":8000,\"ssrc\":\"%08x\"",
		l->payload_type ? "PCMA" : "PCMU", s->ssrc);
	put_address(f, "source", source);
	put_address(f, "destination", destination);
}

static void put_numbers(FILE *f, const struct callplan *p, const struct plan_stream *s)
{
	const struct plan_leg *l = s->leg;

	fprintf(f, ",\"key\":\"%016" PRIx64 "\",\"samples_per_packet\":%u", s->key,
		p->samples_per_packet);
	fprintf(f, ",\"sequence\":%u,\"timestamp\":%u,\"sent\":%u", s->sequence, s->timestamp,
		s->sent);
	fprintf(f, ",\"invite_us\":%" PRIu64 ",\"answer_us\":%" PRIu64 ",\"bye_us\":%" PRIu64,
		l->sip_us[SIP_INVITE], l->sip_us[SIP_OK], l->sip_us[SIP_BYE]);
}

static void put_arrivals(FILE *f, const struct plan_event **events, size_t count)
{
	uint64_t first_us = count ? events[0]->time_us : 0;

	fprintf(f, ",\"first_us\":%" PRIu64 ",\"packets\":[", first_us);
	for (size_t i = 0; i < count; i++) {
		if (i)
			putc_unlocked(',', f);
		put_number(f, events[i]->item);
	}
	fputs("],\"arrivals_us\":[", f);
	for (size_t i = 0; i < count; i++) {
		if (i)
			putc_unlocked(',', f);
		put_number(f, events[i]->time_us - first_us);
	}
	fputs("]}\n", f);
}

void calltruth_write(const struct callplan *p, const char *path)
{
	FILE *f = fopen(path, "we");
	struct by_stream g;

	if (!f || setvbuf(f, NULL, _IOFBF, BUFFER_BYTES) != 0)
		err(1, "%s", path);
	group(p, &g);
	for (uint32_t s = 0; s < p->stream_count; s++) {
		put_names(f, &p->streams[s]);
		put_numbers(f, p, &p->streams[s]);
		put_arrivals(f, g.events + g.start[s], g.start[s + 1] - g.start[s]);
	}
	free(g.start);
	free(g.events);
	if (ferror(f) || fclose(f) != 0)
		err(1, "%s", path);
}
