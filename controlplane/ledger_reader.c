#include "controlplane/ledger_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int ledger_reader_open(struct ledger_reader *r, const char *path, struct errmsg *e)
{
	int err;

	*r = (struct ledger_reader){.hash = LEDGER_FIRST_PREV_HASH};
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	err = r->fd < 0 ? -errno : 0;
	if (err == 0)
		r->buffer = malloc(LEDGER_READER_BYTES);
	if (err == 0 && !r->buffer)
		err = -ENOMEM;
	if (err) {
		ledger_reader_close(r);
		return errmsg_set(e, err, "%s: %s", path, strerror(-err));
	}
	posix_fadvise(r->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

void ledger_reader_close(struct ledger_reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->buffer);
	r->fd = -1;
	r->buffer = NULL;
}

static int fill(struct ledger_reader *r, struct errmsg *e)
{
	ssize_t n;

	memmove(r->buffer, r->buffer + r->start, r->end - r->start);
	r->end -= r->start;
	r->start = 0;
	n = read(r->fd, r->buffer + r->end, LEDGER_READER_BYTES - r->end);
	if (n < 0)
		return errmsg_set(e, -errno, "the ledger cannot be read: %s", strerror(errno));
	r->end += (size_t)n;
	r->at_end = n == 0;
	return 0;
}

static int holds_nul(const struct ledger_reader *r, struct errmsg *e)
{
	return errmsg_set(e, -EILSEQ,
		"line %" PRIu64 ": it holds NUL bytes: it was altered, or a crash tore it",
		r->line + 1);
}

static int unfinished(const struct ledger_reader *r, struct errmsg *e)
{
	return errmsg_set(e, -ENODATA, "line %" PRIu64 ": it is not finished", r->line + 1);
}

/* The next line's bytes, without its newline: 1, or what ledger_reader_next returns. */
static int next_text(struct ledger_reader *r, const char **text, size_t *bytes, struct errmsg *e)
{
	const char *newline;

	while (!(newline = memchr(r->buffer + r->start, '\n', r->end - r->start))) {
		size_t held = r->end - r->start;
		int err;

		if (held && memchr(r->buffer + r->start, '\0', held))
			return holds_nul(r, e);
		if (held >= LEDGER_LINE_BYTES)
			return errmsg_set(e, -EBADMSG,
				"line %" PRIu64 ": it is no ledger entry: it is too long",
				r->line + 1);
		if (r->at_end)
			return held ? unfinished(r, e) : 0;
		err = fill(r, e);
		if (err)
			return err;
	}
	*text = r->buffer + r->start;
	*bytes = (size_t)(newline - *text);
	return *bytes && memchr(*text, '\0', *bytes) ? holds_nul(r, e) : 1;
}

static int check_chain(
	const struct ledger_reader *r, const struct ledger_line *line, struct errmsg *e)
{
	if (line->seq > r->seq + 1)
		return errmsg_set(e, -EBADMSG,
			"line %" PRIu64 ": entry %" PRIu64 " follows entry %" PRIu64 ": %" PRIu64
			" missing",
			r->line, line->seq, r->seq, line->seq - r->seq - 1);
	if (line->seq <= r->seq)
		return errmsg_set(e, -EBADMSG,
			"line %" PRIu64 ": entry %" PRIu64 " follows entry %" PRIu64
			": entries were doubled or moved",
			r->line, line->seq, r->seq);
	if (strcmp(line->prev_hash, r->hash) != 0)
		return errmsg_set(e, -EBADMSG,
			"line %" PRIu64 ": entry %" PRIu64
			" was written after an entry with the hash %s, but the entry before it "
			"has %s: that one was replaced, or this one",
			r->line, line->seq, line->prev_hash, r->hash);
	return 0;
}

int ledger_reader_next(struct ledger_reader *r, struct ledger_line *line, struct errmsg *e)
{
	struct errmsg why = {""};
	const char *text = NULL;
	size_t bytes = 0;
	int n = next_text(r, &text, &bytes, e);
	int err;

	if (n != 1)
		return n;
	r->line++;
	err = ledger_line_parse(text, bytes, line, &why);
	if (err)
		return errmsg_set(e, err, "line %" PRIu64 ": %s", r->line, why.text);
	err = check_chain(r, line, e);
	if (err)
		return err;
	r->start += bytes + 1;
	r->offset += (int64_t)bytes + 1;
	r->seq = line->seq;
	memcpy(r->hash, line->hash, sizeof(r->hash));
	return 1;
}
