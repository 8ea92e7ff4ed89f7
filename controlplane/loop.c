/* States of the loop: running; ending (SIGTERM, or the capture's end: recordings are being stopped
 * and closed while the rx cores go on); drained (every recording is with the finishers: the loop
 * returns, and main stops the threads in order). */
#include "controlplane/loop.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <re.h>

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/account.h"
#include "controlplane/admin.h"
#include "controlplane/application.h"
#include "controlplane/dialog.h"
#include "controlplane/digit_source.h"
#include "controlplane/endpoint.h"
#include "controlplane/event_watch.h"
#include "controlplane/events.h"
#include "controlplane/http_client.h"
#include "controlplane/hep.h"
#include "controlplane/hep_server.h"
#include "controlplane/ledger.h"
#include "controlplane/line_log.h"
#include "controlplane/media.h"
#include "controlplane/recordings.h"
#include "controlplane/sip_tcp.h"
#include "controlplane/siprec_server.h"
#include "controlplane/siprec_session.h"
#include "dataplane/dataplane.h"
#include "storage/storage.h"

#define TICK_NS 500000L /* rings are looked at this often when nothing wakes the loop */
#define TURNS_MAX 64	/* of the rings before other descriptors get their turn */
#define DESCRIPTORS_MAX 65536

/* libre's loop knows no argument for its signal handler. */
static struct control *running;

struct loop {
	struct control *control;
	struct dataplane_handlers dataplane_handlers;
	struct storage_handlers storage_handlers;
	uint64_t next_refit_ns;
	int timer_fd;
	bool capture_ended;
	bool hurry; /* a second signal came */
	char sip[SIP_BYTES_MAX];
};

static struct loop *the_loop;
static volatile sig_atomic_t hung_up; /* SIGHUP came, and has not been looked at */

/* --- Time --- */

static void renew_time(struct control *c)
{
	if (c->read_mode)
		return; /* moved on by packets and ticks */
	c->now_ns = clock_now_ns();
	if (c->now_ns < the_loop->next_refit_ns)
		return;
	the_loop->next_refit_ns = c->now_ns + 1000000000;
	clock_refit();
	c->wall_offset_ns = clock_wall_offset_ns();
}

static void move_time(struct control *c, uint64_t arrival_ns)
{
	if (!c->read_mode || arrival_ns <= c->now_ns)
		return;
	c->now_ns = arrival_ns;
	timers_run(&c->timers, arrival_ns);
}

/* --- From the network --- */

/* The sender's clock is not the one that recordings run on, and its times may be anything: like the
 * packets of a mirror, a message has the time at which it came. Its VLAN says nothing of those that
 * the media is mirrored in. */
static void on_hep_sip(void *arg, const struct hep_message *m)
{
	struct control *c = arg;
	struct sip_packet sip = {.data = m->payload,
		.bytes = (uint32_t)m->payload_bytes,
		.source = m->source,
		.destination = m->destination};

	renew_time(c);
	sip.arrival_ns = c->now_ns;
	sip.wall_offset_ns = c->wall_offset_ns;
	dialog_receive(c->dialogs, &sip);
}

/* --- From the dataplane --- */

/* Recording sessions pass a port as their media does, and are no calls. */
static bool is_siprec(const struct control *c, const struct sip_packet *sip)
{
	return siprec_server_is_at(c->siprec, &sip->source) ||
	       siprec_server_is_at(c->siprec, &sip->destination);
}

static void on_sip(void *arg, struct rte_mbuf *m)
{
	struct control *c = arg;
	const struct packet *p = packet_of(m);
	struct sip_packet sip = {.data = the_loop->sip,
		.source = p->source,
		.destination = p->destination,
		.encapsulation = p->encapsulation,
		.arrival_ns = p->arrival_ns,
		.wall_offset_ns = c->wall_offset_ns};

	move_time(c, p->arrival_ns);
	sip.bytes = packet_payload(m, the_loop->sip, sizeof(the_loop->sip));
	if (p->tcp && !is_siprec(c, &sip))
		sip_tcp_receive(c->sip_tcp, &sip);
	else if (!is_siprec(c, &sip))
		dialog_receive(c->dialogs, &sip);
	packet_free(m);
}

static void on_unknown(void *arg, struct rte_mbuf *m)
{
	struct control *c = arg;

	move_time(c, packet_of(m)->arrival_ns);
	media_unknown(c->media, m);
}

static void on_watched(void *arg, void *watcher, const struct watched_packet *p)
{
	digit_source_packet(arg, watcher, p);
}

static void on_acked(void *arg, uint64_t cookie)
{
	struct control *c = arg;

	recordings_acked(c->recordings, cookie);
}

