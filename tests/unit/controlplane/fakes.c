#include "fakes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <rte_ring.h>

#include "controlplane/account.h"
#include "controlplane/application.h"
#include "controlplane/dialog.h"
#include "controlplane/events.h"
#include "controlplane/hep_server.h"
#include "controlplane/siprec_server.h"
#include "controlplane/ledger.h"
#include "controlplane/media.h"
#include "controlplane/recording.h"
#include "controlplane/sip_events.h"
#include "dataplane/dataplane.h"

#define HELD_MAX 1024
#define RING_DEPTH 64

struct legs {
	struct leg *first;
	struct leg *last;
};

struct recording {
	struct uuid id;
	enum recording_state state;
	struct recording *next;
};

struct recordings {
	struct recording *first;
	struct recording *last;
};

struct held {
	struct leg *leg;
	enum recording_state to;
	recording_done_h *done;
	void *arg;
};

static struct legs the_legs;
static struct recordings the_recordings;
static struct held held[HELD_MAX];
static unsigned int held_count;
static unsigned int action_count;
static unsigned int id_count;

static void next_id(struct uuid *id)
{
	char text[16];
	const char *parts[] = {"fake", text};

	snprintf(text, sizeof(text), "%u", id_count++);
	uuid_named(id, parts, 2);
}

/* --- Legs --- */

struct leg *fakes_add_leg(struct fakes *f, const char *sip_call_id, const char *tag,
	enum leg_state state, const struct leg *like)
{
	struct leg *leg = calloc(1, sizeof(*leg) + LEG_TEXT_BYTES);
	struct leg **at;

	next_id(&leg->call_id);
	leg->session = like ? like->session : calloc(1, sizeof(struct session));
	if (!like)
		leg->session->transaction_id = leg->call_id;
	for (at = &leg->session->legs; *at; at = &(*at)->next_in_session)
		;
	*at = leg;
	snprintf(leg->texts, LEG_TEXT_BYTES, "%s", sip_call_id);
	leg->sip_call_id = leg->texts;
	snprintf(leg->participant_tag, sizeof(leg->participant_tag), "%s", tag);
	leg->from_uri = "\"Ann\" <sip:+12065551212@192.0.2.1;user=phone>";
	leg->to_uri = "sip:+12065551213@198.51.100.1:5060";
	leg->participant = "sip:+12065551212@192.0.2.1";
	leg->to_tag = "";
	leg->side = like ? SIDE_CALLEE : SIDE_CALLER;
	leg->by_sbc = true;
	leg->state = state;
	leg->offered_ns = 1000000000;
	leg->answered_ns = state >= LEG_ANSWERED ? 3000000000 : 0;
	leg->ended_ns = state == LEG_ENDED ? 9000000000 : 0;
	leg->wall_offset_ns = f->control.wall_offset_ns;
	leg->account = &f->config.accounts[0];
	leg->previous = the_legs.last;
	if (the_legs.last)
		the_legs.last->next = leg;
	else
		the_legs.first = leg;
	the_legs.last = leg;
	return leg;
}

struct leg *leg_by_call_id(struct legs *l, const struct uuid *call_id)
{
	struct leg *leg = l->first;

	while (leg && !uuid_equal(&leg->call_id, call_id))
		leg = leg->next;
	return leg;
}

struct leg *leg_by_sip_id(struct legs *l, const char *sip_call_id, unsigned int index)
{
	for (struct leg *leg = l->first; leg; leg = leg->next)
		if (strcmp(leg->sip_call_id, sip_call_id) == 0 && index-- == 0)
			return leg;
	return NULL;
}

struct session *session_by_id(struct legs *l, const struct uuid *transaction_id)
{
	for (struct leg *leg = l->first; leg; leg = leg->next)
		if (uuid_equal(&leg->session->transaction_id, transaction_id))
			return leg->session;
	return NULL;
}

/* Only for legs that are alone in theirs: a session is freed with its last leg. */
int leg_join(struct legs *l, struct leg *leg, const struct uuid *transaction_id)
{
	struct session *to = session_by_id(l, transaction_id);
	struct leg **at;

	if (!to)
		return -ENOENT;
	if (leg->session == to)
		return 0;
	if (leg->recordings)
		return -EBUSY;
	free(leg->session);
	for (at = &to->legs; *at; at = &(*at)->next_in_session)
		;
	*at = leg;
	leg->session = to;
	strcpy(leg->participant_tag, "LEG-B");
	return 0;
}

