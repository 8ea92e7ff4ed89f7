#include "sip_scenario.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	char name;
	const char *address;
} hosts[] = {
	{'A', "10.0.0.1"},
	{'B', "10.0.0.2"},
	{'C', "10.0.0.3"},
	{'D', "10.0.0.4"},
	{'P', "10.5.0.1"},
	{'Q', "10.5.0.2"},
	{'S', "10.9.0.1"},
	{'T', "10.9.0.2"},
	{'a', "2001:db8::a"},
	{'s', "2001:db8::5"},
};

static const char *host_text(char name)
{
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		if (hosts[i].name == name)
			return hosts[i].address;
	fprintf(stderr, "no host %c\n", name);
	abort();
}

struct netaddr scenario_host(char name, uint16_t port)
{
	struct netaddr a;

	if (netaddr_parse(host_text(name), &a) != 0)
		abort();
	a.port = port;
	return a;
}

uint64_t scenario_time(const char *text)
{
	return (uint64_t)llround(strtod(text, NULL) * 1000) * 1000000ULL;
}

static void note(struct scenario *s, const char *what, const struct leg *leg)
{
	size_t used = strlen(s->hooks);

	snprintf(s->hooks + used, sizeof(s->hooks) - used, "%s(%s) ", what,
		leg->participant_tag + 4);
}

static void on_offered(void *arg, struct leg *leg,
	const char *(*header)(void *message, const char *name), void *message)
{
	note(arg, header(message, "from") ? "offered" : "offered without headers", leg);
}

static void on_ringing(void *arg, struct leg *leg, unsigned int code)
{
	note(arg, "ringing", leg);
}

static void on_media_changed(void *arg, struct leg *leg, enum leg_end end, uint64_t at_ns)
{
	note(arg, end == END_SBC ? "sbc" : "participant", leg);
}

static void on_answered(void *arg, struct leg *leg)
{
	note(arg, "answered", leg);
}

static void on_digit(void *arg, struct leg *leg, char digit, uint64_t at_ns)
{
	char what[] = "digit ?";

	what[sizeof(what) - 2] = digit;
	note(arg, what, leg);
}

static void on_ended(void *arg, struct leg *leg)
{
	note(arg, "ended", leg);
}

static void on_forgotten(void *arg, struct leg *leg)
{
	note(arg, "forgotten", leg);
}

void scenario_create(struct scenario *s, const char *sbc)
{
	const struct leg_hooks hooks = {s, on_offered, on_ringing, on_media_changed, on_answered,
		on_digit, on_ended, on_forgotten};

	memset(s, 0, sizeof(*s));
	snprintf(s->config.site, sizeof(s->config.site), "test");
	snprintf(s->config.transaction_header, sizeof(s->config.transaction_header), "Session-ID");
	s->config.limits.legs = 1000;
	s->config.limits.media_timeout_s = 300;
	for (; *sbc; sbc++)
		if (netprefix_parse(host_text(*sbc),
			    &s->config.sbc.addresses[s->config.sbc.address_count++]) != 0)
			abort();
	if (legs_create(&s->legs, &s->config, &s->timers, &hooks) != 0 ||
		dialogs_create(&s->dialogs, &s->config, s->legs, &s->timers) != 0)
		abort();
}

void scenario_destroy(struct scenario *s)
{
	dialogs_destroy(s->dialogs);
	legs_destroy(s->legs);
	timers_destroy(&s->timers);
}

struct line {
	char time[32];
	char hop[8];
	char what[32];
	char call[512];
	char from[512];
	char to[512];
	unsigned int cseq;
	char rest[512];
};

/* The value of "name=value" among a line's options; NULL: none. */
static const char *option(const struct line *l, const char *name, char *buf, size_t size)
{
	char key[32];
	const char *at;

	snprintf(key, sizeof(key), " %s=", name);
	at = strstr(l->rest, key);
	if (!at)
		return NULL;
	at += strlen(key);
	snprintf(buf, size, "%.*s", (int)strcspn(at, " "), at);
	return buf;
}

static void make_sdp(const struct line *l, char *out, size_t size)
{
	char value[64];
	char host[8];
	const char *sdp = option(l, "sdp", value, sizeof(value));
	const char *address = host_text(l->hop[0]);
	char *direction;

	out[0] = '\0';
	if (!sdp)
		return;
	if (option(l, "c", host, sizeof(host)))
		address = host[0] == '0' ? "0.0.0.0" : host_text(host[0]);
	direction = strchr(value, '/');
	if (direction)
		*direction++ = '\0';
	snprintf(out, size,
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP%c %s\r\nt=0 0\r\n"
		"m=audio %s RTP/AVP 0 8\r\n%s%s%s",
		strchr(address, ':') ? '6' : '4', address, value, direction ? "a=" : "",
		direction ? direction : "", direction ? "\r\n" : "");
}

/* The body of an INFO by key=K or relay=K; its type, or NULL where there is neither. */
static const char *make_key(const struct line *l, char *out, size_t size)
{
	char key[32];

	if (option(l, "key", key, sizeof(key))) {
		snprintf(out, size, "%s", key);
		return "application/dtmf";
	}
	if (!option(l, "relay", key, sizeof(key)))
		return NULL;
	snprintf(out, size, "Signal=%s\r\nDuration=160\r\n", key);
	return "application/dtmf-relay";
}

static void make_branch(const struct line *l, const char *method, char *out, size_t size)
{
	char low = l->hop[0] < l->hop[2] ? l->hop[0] : l->hop[2];
	char high = l->hop[0] < l->hop[2] ? l->hop[2] : l->hop[0];

	if (!option(l, "branch", out, size))
		snprintf(out, size, "z9hG4bK%s%u%s%c%c", l->call, l->cseq, method, low, high);
}

