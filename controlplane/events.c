#include "controlplane/events.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "common/log.h"
#include "controlplane/control.h"
#include "controlplane/timestamp.h"
#include "controlplane/utf8.h"

#define RUN_IDS (UINT64_C(1) << 36) /* ids of one run: years at hundreds of events a second */
#define ID_MAX (UINT64_C(1) << 53)  /* a JSON number is exact up to it (RFC 8259, 6) */
#define LINE_BYTES_MEAN 2048	    /* the ring's bytes are bounded by this times its lines */
#define PATH_BYTES 4096

struct line {
	char *text;
	size_t bytes;
};

struct events {
	struct line *lines; /* of id at id % most */
	uint32_t most;
	size_t bytes;
	uint64_t oldest;
	uint64_t next_id;
	uint64_t run_first; /* the first id of this run */
	bool leapt;	    /* what earlier runs logged is not known to the event */
	bool closed;
	struct event_reader *readers[EVENT_READERS_MAX];
	unsigned int reader_count;
	uint64_t lost;
	char folder[PATH_BYTES]; /* "": ids are kept nowhere */
};

/* --- The ids of runs --- */

static int sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return err;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	ssize_t bytes = (ssize_t)strlen(text);
	int err = 0;

	if (fd < 0)
		return -errno;
	errno = EIO;
	if (write(fd, text, (size_t)bytes) != bytes || fsync(fd) != 0)
		err = -errno;
	close(fd);
	return err;
}

/* "ID open" while a run may use ids up to ID, "ID closed" when ID was the last. */
static int keep_id(const struct events *ev, uint64_t id, const char *state)
{
	char path[PATH_BYTES + 32];
	char fresh[PATH_BYTES + 32];
	char text[64];
	int err;

	if (!ev->folder[0])
		return 0;
	snprintf(path, sizeof(path), "%s/events.id", ev->folder);
	snprintf(fresh, sizeof(fresh), "%s/events.id.new", ev->folder);
	snprintf(text, sizeof(text), "%" PRIu64 " %s\n", id, state);
	err = write_text(fresh, text);
	if (err == 0 && rename(fresh, path) != 0)
		err = -errno;
	return err ? err : sync_folder(ev->folder);
}

static uint64_t wall_clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Where this run's ids begin. */
static void find_first_id(struct events *ev)
{
	char path[PATH_BYTES + 32];
	char state[16];
	uint64_t id;
	FILE *file;
	int found = 0;

	snprintf(path, sizeof(path), "%s/events.id", ev->folder);
	file = fopen(path, "re");
	if (file) {
		found = fscanf(file, "%" SCNu64 " %15s", &id, state);
		fclose(file);
	}
	ev->leapt = true;
	ev->run_first = wall_clock_us();
	if (found == 2 && id < ID_MAX - RUN_IDS) {
		ev->run_first = id + 1;
		ev->leapt = strcmp(state, "closed") != 0;
	} else if (file) {
		log_warning("events",
			"%s is not what this program wrote: EventIds go on at the clock's time",
			path);
	}
}

/* --- Its life --- */

int events_create(struct events **out, const char *folder, uint32_t most, struct errmsg *e)
{
	struct events *ev = calloc(1, sizeof(*ev));
	int err;

	if (ev)
		ev->lines = calloc(most, sizeof(struct line));
	if (!ev || !ev->lines) {
		free(ev);
		return errmsg_set(e, -ENOMEM, "no memory for limits.events = %u events", most);
	}
	ev->most = most;
	ev->run_first = 1;
	if (folder) {
		snprintf(ev->folder, sizeof(ev->folder), "%s", folder);
		find_first_id(ev);
	}
	ev->oldest = ev->run_first;
	ev->next_id = ev->run_first;
	err = keep_id(ev, ev->run_first + RUN_IDS, "open");
	if (err != 0) {
		errmsg_set(e, err,
			"%s/events.id cannot be written: %s; the folder is that of `ledger`",
			ev->folder, strerror(-err));
		free(ev->lines);
		free(ev);
		return err;
	}
	*out = ev;
	return 0;
}

void events_destroy(struct events *ev)
{
	int err;

	if (!ev)
		return;
	err = keep_id(ev, ev->next_id - 1, "closed");
	if (err != 0)
		log_warning("events", "%s/events.id cannot be written: %s; EventIds will leap",
			ev->folder, strerror(-err));
	for (uint32_t i = 0; i < ev->most; i++)
		free(ev->lines[i].text);
	free(ev->lines);
	free(ev);
}

/* --- Adding --- */

static void drop_oldest(struct events *ev)
{
	struct line *line = &ev->lines[ev->oldest++ % ev->most];

	ev->bytes -= line->bytes;
	free(line->text);
	*line = (struct line){0};
}

static void wake_all(struct events *ev)
{
	for (unsigned int i = 0; i < ev->reader_count; i++) {
		struct event_reader *r = ev->readers[i];

		if (!r->waiting)
			continue;
		r->waiting = false;
		r->wake(r->arg);
	}
}

