/* See callplan.h. Every choice is a hash of the seed, the thing it is made for, and a purpose. */
#include "callplan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noise.h"

#define EPOCH_US 1768469400000000ULL /* 2026-01-15 09:30:00 UTC */
#define US_PER_MS 1000ULL
#define SAMPLE_RATE 8000U
#define SIP_PORT 5060
#define SBC_MEDIA_PORT 10000
#define RADIX_BITS 16
#define RADIX_PASSES 3 /* 48 bits of microseconds: nine years */

enum purpose {
	FOR_ANSWER = 1,
	FOR_CALL_ID,
	FOR_FROM_TAG,
	FOR_TO_TAG,
	FOR_SESSION_IDS,
	FOR_MEDIA_PORT,
	FOR_START,
	FOR_END,
	FOR_SSRC,
	FOR_SEQUENCE,
	FOR_TIMESTAMP,
	FOR_LOSS,
	FOR_JITTER,
	FOR_REORDER,
	FOR_DUPLICATE,
	FOR_SECOND_COPY,
};

static uint64_t draw(uint64_t key, enum purpose purpose, uint64_t index)
{
	return noise_mix(noise_mix(key + purpose) ^ index << 8);
}

/* From 0 up to, not including, `below`. */
static uint64_t draw_below(uint64_t key, enum purpose purpose, uint64_t index, uint64_t below)
{
	return below ? draw(key, purpose, index) % below : 0;
}

static bool draw_percent(uint64_t key, enum purpose purpose, uint64_t index, double percent)
{
	return (double)(draw(key, purpose, index) >> 11) * 0x1p-53 * 100.0 < percent;
}

static uint64_t sip_time(uint64_t us)
{
	return us | 1;
}

static uint64_t rtp_time(uint64_t us)
{
	return us & ~1ULL;
}

/* Network `net` (0: the SBC's, 1: callers', 2: callees'), host `n` in it. */
static struct endpoint endpoint(bool ipv6, uint32_t net, uint32_t n, uint16_t port)
{
	struct endpoint e = {.ipv6 = ipv6, .port = port};

	if (ipv6) {
		const uint8_t ip[16] = {0x20, 0x01, 0x0d, 0xb8, 0,
			(uint8_t)net, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n};

		memcpy(e.ip, ip, sizeof(ip));
	} else {
		const uint8_t ip[4] = {10, (uint8_t)net, (uint8_t)(n / 250), (uint8_t)(n % 250)};

		memcpy(e.ip, ip, sizeof(ip));
	}
	inet_ntop(ipv6 ? AF_INET6 : AF_INET, e.ip, e.host, sizeof(e.host));
	return e;
}

static void place_leg(const struct callplan_options *o, struct plan_leg *l, uint64_t key)
{
	uint32_t net = 1 + l->leg, host = l->call + 1;
	uint16_t sbc_port = (uint16_t)(SBC_MEDIA_PORT + 2 * (l->call * o->legs + l->leg));
	uint16_t port = (uint16_t)(16384 + 2 * draw_below(key, FOR_MEDIA_PORT, 0, 8192));

	/* 250 hosts to a /24, none of them .0. */
	if (!o->ipv6)
		host = l->call / 249 * 250 + l->call % 249 + 1;
	l->participant_sip = endpoint(o->ipv6, net, host, SIP_PORT);
	l->participant_rtp = endpoint(o->ipv6, net, host, port);
	l->sbc_sip = endpoint(o->ipv6, 0, 1, SIP_PORT);
	l->sbc_rtp = endpoint(o->ipv6, 0, 1, sbc_port);
}

static void name_leg(struct plan_leg *l, uint64_t key, uint64_t call_key)
{
	snprintf(l->call_id, sizeof(l->call_id), "%016" PRIx64 "@%.40s", draw(key, FOR_CALL_ID, 0),
		l->leg ? "sbc.example.net" : "phone.example.net");
	snprintf(l->from_tag, sizeof(l->from_tag), "f%016" PRIx64, draw(key, FOR_FROM_TAG, 0));
	snprintf(l->to_tag, sizeof(l->to_tag), "t%016" PRIx64, draw(key, FOR_TO_TAG, 0));
	for (int i = 0; i < 2; i++)
		snprintf(l->session_ids[i], sizeof(l->session_ids[i]), "%016" PRIx64 "%016" PRIx64,
			draw(call_key, FOR_SESSION_IDS, 2 * i),
			draw(call_key, FOR_SESSION_IDS, 2 * i + 1));
	snprintf(l->caller, sizeof(l->caller), "+1202555%04u", l->call % 10000);
	snprintf(l->callee, sizeof(l->callee), "+1303555%04u", l->call % 10000);
}

