/* See sip_tcp.h. What is in order is appended to the stream's text, from which messages are cut off
 * (sip_tcp_content.c); what came too early waits in a list, in order. */
#include "controlplane/sip_tcp_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/byte_order.h"
#include "controlplane/sip_framing.h"
#include "controlplane/websocket.h"

#define STREAMS_MAX 8192
#define BYTES_MAX (32U << 20)	    /* of all streams together */
#define EARLY_BYTES_MAX (256 << 10) /* of one stream, that wait for a hole to be filled */
#define EARLY_NS 1000000000ULL
#define JUMP_MAX (1 << 20) /* further off, and it is another connection */

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04

int sip_tcp_create(struct sip_tcp **out, const struct config *config, struct dialogs *dialogs)
{
	struct sip_tcp *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->config = config;
	t->dialogs = dialogs;
	*out = t;
	return 0;
}

/* --- Streams --- */

static struct stream **bucket_of(struct sip_tcp *t, const struct netaddr *source,
	const struct netaddr *destination, uint32_t encapsulation)
{
	uint32_t hash = netaddr_hash(source) * 31U + netaddr_hash(destination) + encapsulation;

	return &t->buckets[(hash ^ hash >> 16) & (SIP_TCP_BUCKETS - 1)];
}

struct stream *sip_tcp_find(struct sip_tcp *t, const struct netaddr *source,
	const struct netaddr *destination, uint32_t encapsulation)
{
	struct stream *s = *bucket_of(t, source, destination, encapsulation);

	while (s && !(s->encapsulation == encapsulation && netaddr_equal(&s->source, source) &&
			    netaddr_equal(&s->destination, destination)))
		s = s->next;
	return s;
}

static void list_remove(struct sip_tcp *t, struct stream *s)
{
	*(s->newer ? &s->newer->older : &t->newest) = s->older;
	*(s->older ? &s->older->newer : &t->oldest) = s->newer;
}

static void list_add(struct sip_tcp *t, struct stream *s)
{
	s->newer = NULL;
	s->older = t->newest;
	*(t->newest ? &t->newest->newer : &t->oldest) = s;
	t->newest = s;
}

static void drop_first_early(struct sip_tcp *t, struct stream *s)
{
	struct early *e = s->early;

	s->early = e->next;
	s->early_bytes -= e->bytes;
	t->bytes -= e->bytes;
	t->waiting -= s->early == NULL;
	free(e);
}

void sip_tcp_drop_text(struct sip_tcp *t, struct stream *s)
{
	free(s->text);
	t->bytes -= s->text_room;
	s->text = NULL;
	s->text_bytes = 0;
	s->text_room = 0;
	s->message_bytes = 0;
}

/* Begins anew at a sequence number. */
static void restart(struct sip_tcp *t, struct stream *s, uint32_t sequence, bool in_step)
{
	while (s->early)
		drop_first_early(t, s);
	sip_tcp_drop_text(t, s);
	s->next_sequence = sequence;
	s->content = CONTENT_UNKNOWN;
	s->in_step = in_step;
	s->unframed = 0;
}

static void forget(struct sip_tcp *t, struct stream *s)
{
	struct stream **at = bucket_of(t, &s->source, &s->destination, s->encapsulation);

	restart(t, s, 0, false);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	list_remove(t, s);
	t->count--;
	free(s);
}

void sip_tcp_destroy(struct sip_tcp *t)
{
	if (!t)
		return;
	while (t->newest)
		forget(t, t->newest);
	free(t);
}

static struct stream *add(struct sip_tcp *t, const struct sip_packet *p)
{
	struct stream **bucket = bucket_of(t, &p->source, &p->destination, p->encapsulation);
	struct stream *s;

