#include "controlplane/ledger_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "controlplane/ledger_reader.h"

#define FILE_NAME "ledger.jsonl"

/* mkdir -p. */
static int make_folder(const char *folder, struct errmsg *e)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/", folder) >= (int)sizeof(path))
		return errmsg_set(e, -ENAMETOOLONG, "the ledger's folder %s: too long", folder);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0750) != 0 && errno != EEXIST)
			return errmsg_set(e, -errno, "the ledger's folder %s cannot be made: %s",
				path, strerror(errno));
		*slash = '/';
	}
	return 0;
}

/* The lock is the folder's: a lock on the file itself would outlive a killed process for as long as
 * the kernel takes to tear down its io_uring. */
static int lock_folder(struct ledger_file *f, const char *folder, struct errmsg *e)
{
	f->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->folder_fd < 0)
		return errmsg_set(e, -errno, "the ledger's folder %s: %s", folder, strerror(errno));
	if (flock(f->folder_fd, LOCK_EX | LOCK_NB) != 0)
		return errmsg_set(e, -EBUSY,
			"the ledger's folder %s: another process writes this ledger; each legtapd "
			"needs one of its own",
			folder);
	return 0;
}

static int open_file(struct ledger_file *f, struct errmsg *e)
{
	f->fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	if (f->fd < 0)
		return errmsg_set(e, -errno, "%s: %s", f->path, strerror(errno));
	if (fsync(f->folder_fd) != 0) /* so that the new name outlives a crash */
		return errmsg_set(
			e, -errno, "%s: its folder cannot be synced: %s", f->path, strerror(errno));
	return 0;
}

static int replay(struct ledger_reader *r, struct usages *usages, struct errmsg *e)
{
	struct ledger_line line;
	struct errmsg why = {""};
	int n;

	while ((n = ledger_reader_next(r, &line, e)) == 1) {
		int err = usages_apply(usages, &line, &why);

		if (err == -ENOMEM)
			return errmsg_set(e, err, "out of memory");
		if (err)
			return errmsg_set(e, -EBADMSG, "line %" PRIu64 ": %s", r->line, why.text);
	}
	return n;
}

/* Copies what stands from `from` to `to` in one file to the end of another. */
static int copy_end(int in, int out, int64_t from, int64_t to)
{
	char buffer[4096];

	while (from < to) {
		ssize_t n = pread(in, buffer, sizeof(buffer), from);

		if (n < 0)
			return -errno;
		if (n == 0 || write(out, buffer, (size_t)n) != n)
			return -EIO;
		from += n;
	}
	return fsync(out) == 0 ? 0 : -errno;
}

static int keep_end(const char *path, const char *kept, int64_t from, int64_t to)
{
	int in = open(path, O_RDONLY | O_CLOEXEC);
	int out = in < 0 ? -1 : open(kept, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	int err = out < 0 ? -errno : copy_end(in, out, from, to);

	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return err;
}

static int cut(struct ledger_file *f, int64_t whole_bytes, struct errmsg *e)
{
	char kept[PATH_MAX + 32];
	int err;

	snprintf(kept, sizeof(kept), "%s.cut-%" PRIu64, f->path, f->seq + 1);
	err = keep_end(f->path, kept, whole_bytes, f->bytes);
	if (err == 0 && (fsync(f->folder_fd) != 0 || ftruncate(f->fd, whole_bytes) != 0 ||
				fsync(f->fd) != 0))
		err = -errno;
	if (err)
		return errmsg_set(e, err, "%s: its unfinished end cannot be cut off: %s", f->path,
			strerror(-err));
	log_warning("ledger",
		"%s: its last %" PRId64 " bytes were an entry that a crash left unfinished, never "
		"acknowledged; they are cut off and kept in %s",
		f->path, f->bytes - whole_bytes, kept);
	f->bytes = whole_bytes;
	return 0;
}

static int read_chain(struct ledger_file *f, struct usages *usages, struct errmsg *e)
{
	struct ledger_reader r;
	struct errmsg why = {""};
	struct stat st;
	int err = ledger_reader_open(&r, f->path, e);

	if (err)
		return err;
	err = replay(&r, usages, &why);
	if (fstat(r.fd, &st) != 0)
		err = -errno;
	f->bytes = st.st_size;
	f->seq = r.seq;
	memcpy(f->hash, r.hash, sizeof(f->hash));
	ledger_reader_close(&r);
	if ((err == -ENODATA || err == -EILSEQ) && f->bytes - r.offset <= LEDGER_BATCH_BYTES)
		return cut(f, r.offset, e);
	if (err)
		return errmsg_set(e, err == -EILSEQ ? -EBADMSG : err,
			"%s, %s. Nothing is added to a broken ledger: restore it from a copy, or "
			"move it away to begin a new one",
			f->path, why.text);
	return 0;
}

int ledger_file_open(
	struct ledger_file *f, const char *folder, struct usages *usages, struct errmsg *e)
{
	int err = make_folder(folder, e);

	f->fd = f->folder_fd = -1;
	if (err)
		return err;
	if (snprintf(f->path, sizeof(f->path), "%s/" FILE_NAME, folder) >= (int)sizeof(f->path))
		return errmsg_set(e, -ENAMETOOLONG, "the ledger's folder %s: too long", folder);
	err = lock_folder(f, folder, e);
	if (err == 0)
		err = open_file(f, e);
	if (err == 0)
		err = read_chain(f, usages, e);
	if (err)
		ledger_file_close(f);
	return err;
}

void ledger_file_close(struct ledger_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->folder_fd >= 0)
		close(f->folder_fd);
	f->fd = f->folder_fd = -1;
}