/* The callee's leg begins after the caller's and is answered before it. */
static void time_leg(const struct callplan_options *o, struct plan_leg *l, uint64_t call_key)
{
	uint64_t start = EPOCH_US + (uint64_t)l->call * o->stagger_ms * US_PER_MS;
	uint64_t answer = start + (600 + draw_below(call_key, FOR_ANSWER, 0, 400)) * US_PER_MS;
	uint64_t bye = answer + (uint64_t)(o->seconds * 1e6);
	uint64_t *at = l->sip_us;

	l->participant_hangs_up = l->call % 2 == l->leg;
	at[SIP_INVITE] = sip_time(start + (l->leg ? 12000 : 0));
	at[SIP_TRYING] = sip_time(at[SIP_INVITE] + 4000);
	at[o->early_media ? SIP_PROGRESS : SIP_RINGING] =
		sip_time(start + (l->leg ? 150000 : 158000));
	at[SIP_OK] = sip_time(l->leg ? answer - 9000 : answer);
	at[SIP_ACK] = sip_time(at[SIP_OK] + 21000);
	if (o->no_bye)
		return;
	at[SIP_BYE] = sip_time(l->participant_hangs_up || o->legs == 1 ? bye : bye + 6000);
	at[SIP_BYE_OK] = sip_time(at[SIP_BYE] + 17000);
}

static uint8_t law_of(const struct callplan_options *o, const struct plan_leg *l)
{
	if (o->law == LAW_MIXED)
		return (l->call + l->leg) % 2 ? 8 : 0;
	return o->law == LAW_PCMA ? 8 : 0;
}

static void plan_leg(const struct callplan_options *o, struct plan_leg *l)
{
	uint64_t call_key = noise_key(o->seed, l->call, UINT32_MAX, 0);
	uint64_t key = noise_key(o->seed, l->call, l->leg, UINT32_MAX);

	l->payload_type = law_of(o, l);
	place_leg(o, l, key);
	name_leg(l, key, call_key);
	time_leg(o, l, call_key);
}

/* Whoever answers may talk as soon as it does so (with early media, before); whoever offered hears
 * of it first, but its audio may overtake its ACK. After a late offer nobody knows where to send to
 * before the ACK. */
static uint64_t media_start(const struct callplan_options *o, const struct plan_stream *s)
{
	const struct plan_leg *l = s->leg;
	bool by_answerer = s->direction == (l->leg ? 0 : 1);
	uint64_t shift = draw_below(s->key, FOR_START, 0, 15000);
	uint64_t start;

	if (o->late_offer)
		start = l->sip_us[SIP_ACK] + 100 + shift;
	else if (!by_answerer)
		start = l->sip_us[SIP_ACK] - 3000 + shift;
	else
		start = l->sip_us[o->early_media ? SIP_PROGRESS : SIP_OK] + 100 + shift;
	return start - o->overtake_ms * US_PER_MS;
}

/* Who hangs up stops before; the other one goes on for a moment. */
static uint64_t media_end(const struct callplan_options *o, const struct plan_stream *s)
{
	const struct plan_leg *l = s->leg;
	uint64_t shift = draw_below(s->key, FOR_END, 0, 20000);

	if (o->no_bye)
		return l->sip_us[SIP_OK] + (uint64_t)(o->seconds * 1e6) - shift;
	if (l->participant_hangs_up == (s->direction == 0))
		return l->sip_us[SIP_BYE] - shift;
	return l->sip_us[SIP_BYE] + 25000 + 2 * shift;
}

/* Every fourth stream's sequence numbers wrap in mid-call, and every fourth's timestamps. */
static void plan_rtp(const struct callplan *p, struct plan_stream *s, uint32_t index)
{
	uint32_t half = s->sent / 2 ? s->sent / 2 : 1;

	s->ssrc = (uint32_t)draw(s->key, FOR_SSRC, 0);
	s->sequence = (uint16_t)draw(s->key, FOR_SEQUENCE, 0);
	s->timestamp = (uint32_t)draw(s->key, FOR_TIMESTAMP, 0);
	if (index % 4 == 1)
		s->sequence = (uint16_t) - (1 + draw_below(s->key, FOR_SEQUENCE, 1, half));
	if (index % 4 == 2)
		s->timestamp =
			(uint32_t) -
			(p->samples_per_packet * (1 + draw_below(s->key, FOR_TIMESTAMP, 1, half)) -
				3);
}

static void plan_stream(struct callplan *p, uint32_t index)
{
	const struct callplan_options *o = &p->options;
	struct plan_stream *s = &p->streams[index];
	uint64_t end, packet_us = o->ptime_ms * US_PER_MS;

	s->leg = &p->legs[index / 2];
	s->direction = index % 2;
	s->key = noise_key(o->seed, s->leg->call, s->leg->leg, s->direction);
	s->start_us = rtp_time(media_start(o, s));
	end = media_end(o, s);
	s->sent = end > s->start_us ? (uint32_t)((end - s->start_us) / packet_us) + 1 : 0;
	plan_rtp(p, s, index);
}