	if (t->count == STREAMS_MAX) {
		forget(t, t->oldest);
		dialog_note(t->dialogs, DIALOG_tcp_refused);
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->source = p->source;
	s->destination = p->destination;
	s->encapsulation = p->encapsulation;
	s->next = *bucket;
	*bucket = s;
	list_add(t, s);
	t->count++;
	return s;
}

/* Streams that were silent for longer than `but` make room. */
static bool make_room(struct sip_tcp *t, const struct stream *but, uint32_t bytes)
{
	while (t->bytes + bytes > BYTES_MAX && t->oldest != but) {
		forget(t, t->oldest);
		dialog_note(t->dialogs, DIALOG_tcp_refused);
	}
	return t->bytes + bytes <= BYTES_MAX;
}

/* --- What is in order --- */

static bool append(struct sip_tcp *t, struct stream *s, const char *data, uint32_t bytes)
{
	uint32_t room = s->text_room ? s->text_room : 2048;
	char *text;

	while (room < s->text_bytes + bytes)
		room *= 2;
	if (room > s->text_room) {
		if (!make_room(t, s, room - s->text_room))
			return false;
		text = realloc(s->text, room);
		if (!text)
			return false;
		t->bytes += room - s->text_room;
		s->text = text;
		s->text_room = room;
	}
	memcpy(s->text + s->text_bytes, data, bytes);
	s->text_bytes += bytes;
	return true;
}

/* Bytes that go on where the stream stands. */
static void go_on(struct sip_tcp *t, struct stream *s, const char *data, uint32_t bytes,
	const struct sip_packet *p)
{
	s->next_sequence += bytes;
	if (s->content == CONTENT_TLS)
		return;
	if (!s->in_step && s->message_bytes == 0 && websocket_begins_sip(data, bytes))
		sip_tcp_begin_websocket(t, s);
	else if (s->content == CONTENT_WEBSOCKET && !s->in_step)
		return;
	if (s->content == CONTENT_OTHER) {
		if (!sip_framing_begins(data, bytes))
			return;
		s->content = CONTENT_SIP;
		s->unframed = 0;
	}
	if (!append(t, s, data, bytes)) {
		dialog_note(t->dialogs, DIALOG_tcp_refused);
		sip_tcp_drop_text(t, s);
		s->in_step = false;
		return;
	}
	sip_tcp_take(t, s, p);
	if (s->content == CONTENT_TLS || s->content == CONTENT_OTHER || s->text_bytes == 0)
		sip_tcp_drop_text(t, s);
}

/* --- What is not --- */

static void keep_early(struct sip_tcp *t, struct stream *s, uint32_t sequence, const char *data,
	uint32_t bytes, uint64_t at_ns)
{
	struct early **at = &s->early;
	struct early *e;

	while (*at && (int32_t)((*at)->sequence - sequence) < 0)
		at = &(*at)->next;
	if (*at && (*at)->sequence == sequence && (*at)->bytes >= bytes)
		return;
	e = make_room(t, s, bytes) ? malloc(sizeof(*e) + bytes) : NULL;
	if (!e) {
		dialog_note(t->dialogs, DIALOG_tcp_refused);
		return;
	}
	if (!s->early) {
		s->early_ns = at_ns;
		t->waiting++;
	}
	e->sequence = sequence;
	e->bytes = bytes;
	memcpy(e->data, data, bytes);
	e->next = *at;
	*at = e;
	s->early_bytes += bytes;
	t->bytes += bytes;
}

/* Goes on with what came early and is not early any more. */
static void take_early(struct sip_tcp *t, struct stream *s, const struct sip_packet *p)
{
	while (s->early && (int32_t)(s->early->sequence - s->next_sequence) <= 0) {
		struct early *e = s->early;
		uint32_t known = s->next_sequence - e->sequence;

		if (known < e->bytes) {
			go_on(t, s, e->data + known, e->bytes - known, p);
			s->early_ns = p->arrival_ns;
		}
		drop_first_early(t, s);
	}
}

static void give_up_hole(struct sip_tcp *t, struct stream *s, const struct sip_packet *p)
{
	dialog_note(t->dialogs, DIALOG_tcp_gaps);
	sip_tcp_drop_text(t, s);
	s->in_step = false;
	s->next_sequence = s->early->sequence;
	take_early(t, s, p);
}

static void give_up_late_holes(struct sip_tcp *t, struct stream *s, const struct sip_packet *p)
{
	while (s->early &&
		(s->early_bytes > EARLY_BYTES_MAX || p->arrival_ns >= s->early_ns + EARLY_NS))
		give_up_hole(t, s, p);
}

static struct stream *find_late(struct sip_tcp *t, uint64_t now_ns)
{
	struct stream *s = t->waiting > 0 ? t->newest : NULL;

	while (s && !(s->early && now_ns >= s->early_ns + EARLY_NS))
		s = s->older;
	return s;
}

/* Looked for anew each time: what is taken may make other streams make room. */
void sip_tcp_age(struct sip_tcp *t, uint64_t now_ns, int64_t wall_offset_ns)
{
	const struct sip_packet now = {.arrival_ns = now_ns, .wall_offset_ns = wall_offset_ns};
	struct stream *s;

	while ((s = find_late(t, now_ns)))
		give_up_late_holes(t, s, &now);
}

/* --- Segments --- */

static void take_data(struct sip_tcp *t, struct stream *s, uint32_t sequence, const char *data,
	uint32_t bytes, const struct sip_packet *p)
{
	int32_t ahead = (int32_t)(sequence - s->next_sequence);
	uint32_t known;

	if (ahead > JUMP_MAX || ahead < -JUMP_MAX) {
		restart(t, s, sequence, false);
		ahead = 0;
	}
	if (ahead > 0) {
		keep_early(t, s, sequence, data, bytes, p->arrival_ns);
	} else {
		known = (uint32_t)-ahead;
		if (known < bytes)
			go_on(t, s, data + known, bytes - known, p);
		take_early(t, s, p);
	}
	give_up_late_holes(t, s, p);
}

/* The stream of a segment; made when there is something in it. NULL: none. */
static struct stream *stream_of(
	struct sip_tcp *t, const struct sip_packet *p, uint32_t sequence, bool syn, bool data)
{
	struct stream *s = sip_tcp_find(t, &p->source, &p->destination, p->encapsulation);

	if (s) {
		list_remove(t, s);
		list_add(t, s);
	} else if (syn || data) {
		s = add(t, p);
		if (s)
			restart(t, s, sequence, false);
	}
	/* A SYN that comes again changes nothing. */
	if (s && syn && s->next_sequence != sequence + 1)
		restart(t, s, sequence + 1, true);
	return s;
}

void sip_tcp_receive(struct sip_tcp *t, const struct sip_packet *p)
{
	const uint8_t *header = (const uint8_t *)p->data;
	uint32_t header_bytes;
	uint32_t sequence;
	struct stream *s;
	bool syn;

	dialog_note(t->dialogs, DIALOG_tcp_segments);
	if (p->bytes < 20)
		return;
	header_bytes = (header[12] >> 4) * 4U;
	if (header_bytes < 20 || header_bytes > p->bytes)
		return;
	sequence = be32(header + 4);
	syn = header[13] & TCP_SYN;
	s = stream_of(t, p, sequence, syn, p->bytes > header_bytes);
	if (!s)
		return;
	if (p->bytes > header_bytes)
		take_data(t, s, sequence + syn, p->data + header_bytes, p->bytes - header_bytes, p);
	if (header[13] & TCP_RST || (header[13] & TCP_FIN && !s->early))
		forget(t, s);
}