static void on_tick(void *arg, uint64_t now_ns)
{
	struct control *c = arg;

	move_time(c, now_ns);
	media_age(c->media, now_ns);
	sip_tcp_age(c->sip_tcp, now_ns, c->wall_offset_ns);
}

static void begin_ending(struct control *c, const char *reason)
{
	struct leg *next;

	c->ending = true;
	siprec_server_end(c->siprec);
	for (struct leg *leg = legs_first(c->legs); leg; leg = next) {
		next = leg->next;
		if (leg->state != LEG_ENDED)
			leg_end(c->legs, leg, reason, 0, c->now_ns);
	}
}

static void on_end(void *arg, uint64_t now_ns)
{
	struct control *c = arg;

	move_time(c, now_ns);
	the_loop->capture_ended = true;
	begin_ending(c, "capture_end");
}

/* --- Hooks of the legs --- */

static uint64_t timeout_ns(const struct control *c)
{
	return c->config->limits.media_timeout_s * 1000000000ULL;
}

/* A leg that just stopped: no packet in either direction for so long, not on hold, not within its
 * session timer. */
static void watch_media(void *arg, uint64_t now_ns)
{
	struct leg *leg = arg;
	struct control *c = running;
	uint64_t last_ns = media_last_ns(c, leg);
	uint64_t since_ns = last_ns > leg->offered_ns ? last_ns : leg->offered_ns;
	uint64_t until_ns;

	if (leg->answered_ns > since_ns)
		since_ns = leg->answered_ns;
	until_ns = since_ns + timeout_ns(c);
	if (leg->session_expires_s &&
		leg->refreshed_ns + leg->session_expires_s * 1000000000ULL > until_ns)
		until_ns = leg->refreshed_ns + leg->session_expires_s * 1000000000ULL;
	if (now_ns >= until_ns && !leg->on_hold)
		leg_end(c->legs, leg, "media_timeout", 0, since_ns);
	else
		timer_start(&c->timers, &leg->media_timer,
			now_ns < until_ns ? until_ns : now_ns + timeout_ns(c), watch_media, leg);
}

static void on_offered(void *arg, struct leg *leg,
	const char *(*header)(void *message, const char *name), void *message)
{
	struct control *c = arg;

	leg->account = account_match(c->config, leg, header, message);
	digit_source_media(c, leg); /* before any gate opens */
	timer_start(
		&c->timers, &leg->media_timer, leg->offered_ns + timeout_ns(c), watch_media, leg);
	recordings_leg_offered(c->recordings, leg);
	media_announced(c->media, leg);
	application_leg_offered(c->application, leg);
}

static void on_ringing(void *arg, struct leg *leg, unsigned int code)
{
	struct control *c = arg;

	application_leg_ringing(c->application, leg);
}

static void on_media_changed(void *arg, struct leg *leg, enum leg_end end, uint64_t at_ns)
{
	struct control *c = arg;
	const struct end_media *media = &leg->media[end];
	struct netaddr guess;

	for (unsigned int i = 0; i < media->address_count; i++) {
		endpoint_add(c->endpoints, &media->addresses[i], leg, end);
		if (leg_media_guess(&media->sender, &media->addresses[i], &guess))
			endpoint_guess(c->endpoints, &guess, leg, end);
	}
	recordings_leg_media(c->recordings, leg, end, at_ns);
	media_announced(c->media, leg);
	digit_source_media(c, leg);
	event_watch_leg(c->event_watch, leg);
}

static void on_digit(void *arg, struct leg *leg, char digit, uint64_t at_ns)
{
	digit_source_info(arg, leg, digit, at_ns);
}

static void on_answered(void *arg, struct leg *leg)
{
	struct control *c = arg;

	recordings_leg_answered(c->recordings, leg);
	event_watch_leg(c->event_watch, leg);
	application_leg_answered(c->application, leg);
}

static void on_ended(void *arg, struct leg *leg)
{
	struct control *c = arg;

	timer_cancel(&c->timers, &leg->media_timer);
	if (c->read_mode && leg->answered_ns) {
		c->read_answered++;
		c->read_silent += media_last_ns(c, leg) == 0;
	}
	recordings_leg_ended(c->recordings, leg);
	event_watch_leg_ended(c->event_watch, leg);
	application_leg_ended(c->application, leg);
	siprec_leg_ended(leg);
}

static void on_forgotten(void *arg, struct leg *leg)
{
	struct control *c = arg;

	timer_cancel(&c->timers, &leg->media_timer);
	timer_cancel(&c->timers, &leg->watch_timer); /* also when its watch has gone before it */
	endpoints_forget(c->endpoints, leg);
	media_forget(c->media, leg);
	digit_source_forget(leg);
}