struct leg *legs_first(struct legs *l)
{
	return l->first;
}

unsigned int legs_live(const struct legs *l)
{
	unsigned int count = 0;

	for (const struct leg *leg = l->first; leg; leg = leg->next)
		count += leg->state != LEG_ENDED;
	return count;
}

uint64_t legs_refused(const struct legs *l)
{
	return 5;
}

void leg_hold(struct leg *leg)
{
	leg->holds++;
}

void leg_release(struct legs *l, struct leg *leg)
{
	leg->holds--;
}

unsigned int fakes_leg_holds(const struct fakes *f)
{
	unsigned int count = 0;

	for (const struct leg *leg = the_legs.first; leg; leg = leg->next)
		count += leg->holds;
	return count;
}

/* --- The application --- */

/* Takes its id for the error that it is to fail with. */
int application_call_update(struct application *a, const char *application_id,
	const char *transaction_id, const char *body, size_t bytes, struct errmsg *e)
{
	static const struct {
		const char *id;
		int err;
	} errors[] = {{"bad", -EINVAL}, {"none", -ENOENT}, {"busy", -EAGAIN},
		{"ending", -ESHUTDOWN}, {"broken", -ENOMEM}};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(application_id, errors[i].id) == 0)
			return errmsg_set(e, errors[i].err, "%s of %s: %.*s", application_id,
				transaction_id, (int)bytes, body);
	return 0;
}

uint64_t application_count(const struct application *a, enum application_counter c)
{
	return 70 + (uint64_t)c;
}

const char *application_counter_name(enum application_counter c)
{
	static const char *const names[] = {
#define NAME(name, help) #name,
		APPLICATION_COUNTERS(NAME)};

	return names[c];
}

const char *application_counter_help(enum application_counter c)
{
	return "a counter of the application";
}

/* --- Recordings --- */

static struct recording *add_recording(enum recording_state state)
{
	struct recording *rec = calloc(1, sizeof(*rec));

	next_id(&rec->id);
	rec->state = state;
	if (the_recordings.last)
		the_recordings.last->next = rec;
	else
		the_recordings.first = rec;
	the_recordings.last = rec;
	return rec;
}

void fakes_add_recordings(struct fakes *f, unsigned int count)
{
	while (count--)
		add_recording(RECORDING_DELIVERED);
}

static void carry_out(const struct held *h)
{
	char destination[64];

	if (h->to == RECORDING_CLOSING) {
		h->leg->recording->state = RECORDING_DELIVERED;
		h->leg->recording = NULL;
	} else if (h->leg->recording) {
		h->leg->recording->state = h->to;
	} else {
		h->leg->recording = add_recording(h->to);
		h->leg->recordings++;
	}
	snprintf(destination, sizeof(destination), "bucket/a/key_%u.wav", h->leg->recordings);
	h->done(h->arg, 0, NULL, destination);
}

static bool begins(const struct leg *leg, const char *with)
{
	return strncmp(leg->sip_call_id, with, strlen(with)) == 0;
}

void fakes_release(void)
{
	unsigned int count = held_count;
	struct held now[HELD_MAX];

	memcpy(now, held, sizeof(held[0]) * count);
	held_count = 0;
	for (unsigned int i = 0; i < count; i++)
		carry_out(&now[i]);
}

static void act(
	struct leg *leg, enum recording_state to, bool starts, recording_done_h *done, void *arg)
{
	struct held h = {leg, to, done, arg};

	action_count++;
	if (begins(leg, "release"))
		fakes_release();
	if (begins(leg, "broken"))
		done(arg, -EIO, "the spool failed", NULL);
	else if (starts && leg->recording)
		done(arg, -EINVAL, "the leg is being recorded already", NULL);
	else if (!starts && !leg->recording)
		done(arg, -EINVAL, "the leg is not being recorded", NULL);
	else if (begins(leg, "held") && held_count < HELD_MAX)
		held[held_count++] = h;
	else
		carry_out(&h);
}

void recording_start(struct recordings *r, struct leg *leg, unsigned int tracks, const char *bucket,
	const char *prefix, recording_done_h *done, void *arg)
{
	if (begins(leg, "forbidden"))
		done(arg, -EACCES, "the account may not use this bucket", NULL);
	else
		act(leg, RECORDING_RUNNING, true, done, arg);
}

void recording_stop(struct recordings *r, struct leg *leg, recording_done_h *done, void *arg)
{
	act(leg, RECORDING_CLOSING, false, done, arg);
}

