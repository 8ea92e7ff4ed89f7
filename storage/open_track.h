/* A track as its writer has it: the states, the file, and what is exchanged with the helper thread.
 *
 * Owner: the writer thread, but for what is marked. It leaves chunks to the writer: lists and
 * writing are there. */
#ifndef LEGTAP_STORAGE_OPEN_TRACK_H
#define LEGTAP_STORAGE_OPEN_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/chunk.h"
#include "common/counters.h"
#include "storage/chunk_list.h"
#include "storage/inbox.h"
#include "storage/srtp_track.h"
#include "storage/writer.h"

enum open_track_state {
	OPEN_TRACK_NONE,
	OPEN_TRACK_WAITING, /* for its file */
	OPEN_TRACK_OPEN,
	OPEN_TRACK_FAILED /* no file could be made */
};

struct open_track {
	_Atomic track_ref ref; /* written by the writer, read by all */
	track_ref closed;      /* the last that was closed in this slot */
	enum open_track_state state;
	int fd;
	int err;	   /* why it failed */
	uint32_t sequence; /* of its next chunk */
	uint32_t pending;  /* chunks taken and neither written nor dropped */
	bool growing;	   /* the helper has been asked */
	uint64_t file_id;
	uint64_t end;	 /* where its next chunk goes */
	uint64_t sized;	 /* the file is sized ahead to */
	uint64_t ask_at; /* when end gets there, the file is to be made longer */
	uint64_t step;	 /* by so much */
	struct chunk_list waiting;
	struct srtp_track *srtp;    /* NULL: RTP */
	uint64_t held_from_ns;	    /* arrival of the first chunk that waits for keys; 0: none */
	uint32_t held;		    /* chunks that wait for keys */
	bool held_enough;	    /* keys are not waited for any longer */
	struct track_letter *close; /* there: it is to be closed once nothing is pending */
	/* Written by the writer, read by all. */
	counter chunks;
	counter frames;
	counter frames_dropped;
	counter bytes;
};

/* From none to waiting: a chunk was faster than its file. */
void open_track_adopt(struct open_track *t, track_ref ref);

/* The helper's answer: to open, or failed. */
void open_track_opened(struct open_track *t, const struct track_letter *l);

/* Asks the helper for more of the file when half of the last step is written; once at a time. */
void open_track_ask_for_more(struct open_track *t, struct track_letter *l, struct inbox *helper);
void open_track_grown(struct open_track *t, const struct track_letter *l);

/* Gives the file back, when that is asked for and nothing is on its way: to none. */
void open_track_close_if_done(struct open_track *t, struct inbox *helper);

/* What its packets are to be; wipes and frees the letter. Without memory the track has failed. */
void open_track_take_keys(struct open_track *t, struct keys_letter *l);
void keys_letter_free(struct keys_letter *l);

/* Whether a chunk of it is to wait for keys: for 10 s of audio at most, and not once it is to be
 * closed. */
bool open_track_waits_for_keys(struct open_track *t, const struct chunk *c);

/* Any thread. 0, or -ENOENT when the track is another by now. */
int open_track_stats(const struct open_track *t, track_ref ref, struct storage_closed *out);

#endif