/* --- One turn --- */

/* A recording keeps the loop until it is delivered or has failed; one whose destination does not
 * answer, or after a second signal, only until it is closed: the next start delivers it. */
static bool must_wait_for(const struct recording *rec)
{
	if (rec->leg || rec->op || rec->ledger_pending || rec->gates_pending ||
		rec->state == RECORDING_CLOSING)
		return true;
	return rec->counted_unfinished && !rec->failure && !the_loop->hurry;
}

/* True when the loop may return. */
static bool drained(const struct control *c)
{
	if (!c->ending)
		return false;
	if (c->read_mode)
		return the_loop->capture_ended && c->recordings->unfinished == 0;
	for (const struct recording *rec = c->recordings->first; rec; rec = rec->next)
		if (must_wait_for(rec))
			return false;
	return true;
}

static void turn(struct control *c)
{
	unsigned int done = 1;

	for (unsigned int i = 0; i < TURNS_MAX && done; i++) {
		renew_time(c);
		done = dataplane_poll(c->dataplane, &the_loop->dataplane_handlers);
		done += ledger_poll(c->ledger);
		done += storage_poll(c->storage, &the_loop->storage_handlers);
	}
	if (!c->read_mode) {
		timers_run(&c->timers, c->now_ns);
		media_age(c->media, c->now_ns);
		sip_tcp_age(c->sip_tcp, c->now_ns, c->wall_offset_ns);
	}
	recordings_retry(c->recordings);
	line_log_poll(c->recordings->log);
	admin_flush(c->admin);
	if (hung_up) {
		hung_up = 0;
		siprec_server_reload(c->siprec);
	}
	if (drained(c))
		re_cancel();
}

static void on_timer_fd(int flags, void *arg)
{
	struct loop *loop = arg;
	uint64_t count;

	if (read(loop->timer_fd, &count, sizeof(count)) < 0)
		return;
	turn(loop->control);
}

static void on_wake_fd(int flags, void *arg)
{
	struct loop *loop = arg;

	turn(loop->control);
}

static void on_admin_fd(int flags, void *arg)
{
	struct loop *loop = arg;

	renew_time(loop->control);
	admin_run(loop->control->admin);
	turn(loop->control);
}

static void on_signal(int signal)
{
	if (running->ending) {
		log_info("control", "second signal: what is not yet delivered stays in the spool "
				    "for the next start");
		the_loop->hurry = true;
		return;
	}
	log_info("control",
		"signal %d: no new recordings; %u live legs' recordings are stopped and finished",
		signal, legs_live(running->legs));
	renew_time(running);
	begin_ending(running, "shutdown");
}

static void on_hangup(int signal)
{
	hung_up = 1;
}

/* --- Making and running --- */

/* Those who tell the world what happens. */
static int create_reporters(struct control *c, struct errmsg *e)
{
	int err = events_create(&c->events, c->config->ledger, c->config->limits.events, e);

	if (err == 0 && event_watch_create(&c->event_watch, c) != 0)
		err = errmsg_set(e, -ENOMEM, "no memory for the control thread");
	if (err == 0 && c->config->application.url[0])
		err = http_client_create(&c->http, c->config->limits.application_requests, e);
	return err ? err : application_create(&c->application, c, e);
}

int control_create(struct control *c, struct errmsg *e)
{
	struct leg_hooks hooks = {.arg = c,
		.offered = on_offered,
		.ringing = on_ringing,
		.media_changed = on_media_changed,
		.digit = on_digit,
		.answered = on_answered,
		.ended = on_ended,
		.forgotten = on_forgotten};
	int err;

	if (!c->read_mode) {
		c->now_ns = clock_now_ns();
		c->wall_offset_ns = clock_wall_offset_ns();
	}
	c->started_ns = c->now_ns;
	err = legs_create(&c->legs, c->config, &c->timers, &hooks);
	if (err == 0)
		err = dialogs_create(&c->dialogs, c->config, c->legs, &c->timers);
	if (!err)
		err = sip_tcp_create(&c->sip_tcp, c->config, c->dialogs);
	if (err == 0)
		err = endpoints_create(&c->endpoints);
	if (err == 0)
		err = media_create(&c->media, c);
	if (err == 0)
		err = recordings_create(&c->recordings, c);
	if (err != 0)
		errmsg_set(e, err, "no memory for the control thread");
	else if (!c->read_mode)
		err = create_reporters(c, e);
	if (err != 0)
		control_destroy(c);
	return err;
}