/* {EventId, Time, EventType} and what stands in an object's text. */
static char *make_line(
	uint64_t id, int64_t unix_ms, const char *type, const char *object, size_t *bytes)
{
	char time[TIMESTAMP_TEXT_BYTES];
	bool empty = !object || strcmp(object, "{}") == 0;
	char *text;
	int length = asprintf(&text,
		"{\"EventId\":%" PRIu64 ",\"Time\":\"%s\",\"EventType\":\"%s\"%s%s\n", id,
		timestamp_format(unix_ms, time), type, empty ? "" : ",", empty ? "}" : object + 1);

	if (length < 0)
		return NULL;
	*bytes = (size_t)length;
	utf8_repair(text, *bytes);
	return text;
}

static void put_line(struct events *ev, char *text, size_t bytes)
{
	struct line *line;

	while (ev->oldest < ev->next_id &&
		(ev->next_id - ev->oldest == ev->most ||
			ev->bytes + bytes > (size_t)ev->most * LINE_BYTES_MEAN))
		drop_oldest(ev);
	line = &ev->lines[ev->next_id % ev->most];
	line->text = text;
	line->bytes = bytes;
	ev->bytes += bytes;
	ev->next_id++;
}

void events_add(struct events *ev, int64_t unix_ms, const char *type, struct cJSON *members)
{
	char *object = ev && members ? cJSON_PrintUnformatted(members) : NULL;
	size_t bytes = 0;
	char *text;

	cJSON_Delete(members);
	if (!ev || ev->closed) {
		free(object);
		return;
	}
	if (object && strlen(object) > EVENT_LINE_BYTES_MAX)
		strcpy(object, "{\"too_long\":true}");
	text = make_line(ev->next_id, unix_ms, type, object, &bytes);
	free(object);
	if (!text)
		return;
	put_line(ev, text, bytes);
	wake_all(ev);
}

void control_event(struct control *control, const char *type, struct cJSON *members)
{
	events_add(control->events, ((int64_t)control->now_ns + control->wall_offset_ns) / 1000000,
		type, members);
}

/* --- Readers --- */

int events_enter(struct events *ev, struct event_reader *r, bool has_after, uint64_t after)
{
	if (ev->closed)
		return -ESHUTDOWN;
	if (has_after && after >= ev->next_id)
		return -EINVAL;
	if (ev->reader_count == EVENT_READERS_MAX)
		return -EBUSY;
	r->next = has_after ? after + 1 : ev->oldest;
	r->waiting = false;
	ev->readers[ev->reader_count++] = r;
	return 0;
}

void events_leave(struct events *ev, struct event_reader *r)
{
	for (unsigned int i = 0; i < ev->reader_count; i++) {
		if (ev->readers[i] == r) {
			ev->readers[i] = ev->readers[--ev->reader_count];
			return;
		}
	}
}

/* How many, where that can be known. Bears the id of the last of them, so that a reader that comes
 * again after it loses nothing more. */
static char *lost_line(struct events *ev, const struct event_reader *r, size_t *bytes)
{
	bool known = !ev->leapt || r->next >= ev->run_first;
	uint64_t count = ev->oldest - r->next;
	struct timespec now;
	char object[96];

	clock_gettime(CLOCK_REALTIME, &now);
	if (known)
		snprintf(object, sizeof(object), "{\"lost\":%" PRIu64 ",\"oldest\":%" PRIu64 "}",
			count, ev->oldest);
	else
		snprintf(object, sizeof(object), "{\"lost\":null,\"oldest\":%" PRIu64 "}",
			ev->oldest);
	ev->lost += known ? count : 0;
	return make_line(ev->oldest - 1, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
		"events_lost", object, bytes);
}

char *events_next(struct events *ev, struct event_reader *r, size_t *bytes)
{
	const struct line *line;
	char *text;

	if (r->next < ev->oldest) {
		text = lost_line(ev, r, bytes);
		if (text)
			r->next = ev->oldest;
		return text;
	}
	if (r->next >= ev->next_id)
		return NULL;
	line = &ev->lines[r->next % ev->most];
	text = malloc(line->bytes);
	if (!text)
		return NULL;
	memcpy(text, line->text, line->bytes);
	*bytes = line->bytes;
	r->next++;
	return text;
}

void events_wait(struct events *ev, struct event_reader *r)
{
	r->waiting = true;
}

void events_close(struct events *ev)
{
	if (!ev)
		return;
	ev->closed = true;
	wake_all(ev);
}

bool events_closed(const struct events *ev)
{
	return ev->closed;
}

void events_stats(const struct events *ev, struct events_stats *out)
{
	*out = (struct events_stats){.oldest = ev->oldest,
		.newest = ev->next_id - 1,
		.readers = ev->reader_count,
		.lost = ev->lost};
}