void recording_pause(struct recordings *r, struct leg *leg, recording_done_h *done, void *arg)
{
	act(leg, RECORDING_PAUSED, false, done, arg);
}

void recording_resume(struct recordings *r, struct leg *leg, recording_done_h *done, void *arg)
{
	act(leg, RECORDING_RUNNING, false, done, arg);
}

const char *recording_state_name(enum recording_state s)
{
	static const char *const names[] = {"armed", "recording", "paused", "recording",
		"rendering", "delivering", "delivered", "failed"};

	return names[s];
}

enum recording_state recording_state_of(const struct recording *rec)
{
	return rec->state;
}

const struct uuid *recording_id_of(const struct recording *rec)
{
	return &rec->id;
}

unsigned int recordings_in_state(const struct recordings *r, enum recording_state s)
{
	unsigned int count = 0;

	for (const struct recording *rec = r->first; rec; rec = rec->next)
		count += rec->state == s;
	return count;
}

static void add_file(cJSON *o)
{
	char sha256[65];

	memset(sha256, 'b', 64);
	sha256[64] = '\0';
	cJSON_AddStringToObject(o, "encoding", "pcm16");
	cJSON_AddNumberToObject(o, "sample_rate", 8000);
	cJSON_AddNumberToObject(o, "channels", 2);
	cJSON_AddNumberToObject(o, "bytes", 1952044);
	cJSON_AddStringToObject(o, "sha256", sha256);
	cJSON_AddArrayToObject(o, "tracks");
}

static cJSON *recording_object(const struct recording *rec)
{
	char text[UUID_TEXT_BYTES];
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "file", "bucket/a/key.wav");
	cJSON_AddStringToObject(o, "recording_id", uuid_format(&rec->id, text));
	cJSON_AddStringToObject(o, "transaction_id", text);
	cJSON_AddStringToObject(o, "call_id", text);
	cJSON_AddStringToObject(o, "sip_call_id", "call-1");
	cJSON_AddStringToObject(o, "participant_tag", "LEG-A");
	cJSON_AddStringToObject(o, "track", "BOTH");
	cJSON_AddStringToObject(o, "account", "default");
	cJSON_AddStringToObject(o, "participant", "sip:+12065551212@192.0.2.1");
	cJSON_AddStringToObject(o, "start", "2026-11-24T10:00:00.000Z");
	cJSON_AddStringToObject(o, "stop", "2026-11-24T10:01:01.000Z");
	cJSON_AddNumberToObject(o, "duration_ms", 61000);
	cJSON_AddStringToObject(o, "reason", "hangup");
	cJSON_AddArrayToObject(o, "pauses");
	add_file(o);
	cJSON_AddStringToObject(o, "state", recording_state_name(rec->state));
	return o;
}

static const struct recording *find(const struct recordings *r, const char *id)
{
	char text[UUID_TEXT_BYTES];
	const struct recording *rec = r->first;

	while (rec && strcmp(uuid_format(&rec->id, text), id) != 0)
		rec = rec->next;
	return rec;
}

int recordings_page_to_json(
	struct recordings *r, const char *after, unsigned int limit, struct cJSON *list, bool *more)
{
	const struct recording *rec = after ? find(r, after) : r->first;

	if (after && !rec)
		return -ENOENT;
	if (after)
		rec = rec->next;
	for (; rec && limit > 0; rec = rec->next, limit--)
		cJSON_AddItemToArray(list, recording_object(rec));
	*more = rec != NULL;
	return 0;
}

struct cJSON *recording_to_json(struct recordings *r, const char *recording_id)
{
	const struct recording *rec = find(r, recording_id);

	return rec ? recording_object(rec) : NULL;
}

unsigned int fakes_held(void)
{
	return held_count;
}

unsigned int fakes_actions(void)
{
	return action_count;
}

/* --- Accounts, ledger, dialogs --- */

int location_parse(const char *text, char bucket[DESTINATION_BUCKET_BYTES],
	char prefix[DESTINATION_KEY_BYTES], struct errmsg *e)
{
	const char *slash = strchr(text, '/');

	if (strchr(text, ' '))
		return errmsg_set(e, -EINVAL, "Location must be bucket or bucket/prefix");
	snprintf(bucket, DESTINATION_BUCKET_BYTES, "%.*s",
		(int)(slash ? slash - text : (long)strlen(text)), text);
	snprintf(prefix, DESTINATION_KEY_BYTES, "%s", slash ? slash + 1 : "");
	return 0;
}