void control_destroy(struct control *c)
{
	application_destroy(c->application);
	http_client_destroy(c->http);
	event_watch_destroy(c->event_watch);
	c->application = NULL;
	c->http = NULL;
	c->event_watch = NULL;
	hep_server_destroy(c->hep);
	siprec_server_destroy(c->siprec);
	c->siprec = NULL;
	sip_tcp_destroy(c->sip_tcp);
	dialogs_destroy(c->dialogs);
	legs_destroy(c->legs); /* calls on_forgotten for each leg */
	recordings_destroy(c->recordings);
	media_destroy(c->media);
	endpoints_destroy(c->endpoints);
	timers_destroy(&c->timers);
	events_destroy(c->events);
	c->events = NULL;
	c->hep = NULL;
	c->sip_tcp = NULL;
	c->dialogs = NULL;
	c->legs = NULL;
	c->recordings = NULL;
	c->media = NULL;
	c->endpoints = NULL;
}

int control_listen(struct control *c, struct errmsg *e)
{
	int err = fd_setsize(DESCRIPTORS_MAX);

	if (err)
		return errmsg_set(e, -err, "no memory for the event loop");
	err = hep_server_create(&c->hep, c->config, on_hep_sip, c, e);
	return err ? err : siprec_server_create(&c->siprec, c, e);
}

static int listen_all(struct loop *loop)
{
	struct control *c = loop->control;
	struct itimerspec every = {
		.it_interval = {.tv_nsec = TICK_NS}, .it_value = {.tv_nsec = TICK_NS}};
	int err;

	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (loop->timer_fd < 0)
		return -errno;
	if (c->read_mode)
		every.it_interval.tv_nsec = every.it_value.tv_nsec = 100 * TICK_NS;
	timerfd_settime(loop->timer_fd, 0, &every, NULL);
	err = fd_listen(loop->timer_fd, FD_READ, on_timer_fd, loop);
	if (!err)
		err = fd_listen(storage_wake_fd(c->storage), FD_READ, on_wake_fd, loop);
	if (!err)
		err = fd_listen(ledger_wake_fd(c->ledger), FD_READ, on_wake_fd, loop);
	if (!err && dataplane_wake_fd(c->dataplane) >= 0)
		err = fd_listen(dataplane_wake_fd(c->dataplane), FD_READ, on_wake_fd, loop);
	if (!err && c->admin)
		err = fd_listen(admin_fd(c->admin), FD_READ, on_admin_fd, loop);
	return -err;
}

static void forget_all(struct loop *loop)
{
	struct control *c = loop->control;

	fd_close(loop->timer_fd);
	fd_close(storage_wake_fd(c->storage));
	fd_close(ledger_wake_fd(c->ledger));
	if (dataplane_wake_fd(c->dataplane) >= 0)
		fd_close(dataplane_wake_fd(c->dataplane));
	if (c->admin)
		fd_close(admin_fd(c->admin));
	if (loop->timer_fd >= 0)
		close(loop->timer_fd);
}

/* Beside polling cores an ordinary thread waits milliseconds for its turn (docs/performance.md). */
static void ask_for_priority(void)
{
	struct sched_param lowest = {.sched_priority = 1};
	int err = pthread_setschedparam(pthread_self(), SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest);

	if (err != 0)
		log_info("control",
			"runs without real-time priority (%s): give it a core of its own by "
			"cores.control, or CAP_SYS_NICE",
			strerror(err));
}

int control_run(struct control *c, struct errmsg *e)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int err;

	if (!loop)
		return errmsg_set(e, -ENOMEM, "no memory for the event loop");
	loop->control = c;
	loop->dataplane_handlers = (struct dataplane_handlers){.arg = c,
		.sip = on_sip,
		.unknown = on_unknown,
		.watched = on_watched,
		.acked = on_acked,
		.tick = on_tick,
		.end = on_end};
	recordings_storage_handlers(c->recordings, &loop->storage_handlers);
	the_loop = loop;
	running = c;
	if (!c->read_mode) {
		ask_for_priority();
		sigaction(SIGHUP,
			&(struct sigaction){.sa_handler = on_hangup, .sa_flags = SA_RESTART}, NULL);
	}
	err = fd_setsize(DESCRIPTORS_MAX);
	if (!err)
		err = -listen_all(loop);
	if (!err)
		err = re_main(on_signal);
	forget_all(loop);
	/* What the threads left in the rings and mailboxes is taken by main, after it has stopped
	 * them. */
	the_loop = NULL;
	free(loop);
	return err ? errmsg_set(e, -err, "the event loop failed: %s", strerror(err)) : 0;
}