static int add(struct callplan *p, uint64_t time_us, uint32_t source, uint32_t item)
{
	if (p->event_count == p->event_room) {
		size_t room = p->event_room ? p->event_room * 2 : 4096;
		struct plan_event *events = reallocarray(p->events, room, sizeof(*events));

		if (!events)
			return -ENOMEM;
		p->events = events;
		p->event_room = room;
	}
	p->events[p->event_count++] =
		(struct plan_event){.time_us = time_us, .source = source, .item = item};
	return 0;
}

/* Sends packet k of a stream through a network that loses, delays, reorders and doubles. */
static int send_packet(struct callplan *p, uint32_t index, uint32_t k)
{
	const struct callplan_options *o = &p->options;
	const struct plan_stream *s = &p->streams[index];
	uint64_t packet_us = o->ptime_ms * US_PER_MS, jitter_us = o->jitter_ms * US_PER_MS;
	uint64_t at =
		s->start_us + k * packet_us + draw_below(s->key, FOR_JITTER, k, jitter_us + 1);
	int err;

	if (draw_percent(s->key, FOR_LOSS, k, o->loss))
		return 0;
	/* Late by one to two packets: at least the next one passes it. */
	if (draw_percent(s->key, FOR_REORDER, k, o->reorder))
		at += jitter_us + packet_us + 2 + draw_below(s->key, FOR_REORDER, k + 1, packet_us);
	err = add(p, rtp_time(at), index, k);
	if (err < 0 || !draw_percent(s->key, FOR_DUPLICATE, k, o->duplicate))
		return err;
	at += 100 + draw_below(s->key, FOR_SECOND_COPY, k, packet_us + packet_us / 2);
	return add(p, rtp_time(at), index, k);
}

static int plan_events(struct callplan *p)
{
	for (uint32_t l = 0; l < p->leg_count; l++) {
		for (uint32_t kind = 0; kind < SIP_KINDS; kind++) {
			uint64_t at = p->legs[l].sip_us[kind];

			if (at && add(p, at, PLAN_SIP | l, kind) < 0)
				return -ENOMEM;
		}
	}
	for (uint32_t s = 0; s < p->stream_count; s++) {
		for (uint32_t k = 0; k < p->streams[s].sent; k++) {
			if (send_packet(p, s, k) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static void radix_pass(const struct plan_event *from, struct plan_event *to, size_t count,
	uint32_t *places, unsigned int shift)
{
	const uint32_t mask = (1U << RADIX_BITS) - 1;
	uint32_t sum = 0;

	memset(places, 0, sizeof(*places) << RADIX_BITS);
	for (size_t i = 0; i < count; i++)
		places[(from[i].time_us - EPOCH_US) >> shift & mask]++;
	for (uint32_t d = 0; d <= mask; d++) {
		uint32_t n = places[d];

		places[d] = sum;
		sum += n;
	}
	for (size_t i = 0; i < count; i++)
		to[places[(from[i].time_us - EPOCH_US) >> shift & mask]++] = from[i];
}

/* By time; what has the same time keeps its order. */
static int sort_events(struct callplan *p)
{
	struct plan_event *spare = reallocarray(NULL, p->event_room, sizeof(*spare));
	uint32_t *places = malloc(sizeof(*places) << RADIX_BITS);
	int err = -ENOMEM;

	if (!spare || !places)
		goto out;
	for (unsigned int pass = 0; pass < RADIX_PASSES; pass++) {
		struct plan_event *sorted = spare;

		radix_pass(p->events, sorted, p->event_count, places, pass * RADIX_BITS);
		spare = p->events;
		p->events = sorted;
	}
	err = 0;
out:
	free(places);
	free(spare);
	return err;
}

int callplan_create(struct callplan *p, const struct callplan_options *options)
{
	*p = (struct callplan){.options = *options};
	p->samples_per_packet = options->ptime_ms * (SAMPLE_RATE / 1000);
	p->leg_count = options->calls * options->legs;
	p->stream_count = p->leg_count * 2;
	p->legs = calloc(p->leg_count, sizeof(*p->legs));
	p->streams = calloc(p->stream_count, sizeof(*p->streams));
	if (!p->legs || !p->streams)
		goto no_memory;
	for (uint32_t l = 0; l < p->leg_count; l++) {
		p->legs[l].call = l / options->legs;
		p->legs[l].leg = l % options->legs;
		plan_leg(options, &p->legs[l]);
	}
	for (uint32_t s = 0; s < p->stream_count; s++)
		plan_stream(p, s);
	if (plan_events(p) == 0 && sort_events(p) == 0)
		return 0;
no_memory:
	callplan_destroy(p);
	return -ENOMEM;
}

void callplan_destroy(struct callplan *p)
{
	free(p->legs);
	free(p->streams);
	free(p->events);
	*p = (struct callplan){0};
}
