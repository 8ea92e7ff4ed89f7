/* The writer thread: chunks from the rx cores to track files.
 *
 * A track belongs to the writer of index (slot % writer_count) for its life. To its writer it is:
 *
 *   none ──(first chunk, or file)── waiting ──(file there)── open ──(close, last write done)── none
 *                                      └──(no file can be made)── failed ──────(close)──────────┘
 *
 * Packets of SRTP are opened (srtp_track.h) just before their chunk is written; where keys are
 * still to come (an answer that media has overtaken) the chunk is held for a moment.
 *
 * Chunks of a waiting track wait in a list; those of a failed one are dropped and counted. The
 * helper thread makes, sizes, cuts and closes the files; the two exchange letters. The writer never
 * waits for a disk or for the helper: what is not done is done in a later round.
 *
 * Owner of everything here: the writer thread, but for what is marked. */
#ifndef LEGTAP_STORAGE_WRITER_H
#define LEGTAP_STORAGE_WRITER_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/chunk.h"
#include "common/counters.h"
#include "common/errmsg.h"
#include "common/topology.h"
#include "storage/inbox.h"
#include "storage/srtp_track.h"
#include "storage/storage.h"

enum track_letter_kind {
	TRACK_LETTER_OPENED = 100, /* helper to writer: fd or err, file_id, bytes */
	TRACK_LETTER_CLOSE,	   /* helper to writer; comes back as CLOSED */
	TRACK_LETTER_CLOSED,	   /* writer to helper: result, bytes; nothing is in flight */
	TRACK_LETTER_GROW,	   /* writer to helper: from, bytes; comes back as GROWN */
	TRACK_LETTER_GROWN,	   /* helper to writer: bytes, or err */
	TRACK_LETTER_KEYS,	   /* control thread to writer: a struct keys_letter */
};

/* Of one track; there are three of them for every slot, so that none is ever allocated on the
 * way. */
struct track_letter {
	struct letter letter;
	track_ref ref;
	int fd;
	int err;
	uint64_t file_id;
	uint64_t from;
	uint64_t bytes; /* up to which the file is sized, or written when it is closed */
	struct storage_closed result;
};

/* What the packets of a track are, and the keys. From malloc; the writer wipes and frees it. */
struct keys_letter {
	struct letter letter;
	track_ref ref;
	struct srtp_setting setting;
};

/* How far a file is sized ahead: at first, and by the most at once. It grows by steps that double,
 * each asked for when half of the one before is written. */
#define WRITER_STEP_FIRST (256UL << 10)
#define WRITER_STEP_MOST (16UL << 20)

struct writer_setup {
	unsigned int index;
	struct topology *topology;
	struct chunk_pool *pool;
	uint32_t slots; /* of all writers */
	/* By slot: the reference that is to be recorded. Written by the control thread before any
	 * rx core knows the reference. */
	const _Atomic track_ref *refs;
	struct track_letter *grow; /* by slot */
	struct inbox *helper;
	int lock_fd; /* of the spool; held for as long as writes are under way */
	uint32_t writes_in_flight;
	bool direct; /* files are opened for direct I/O */
	bool idle_sleep;
	uint64_t sleep_first_ns; /* up to 1 ms; the first pause of an idle writer */
};

struct writer;

/* Control thread. 0 or -ENOMEM. */
int writer_create(struct writer **out, const struct writer_setup *setup);
void writer_destroy(struct writer *w);

/* The thread's function; arg is the writer. It returns when it is asked to stop and everything that
 * was handed to it is written. */
void writer_run(struct thread *self, void *arg);

/* Waits until the thread has made its io_uring. 0 or -errno with a message. Control thread. */
int writer_await_ready(struct writer *w, struct errmsg *e);

/* For letters to it. */
struct inbox *writer_inbox(struct writer *w);

/* Any thread. */
const counter *writer_counters(const struct writer *w);
bool writer_is_fixed(const struct writer *w);
/* Logs what its io_uring has to do without. After writer_await_ready. */
void writer_tell_fallbacks(const struct writer *w);
/* Recording clock of a live run: all that was handed over before is written, or counted as
 * dropped. */
uint64_t writer_written_ns(const struct writer *w);
/* Of a track that the writer has now. 0 or -ENOENT. */
int writer_track_stats(const struct writer *w, track_ref ref, struct storage_closed *out);

#endif
