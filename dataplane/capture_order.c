/* See capture_order.h. */
#include "dataplane/capture_order.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/capture_input.h"

#define PLACES_FIRST 4096U
#define PLACES_MAX (64U << 20)

struct place {
	uint64_t time_ns;
	uint64_t offset; /* of the frame, in the file */
	uint32_t captured_bytes;
	uint32_t wire_bytes;
	uint32_t interface;
	enum link_type link;
};

struct capture_order {
	int fd;
	struct capture_stats stats;
	struct place *places;
	size_t count;
	size_t room;
	size_t next;
	uint8_t frame[CAPTURE_RECORD_BYTES_MAX];
};

/* 1: out of order, 0: in order, or no file that can be read twice. */
static int is_out_of_order(const char *path, struct errmsg *e)
{
	struct capture *c;
	struct capture_record r;
	struct capture_stats stats = {0};
	struct stat st;
	int err;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return 0;
	err = capture_open(&c, path, e);
	if (err < 0)
		return err;
	while (stats.backward == 0 && capture_next(c, &r) == 1)
		capture_stats_of(c, &stats);
	capture_close(c);
	return stats.backward != 0;
}

static int compare(const void *one, const void *other)
{
	const struct place *a = one;
	const struct place *b = other;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static int add_place(struct capture_order *o, const struct capture_record *r)
{
	if (o->count == o->room) {
		size_t room = o->room ? o->room * 2 : PLACES_FIRST;
		struct place *more =
			room <= PLACES_MAX ? reallocarray(o->places, room, sizeof(*more)) : NULL;

		if (!more)
			return -ENOMEM;
		o->places = more;
		o->room = room;
	}
	o->places[o->count++] = (struct place){
		.time_ns = r->time_ns,
		.offset = r->offset,
		.captured_bytes = r->captured_bytes,
		.wire_bytes = r->wire_bytes,
		.interface = r->interface,
		.link = r->link,
	};
	return 0;
}

/* 1: all places are known; 0: they are too many; -errno. */
static int find_places(struct capture_order *o, const char *path, struct errmsg *e)
{
	struct capture *c;
	struct capture_record r;
	int err = capture_open(&c, path, e);

	if (err < 0)
		return err;
	while (err == 0 && capture_next(c, &r) == 1)
		err = add_place(o, &r);
	capture_forgive_order(c);
	capture_stats_of(c, &o->stats);
	capture_close(c);
	return err == 0;
}

int capture_order_create(struct capture_order **out, const char *path, struct errmsg *e)
{
	struct capture_order *o;
	int found = is_out_of_order(path, e);

	*out = NULL;
	if (found <= 0)
		return found;
	o = calloc(1, sizeof(*o));
	if (!o)
		return errmsg_set(e, -ENOMEM, "no memory to sort %s", path);
	o->fd = open(path, O_RDONLY | O_CLOEXEC);
	found = o->fd < 0 ? errmsg_set(e, -errno, "%s: %s", path, strerror(errno))
			  : find_places(o, path, e);
	if (found <= 0 || !o->places) {
		capture_order_destroy(o);
		return found;
	}
	qsort(o->places, o->count, sizeof(*o->places), compare);
	*out = o;
	return 0;
}

void capture_order_destroy(struct capture_order *o)
{
	if (!o)
		return;
	if (o->fd >= 0)
		close(o->fd);
	free(o->places);
	free(o);
}

int capture_order_next(struct capture_order *o, struct capture_record *out)
{
	const struct place *p = o->places + o->next;
	ssize_t n;

	if (o->next == o->count)
		return 0;
	n = pread(o->fd, o->frame, p->captured_bytes, (off_t)p->offset);
	if (n != (ssize_t)p->captured_bytes) { /* fewer: somebody cut the file meanwhile */
		int err = n < 0 ? errno : EIO;

		o->next = o->count;
		snprintf(o->stats.warning, sizeof(o->stats.warning), "reading failed: %s",
			strerror(err));
		return -err;
	}
	o->next++;
	*out = (struct capture_record){
		.data = o->frame,
		.captured_bytes = p->captured_bytes,
		.wire_bytes = p->wire_bytes,
		.time_ns = p->time_ns,
		.link = p->link,
		.interface = p->interface,
		.offset = p->offset,
	};
	return 1;
}

void capture_order_stats(const struct capture_order *o, struct capture_stats *out)
{
	*out = o->stats;
}
