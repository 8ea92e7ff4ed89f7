/* Legs of the world, tied to media and recordings as loop.c ties them, and actions on them. */
#include "recording_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "controlplane/endpoint.h"
#include "controlplane/session.h"

static struct world *the_world;

uint64_t clock_now_ns(void)
{
	return the_world->now_ns;
}

static bool settle_storage(struct world *w)
{
	bool moved = false;

	for (struct world_file *f = w->files; f; f = f->next)
		while (world_storage(w, f))
			moved = true;
	return moved;
}

void world_settle(struct world *w)
{
	do {
		world_settle_gates(w);
		while (world_sync(w, 0))
			continue;
	} while (settle_storage(w) || !world_is_idle(w));
}

/* --- Legs, tied to media and recordings as in loop.c --- */

static void on_offered(void *arg, struct leg *leg,
	const char *(*header)(void *message, const char *name), void *message)
{
	struct world *w = arg;

	leg->account = &w->config.accounts[0];
	recordings_leg_offered(w->control.recordings, leg);
	media_announced(w->control.media, leg);
}

static void on_media_changed(void *arg, struct leg *leg, enum leg_end end, uint64_t at_ns)
{
	struct world *w = arg;

	for (unsigned int i = 0; i < leg->media[end].address_count; i++)
		endpoint_add(w->control.endpoints, &leg->media[end].addresses[i], leg, end);
	recordings_leg_media(w->control.recordings, leg, end, at_ns);
	media_announced(w->control.media, leg);
}

static void on_answered(void *arg, struct leg *leg)
{
	recordings_leg_answered(((struct world *)arg)->control.recordings, leg);
}

static void on_ended(void *arg, struct leg *leg)
{
	recordings_leg_ended(((struct world *)arg)->control.recordings, leg);
}

static void on_forgotten(void *arg, struct leg *leg)
{
	struct world *w = arg;

	endpoints_forget(w->control.endpoints, leg);
	media_forget(w->control.media, leg);
}

static struct netaddr address(uint8_t net, uint16_t host, uint16_t port)
{
	const uint8_t ip[] = {10, net, (uint8_t)(host >> 8), (uint8_t)host};

	return netaddr_from_ipv4(ip, port);
}

static void announce(
	struct world *w, struct leg *leg, enum leg_end end, uint16_t host, uint16_t port)
{
	struct leg_media media = {.address_count = 1,
		.known = true,
		.sends = true,
		.receives = true,
		.codec_count = 1,
		.codecs = {{.payload_type = 0, .clock_hz = 8000, .name = "PCMU"}}};

	media.addresses[0] = address(end == END_PARTICIPANT ? 1 : 2, host, port);
	leg_announce(w->control.legs, leg, end, &media, w->now_ns);
}

void world_encrypt(struct world *w, struct leg *leg, enum leg_end end, uint16_t host)
{
	struct leg_media media;

	end_media_get(&leg->media[end], &media);
	media.addresses[0] = address(end == END_PARTICIPANT ? 1 : 2, host, 4000);
	media.address_count = 1;
	media.known = true;
	media.encrypted = true;
	media.codec_count = 1;
	media.codecs[0] = (struct codec){.payload_type = 0, .clock_hz = 8000, .name = "PCMU"};
	media.keys = (struct srtp_keys){.count = 1, .current = 1};
	media.keys.list[0].tag = end + 1U;
	leg_announce(w->control.legs, leg, end, &media, w->now_ns);
}

struct leg *world_offer(struct world *w, const char *sip_call_id, uint16_t host)
{
	const struct leg_offer offer = {.sip_call_id = sip_call_id,
		.from_tag = "tag",
		.from_uri = strncmp(sip_call_id, "rule", 4) == 0 ? "sip:rule@example.com"
								 : "sip:alice@example.com",
		.to_uri = "sip:bob@example.com",
		.by_sbc = true,
		.at_ns = w->now_ns};
	struct leg *leg;

	assert_int_equal(leg_offer(w->control.legs, &offer, &leg), 0);
	leg_offered(w->control.legs, leg, NULL, NULL);
	announce(w, leg, END_PARTICIPANT, host, 4000);
	return leg;
}

void world_answer(struct world *w, struct leg *leg)
{
	uint16_t host = (uint16_t)(leg->media[END_PARTICIPANT].addresses[0].ip[2] << 8 |
				   leg->media[END_PARTICIPANT].addresses[0].ip[3]);

	announce(w, leg, END_SBC, host, 4000);
	leg_answer(w->control.legs, leg, w->now_ns);
}

void world_hang_up(struct world *w, struct leg *leg)
{
	leg_end(w->control.legs, leg, "hangup", 0, w->now_ns);
}

void world_move(struct world *w, struct leg *leg, uint16_t host, uint16_t port)
{
	announce(w, leg, END_PARTICIPANT, host, port);
}

void world_take_over(struct world *w, struct leg *leg, uint16_t host)
{
	announce(w, leg, END_PARTICIPANT, host, 4000);
	announce(w, leg, END_SBC, host, 4000);
}

