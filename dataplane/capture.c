/* See capture.h. This file knows what kind of file it is and which link layers there are; the
 * formats are read by pcap.c and pcapng.c, bytes by capture_input.c. */
#include "dataplane/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/capture_fault.h"
#include "dataplane/capture_input.h"
#include "dataplane/pcap.h"
#include "dataplane/pcapng.h"

#define MAGIC_BYTES 12U
/* Queues of one port are emptied in turn: so far packets may be out of order and none the worse. */
#define BACKWARD_NS 1000000U

struct capture {
	struct capture_input input;
	bool next_generation;
	struct pcap_reader pcap;
	struct pcapng_reader pcapng;
	struct capture_faults faults;
	uint64_t packets;
	uint64_t bytes;
	uint64_t first_ns;
	uint64_t last_ns;
};

static const struct {
	uint8_t magic[4];
	const char *name;
	const char *remedy;
} compressed[] = {
	{{0x1f, 0x8b, 0x08, 0x00}, "gzip", "gunzip"},
	{{0x28, 0xb5, 0x2f, 0xfd}, "Zstandard", "unzstd"},
	{{0xfd, '7', 'z', 'X'}, "xz", "unxz"},
	{{'B', 'Z', 'h', 0x00}, "bzip2", "bunzip2"},
	{{0x04, 0x22, 0x4d, 0x18}, "LZ4", "unlz4"},
};

/* LINKTYPE_ numbers. */
static int link_of(uint32_t link_type, enum link_type *out)
{
	switch (link_type) {
	case 1:
		*out = LINK_ETHERNET;
		return 0;
	case 12: /* DLT_RAW where it leaked into files */
	case 14: /* the same on OpenBSD */
	case 101:
	case 228:
	case 229:
		*out = LINK_RAW;
		return 0;
	case 113:
		*out = LINK_SLL;
		return 0;
	case 276:
		*out = LINK_SLL2;
		return 0;
	case 0:
	case 108:
		*out = LINK_NULL;
		return 0;
	default:
		return -EPROTONOSUPPORT;
	}
}

static int refuse_kind(const struct capture_input *in, const char *path, struct errmsg *e)
{
	for (size_t i = 0; i < sizeof(compressed) / sizeof(compressed[0]); i++) {
		/* bzip2's fourth byte and gzip's are free. */
		size_t significant = compressed[i].magic[3] ? 4 : 3;

		if (in->available >= 4 && memcmp(in->data, compressed[i].magic, significant) == 0)
			return errmsg_set(e, -EINVAL,
				"%s is compressed (%s): uncompress it by %s first", path,
				compressed[i].name, compressed[i].remedy);
	}
	return errmsg_set(e, -EINVAL, "%s is neither a pcap nor a pcapng capture", path);
}

static int read_header(struct capture *c, const char *path, struct errmsg *e)
{
	struct capture_input *in = &c->input;
	size_t available = capture_input_peek(in, MAGIC_BYTES);

	if (in->error)
		return errmsg_set(e, in->error, "%s: %s", path, strerror(-in->error));
	if (available == 0)
		return errmsg_set(e, -ENODATA, "%s is empty", path);
	if (available >= MAGIC_BYTES && pcapng_is(in->data)) {
		c->next_generation = true;
		return 0;
	}
	if (available < 4 || !pcap_is(in->data))
		return refuse_kind(in, path, e);
	if (pcap_reader_open(&c->pcap, in) < 0)
		return errmsg_set(e, -EINVAL, "%s ends within the header of a pcap capture", path);
	return 0;
}

static int open_input(int *fd, const char *path, struct errmsg *e)
{
	struct stat st;
	int err;

	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		return errmsg_set(e, -errno, "%s: %s", path, strerror(errno));
	if (fstat(*fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		err = errmsg_set(e, -EISDIR, "%s is a directory: name a capture file", path);
		close(*fd);
		return err;
	}
	return 0;
}

static int create(struct capture **out, struct errmsg *e)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return errmsg_set(e, -ENOMEM, "no memory for a capture");
	(*out)->input.fd = -1;
	return 0;
}

/* Reads the header, or closes. */
static int finish_open(struct capture **out, struct capture *c, const char *path, struct errmsg *e)
{
	int err = read_header(c, path, e);

	if (err < 0) {
		capture_close(c);
		return err;
	}
	*out = c;
	return 0;
}

int capture_open(struct capture **out, const char *path, struct errmsg *e)
{
	struct capture *c;
	int fd, err;

	err = open_input(&fd, path, e);
	if (err < 0)
		return err;
	err = create(&c, e);
	if (err < 0)
		goto close_file;
	err = capture_input_file(&c->input, fd);
	if (err < 0) {
		errmsg_set(e, err, "no memory for a capture's window");
		goto free_capture;
	}
	return finish_open(out, c, path, e);

free_capture:
	free(c);
close_file:
	close(fd);
	return err;
}

int capture_open_memory(struct capture **out, const void *data, size_t bytes, struct errmsg *e)
{
	struct capture *c;
	int err = create(&c, e);

	if (err < 0)
		return err;
	capture_input_memory(&c->input, data, bytes);
	return finish_open(out, c, "memory", e);
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	pcapng_reader_release(&c->pcapng);
	capture_input_release(&c->input);
	free(c);
}

/* Whether a record is one that is read; if not, it is counted why. */
static bool is_wanted(struct capture *c, uint32_t link_type, struct capture_record *record)
{
	if (link_of(link_type, &record->link) != 0) {
		if (c->faults.foreign_link++ == 0)
			c->faults.foreign_link_type = link_type;
		return false;
	}
	if (record->time_ns >= CAPTURE_TIME_MAX) {
		c->faults.future++;
		return false;
	}
	return true;
}

static void count(struct capture *c, const struct capture_record *record)
{
	if (record->time_ns + BACKWARD_NS < c->last_ns)
		c->faults.backward++;
	if (record->wire_bytes > record->captured_bytes)
		c->faults.snapped++;
	if (c->packets == 0 || record->time_ns < c->first_ns)
		c->first_ns = record->time_ns;
	if (record->time_ns > c->last_ns)
		c->last_ns = record->time_ns;
	c->packets++;
	c->bytes += record->captured_bytes;
}

static int next_of_any_link(struct capture *c, struct capture_record *out, uint32_t *link_type)
{
	if (c->next_generation)
		return pcapng_reader_next(&c->pcapng, &c->input, &c->faults, out, link_type);
	return pcap_reader_next(&c->pcap, &c->input, &c->faults, out, link_type);
}

int capture_next(struct capture *c, struct capture_record *out)
{
	uint32_t link_type;
	int given;

	while ((given = next_of_any_link(c, out, &link_type)) == 1) {
		if (is_wanted(c, link_type, out)) {
			out->offset = c->input.offset - (uint64_t)(c->input.data - out->data);
			count(c, out);
			return 1;
		}
	}
	c->faults.error = c->input.error;
	return given < 0 ? given : c->input.error;
}

void capture_forgive_order(struct capture *c)
{
	c->faults.backward = 0;
}

int capture_stats_of(const struct capture *c, struct capture_stats *out)
{
	*out = (struct capture_stats){
		.packets = c->packets,
		.bytes = c->bytes,
		.first_ns = c->first_ns,
		.last_ns = c->last_ns,
		.backward = c->faults.backward,
		.interfaces = c->next_generation
				      ? c->pcapng.interfaces_before + c->pcapng.interface_count
				      : 1,
	};
	capture_fault_describe(&c->faults, out->warning, sizeof(out->warning));
	return 0;
}