static void tag_text(const char *tag, char *out, size_t size)
{
	snprintf(out, size, "%s%s", strcmp(tag, "-") ? ";tag=" : "", strcmp(tag, "-") ? tag : "");
}

static size_t make_message(const struct line *l, char *out, size_t size)
{
	const char *slash = strchr(l->what, '/');
	const char *method = slash ? slash + 1 : l->what;
	char first[128];
	char body[512];
	char from[600];
	char to[600];
	char value[256];
	char branch[800];
	char extra[600] = "";
	const char *type;

	if (slash)
		snprintf(first, sizeof(first), "SIP/2.0 %.3s Reason", l->what);
	else
		snprintf(first, sizeof(first), "%s sip:called@example.com SIP/2.0", method);
	type = make_key(l, body, sizeof(body));
	if (!type) {
		type = "application/sdp";
		make_sdp(l, body, sizeof(body));
	}
	make_branch(l, method, branch, sizeof(branch));
	tag_text(l->from, from, sizeof(from));
	tag_text(l->to, to, sizeof(to));
	if (option(l, "id", value, sizeof(value)))
		snprintf(extra, sizeof(extra), "Session-ID: %s\r\n", value);
	if (option(l, "replaces", value, sizeof(value)))
		snprintf(extra + strlen(extra), sizeof(extra) - strlen(extra), "Replaces: %s\r\n",
			value);
	if (option(l, "x", value, sizeof(value)))
		snprintf(extra + strlen(extra), sizeof(extra) - strlen(extra), "x: %s\r\n", value);
	return (size_t)snprintf(out, size,
		"%s\r\nVia: SIP/2.0/UDP host;branch=%s\r\nFrom: <sip:%s@example.com>%s\r\n"
		"To: <sip:called@example.com;user=phone>%s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n"
		"%s%s%s%sContent-Length: %zu\r\n\r\n%s",
		first, branch, "caller", from, to, l->call, l->cseq, method, extra,
		body[0] ? "Content-Type: " : "", body[0] ? type : "", body[0] ? "\r\n" : "",
		strlen(body), body);
}

static void run_line(struct scenario *s, const char *text)
{
	static char message[8192];
	struct line l = {0};
	struct sip_packet p = {.data = message};
	int consumed = 0;

	if (sscanf(text, "%31s %7s", l.time, l.hop) != 2)
		return;
	p.arrival_ns = scenario_time(l.time);
	timers_run(&s->timers, p.arrival_ns);
	if (l.hop[0] == '-')
		return;
	if (sscanf(text, "%31s %7s %31s %511s %511s %511s %u%n", l.time, l.hop, l.what, l.call,
		    l.from, l.to, &l.cseq, &consumed) != 7) {
		fprintf(stderr, "not a line: %s\n", text);
		abort();
	}
	snprintf(l.rest, sizeof(l.rest), " %s", text + consumed);
	p.source = scenario_host(l.hop[0], 5060);
	p.destination = scenario_host(l.hop[2], 5060);
	p.bytes = (uint32_t)make_message(&l, message, sizeof(message));
	dialog_receive(s->dialogs, &p);
}

void scenario_run(struct scenario *s, const char *lines)
{
	char line[2048];

	while (*lines) {
		size_t length = strcspn(lines, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)length, lines);
		run_line(s, line);
		lines += length + (lines[length] == '\n');
	}
}

static void append(char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void append(char *out, size_t size, const char *format, ...)
{
	size_t used = strlen(out);
	va_list args;

	va_start(args, format);
	vsnprintf(out + used, size - used, format, args);
	va_end(args);
}

static void append_media(char *out, size_t size, const char *end, const struct end_media *m)
{
	char text[NETADDR_TEXT_BYTES];

	append(out, size, " %s", end);
	for (unsigned int i = 0; i < m->address_count; i++)
		append(out, size, "%c%s", i ? ',' : '=', netaddr_format(&m->addresses[i], text));
	if (m->known && !m->sends)
		append(out, size, " mute");
	if (m->known && !m->receives)
		append(out, size, " deaf");
}

const char *scenario_legs(struct scenario *s)
{
	static const char *const states[] = {"offered", "ringing", "answered", "ended"};
	static char out[8192];

	out[0] = '\0';
	for (struct leg *leg = legs_first(s->legs); leg; leg = leg->next) {
		append(out, sizeof(out), "%s %s%s %s", leg->participant_tag,
			leg->side == SIDE_CALLER ? "caller" : "callee",
			leg->by_sbc ? "" : "(no SBC)", states[leg->state]);
		if (leg->state == LEG_ENDED)
			append(out, sizeof(out), "(%s %u)", leg->reason, leg->sip_code);
		append(out, sizeof(out), " %.3f %.3f %.3f%s", (double)leg->offered_ns / 1e9,
			(double)leg->answered_ns / 1e9, (double)leg->ended_ns / 1e9,
			leg->on_hold ? " hold" : "");
		if (leg->session_expires_s)
			append(out, sizeof(out), " timer=%u@%.3f", leg->session_expires_s,
				(double)leg->refreshed_ns / 1e9);
		append_media(out, sizeof(out), "P", &leg->media[END_PARTICIPANT]);
		append_media(out, sizeof(out), "S", &leg->media[END_SBC]);
		append(out, sizeof(out), " %s\n", leg->sip_call_id);
	}
	return out;
}