void world_packet(struct world *w, uint16_t host, uint16_t port, enum track track, unsigned int rx)
{
	struct flow flow = {.rx = (uint8_t)rx};

	flow.source = track == TRACK_INCOMING ? address(1, host, port) : address(2, host, 4000);
	flow.destination =
		track == TRACK_INCOMING ? address(2, host, 4000) : address(1, host, port);
	world_pass(w, 1);
	world_poll(w, &flow);
}

/* --- Actions --- */

static void on_done(void *arg, int err, const char *why, const char *destination)
{
	struct answer *a = arg;

	a->count++;
	a->err = err;
	snprintf(a->why, sizeof(a->why), "%s", why ? why : "");
	snprintf(a->destination, sizeof(a->destination), "%s", destination ? destination : "");
	if (a->then)
		a->then(a);
}

void world_start(struct world *w, struct leg *leg, struct answer *a)
{
	*a = (struct answer){.then = a->then};
	recording_start(w->control.recordings, leg, TRACKS_BOTH, "", "", on_done, a);
}

void world_stop(struct world *w, struct leg *leg, struct answer *a)
{
	*a = (struct answer){.then = a->then};
	recording_stop(w->control.recordings, leg, on_done, a);
}

void world_pause(struct world *w, struct leg *leg, struct answer *a)
{
	*a = (struct answer){.then = a->then};
	recording_pause(w->control.recordings, leg, on_done, a);
}

void world_resume(struct world *w, struct leg *leg, struct answer *a)
{
	*a = (struct answer){.then = a->then};
	recording_resume(w->control.recordings, leg, on_done, a);
}

struct world_file *world_newest(struct world *w, const struct leg *leg)
{
	for (struct world_file *f = w->files; f; f = f->next)
		if (uuid_equal(&f->info.call_id, &leg->call_id))
			return f;
	return NULL;
}

/* --- The world --- */

void world_pass(struct world *w, uint64_t ns)
{
	w->now_ns += ns;
	w->control.now_ns = w->now_ns;
}

void world_make(struct world *w)
{
	const struct leg_hooks hooks = {.arg = w,
		.offered = on_offered,
		.media_changed = on_media_changed,
		.answered = on_answered,
		.ended = on_ended,
		.forgotten = on_forgotten};
	struct control *c = &w->control;

	*w = (struct world){.now_ns = 1000000000, .files_max = 4096};
	the_world = w;
	world_make_rx(w);
	assert_int_equal(config_defaults(&w->config), 0);
	strcpy(w->config.destination.bucket, "recordings");
	strcpy(w->config.spool.path, "/nowhere");
	c->config = &w->config;
	c->now_ns = w->now_ns;
	c->wall_offset_ns = 1764000000000000000;
	assert_int_equal(legs_create(&c->legs, &w->config, &c->timers, &hooks), 0);
	assert_int_equal(endpoints_create(&c->endpoints), 0);
	assert_int_equal(media_create(&c->media, c), 0);
	c->read_mode = true; /* without a recordings.jsonl */
	assert_int_equal(recordings_create(&c->recordings, c), 0);
	c->read_mode = false;
	world_make_storage(w);
}

void world_add_rule(struct world *w)
{
	strcpy(w->rule.match.caller, "rule*");
	w->rule.tracks = TRACKS_BOTH;
	w->config.rules = &w->rule;
	w->config.rule_count = 1;
}

void world_end(struct world *w)
{
	struct control *c = &w->control;

	legs_destroy(c->legs);
	recordings_destroy(c->recordings);
	media_destroy(c->media);
	endpoints_destroy(c->endpoints);
	timers_destroy(&c->timers);
	world_end_rx(w);
	world_end_storage(w);
	w->config.rules = NULL;
	w->config.rule_count = 0;
	config_destroy(&w->config);
}

/* --- What tests say often --- */

struct leg *world_talking(struct world *w, const char *id, uint16_t host)
{
	struct leg *leg = world_offer(w, id, host);

	world_answer(w, leg);
	world_packet(w, host, 4000, TRACK_INCOMING, 0);
	world_packet(w, host, 4000, TRACK_OUTGOING, 1);
	world_settle_gates(w);
	return leg;
}

void world_talk(struct world *w, uint16_t host)
{
	world_packet(w, host, 4000, TRACK_INCOMING, 0);
	world_packet(w, host, 4000, TRACK_OUTGOING, 1);
}

void world_assert_answered(const struct answer *a, int err, const char *why)
{
	assert_int_equal(a->count, 1);
	assert_int_equal(a->err, err);
	if (!strstr(a->why, why))
		fail_msg("answered \"%s\", not \"%s\"", a->why, why);
}

void world_succeeds(struct world *w, void (*act)(struct world *, struct leg *, struct answer *),
	struct leg *leg)
{
	struct answer a = {0};

	act(w, leg, &a);
	world_settle(w);
	world_assert_answered(&a, 0, "");
}

void world_fails(struct world *w, void (*act)(struct world *, struct leg *, struct answer *),
	struct leg *leg, const char *why)
{
	struct answer a = {0};

	act(w, leg, &a);
	world_assert_answered(&a, -EINVAL, why);
}

uint64_t world_frames(const struct world_file *f)
{
	return f->frames[0] + f->frames[1];
}