void ledger_head(const struct ledger *l, uint64_t *seq, char hash[65])
{
	*seq = 42;
	memset(hash, 'a', 64);
	hash[64] = '\0';
}

static const char *the_ledger = "/nowhere/ledger.jsonl";

void fakes_set_ledger(const char *path)
{
	the_ledger = path;
}

const char *ledger_path(const struct ledger *l)
{
	return the_ledger;
}

uint64_t dialog_count(const struct dialogs *d, enum dialog_counter c)
{
	return 300 + (uint64_t)c;
}

#define NAME(name, help) #name,
#define HELP(name, help) help,

const char *dialog_counter_name(enum dialog_counter c)
{
	static const char *const names[] = {DIALOG_COUNTERS(NAME)};

	return names[c];
}

const char *dialog_counter_help(enum dialog_counter c)
{
	static const char *const helps[] = {DIALOG_COUNTERS(HELP)};

	return helps[c];
}

uint64_t media_count(const struct media *m, enum media_counter c)
{
	return 400 + (uint64_t)c;
}

const char *media_counter_name(enum media_counter c)
{
	static const char *const names[] = {MEDIA_COUNTERS(NAME)};

	return names[c];
}

const char *media_counter_help(enum media_counter c)
{
	static const char *const helps[] = {MEDIA_COUNTERS(HELP)};

	return helps[c];
}

uint32_t media_held_now(const struct media *m)
{
	return 3;
}

/* --- HEP and SIP events --- */

uint64_t hep_count(const struct hep_server *s, enum hep_counter c)
{
	return 400 + (uint64_t)c;
}

const char *hep_counter_name(enum hep_counter c)
{
	static const char *const names[] = {HEP_COUNTERS(NAME)};

	return names[c];
}

const char *hep_counter_help(enum hep_counter c)
{
	static const char *const helps[] = {HEP_COUNTERS(HELP)};

	return helps[c];
}

unsigned int hep_connections(const struct hep_server *s)
{
	return 2;
}

uint64_t siprec_count(const struct siprec_server *s, enum siprec_counter c)
{
	return 600 + (uint64_t)c;
}

const char *siprec_counter_name(enum siprec_counter c)
{
	static const char *const names[] = {SIPREC_COUNTERS(NAME)};

	return names[c];
}

const char *siprec_counter_help(enum siprec_counter c)
{
	static const char *const helps[] = {SIPREC_COUNTERS(HELP)};

	return helps[c];
}

unsigned int siprec_sessions(const struct siprec_server *s)
{
	return 5;
}

unsigned int siprec_ports_used(const struct siprec_server *s)
{
	return 10;
}

int sip_events_run(struct control *c, const char *body, size_t bytes, cJSON **answer,
	char summary[SIP_EVENTS_SUMMARY_BYTES], struct errmsg *e)
{
	if (strcmp(body, "{}") == 0)
		return errmsg_set(e, -EINVAL, "type: is missing");
	*answer = cJSON_CreateObject();
	cJSON_AddArrayToObject(*answer, "Results");
	snprintf(summary, SIP_EVENTS_SUMMARY_BYTES, "no SIP events");
	return 0;
}

/* --- Dataplane and storage --- */

static counter rx_counters[2][RX_COUNTER_COUNT];
static counter writer_counters[1][WRITER_COUNTER_COUNT];

unsigned int dataplane_port_count(const struct dataplane *d)
{
	return 1;
}

int dataplane_port_stats(struct dataplane *d, unsigned int port, struct dataplane_port_stats *out)
{
	*out = (struct dataplane_port_stats){.device = "net_af_packet0,iface=\"mirror0\"",
		.driver = "net_af_packet",
		.queues = 2,
		.promiscuous = true,
		.received = 1000,
		.missed = 7,
		.answered = 2,
		.answers = {[ANSWER_arp] = 5, [ANSWER_echo] = 3, [ANSWER_unsent] = 1}};
	return 0;
}

const counter *dataplane_counters(const struct dataplane *d, unsigned int rx)
{
	return rx_counters[rx];
}

void dataplane_chunk_stats(
	const struct dataplane *d, unsigned int rx, struct dataplane_chunk_stats *out)
{
	*out = (struct dataplane_chunk_stats){.total = 100, .available = 90, .filling = 4};
	out->handed_over[0] = 6;
}

uint32_t stream_count(const struct dataplane *d)
{
	return 12;
}

const counter *storage_counters(const struct storage *s, unsigned int writer)
{
	return writer_counters[writer];
}

void storage_stats(const struct storage *s, struct storage_stats *out)
{
	*out = (struct storage_stats){.tracks_open = 4,
		.jobs_waiting = 1,
		.spool_free_bytes = 1ULL << 40,
		.direct = true};
}

/* Rule 1 holds: polled 30 + rx = recorded 20 + sip 9 + rx + drop 1. */
static void set_counters(void)
{
	for (unsigned int rx = 0; rx < 2; rx++) {
		counter_add(&rx_counters[rx][RX_polled], 30 + rx);
		counter_add(&rx_counters[rx][RX_recorded], 20);
		counter_add(&rx_counters[rx][RX_to_control_sip], 9 + rx);
		counter_add(&rx_counters[rx][RX_drop_no_chunk], 1);
		counter_add(&rx_counters[rx][RX_bytes], 5000);
	}
	counter_add(&writer_counters[0][WRITER_chunks_in], 12);
	counter_add(&writer_counters[0][WRITER_chunks_written], 10);
	counter_add(&writer_counters[0][WRITER_writes_fixed], 10);
}

/* --- The whole --- */

static struct rte_ring *make_ring(const char *name)
{
	struct rte_ring *ring = aligned_alloc(64, (size_t)rte_ring_get_memsize(RING_DEPTH));

	rte_ring_init(ring, name, RING_DEPTH, RING_F_SP_ENQ | RING_F_SC_DEQ);
	return ring;
}

static void set_topology(struct topology *t)
{
	static int something;

	t->rx_count = 2;
	t->writer_count = 1;
	for (unsigned int rx = 0; rx < t->rx_count; rx++) {
		t->sip[rx] = make_ring("sip");
		t->chunks[rx][0] = make_ring("chunks");
	}
	rte_ring_enqueue(t->sip[1], &something);
	t->threads[0] = (struct thread){
		.kind = THREAD_CONTROL, .core = TOPOLOGY_ANY_CORE, .name = "control", .tid = 1};
	t->threads[1] = (struct thread){.kind = THREAD_RX, .core = 2, .name = "rx0", .tid = 2};
	t->threads[2] = (struct thread){.kind = THREAD_RX, .core = 3, .name = "rx1", .tid = 3};
	t->threads[3] =
		(struct thread){.kind = THREAD_WRITER, .core = 4, .name = "writer0", .tid = 4};
	t->thread_count = 4;
}

static void set_config(struct config *c)
{
	c->accounts = calloc(1, sizeof(struct account_config));
	c->account_count = 1;
	strcpy(c->accounts[0].id, "default");
	strcpy(c->site, "test");
	strcpy(c->application.id, "app-1");
	strcpy(c->application.aws_account_id, "123456789012");
	strcpy(c->application.region, "eu-central-1");
	strcpy(c->destination.bucket, "recordings");
	strcpy(c->spool.path, "/nowhere/spool");
	c->limits.legs = 20000;
}

void fakes_create(struct fakes *f)
{
	*f = (struct fakes){.control = {
				    .now_ns = 10000000000,
				    .wall_offset_ns = 1764000000000000000,
				    .started_ns = 500000000,
			    }};
	set_config(&f->config);
	set_topology(&f->topology);
	set_counters();
	f->control.config = &f->config;
	f->control.topology = &f->topology;
	f->control.legs = &the_legs;
	f->control.recordings = &the_recordings;
	if (events_create(&f->control.events, NULL, FAKES_EVENTS, NULL) != 0)
		abort();
}

/* A session is freed with its last leg. */
static void free_legs(void)
{
	for (struct leg *leg = the_legs.first, *next; leg; leg = next) {
		next = leg->next;
		if (!leg->next_in_session)
			free(leg->session);
		free(leg);
	}
	the_legs = (struct legs){0};
}

void fakes_destroy(struct fakes *f)
{
	free_legs();
	for (struct recording *rec = the_recordings.first, *next; rec; rec = next) {
		next = rec->next;
		free(rec);
	}
	the_recordings = (struct recordings){0};
	for (unsigned int rx = 0; rx < f->topology.rx_count; rx++) {
		free(f->topology.sip[rx]);
		free(f->topology.chunks[rx][0]);
	}
	memset(rx_counters, 0, sizeof(rx_counters));
	memset(writer_counters, 0, sizeof(writer_counters));
	timers_destroy(&f->control.timers);
	events_destroy(f->control.events);
	free(f->config.accounts);
	held_count = 0;
	action_count = 0;
	id_count = 0;
}
