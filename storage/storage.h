/* Storage's one public header: track files, the spool, rendering, delivery.
 *
 * The spool holds, for each recording that is not yet delivered and released, flat in
 * spool.path/recordings: <recording_id>.journal            what happened, one JSON object a line
 * (docs/formats.md) <recording_id>.incoming.track     chunks of each track that is recorded
 *   <recording_id>.outgoing.track
 *   <recording_id>.wav, .json         rendered, while they wait for delivery
 * and in spool.path a `checkpoint` per writer, renewed every max_age, and a lock file: one legtapd
 * a spool.
 *
 * All functions are for the control thread. They never block on a disk or a socket: they send
 * messages to the writers, helpers and finishers, and what came of it arrives through storage_poll.
 * Messages about one recording are carried out in the order in which they were sent. */
#ifndef LEGTAP_STORAGE_STORAGE_H
#define LEGTAP_STORAGE_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/chunk.h"
#include "common/counters.h"
#include "common/errmsg.h"
#include "common/netaddr.h"
#include "common/srtp_key.h"
#include "common/topology.h"
#include "common/uuid.h"

struct storage;

enum track { TRACK_INCOMING, TRACK_OUTGOING, TRACK_COUNT };
#define TRACK_BIT(t) (1U << (t))
#define TRACKS_BOTH 3U

/* "INCOMING", "OUTGOING", "BOTH" for a mask of TRACK_BITs; the mask of a name, 0 for others. */
const char *tracks_name(unsigned int mask);
unsigned int tracks_parse(const char *name);

enum destination_type { DESTINATION_DIRECTORY, DESTINATION_S3 };

struct s3_config {
	char endpoint[256]; /* "https://s3.eu-central-1.amazonaws.com", "http://127.0.0.1:9000" */
	char region[64];
	bool path_style;
	char credentials_file[256]; /* "": AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (and
				       AWS_SESSION_TOKEN) */
	char ca_file[256];	    /* "": the system's */
};

struct storage_config {
	const char *spool_path;
	uint64_t max_age_ns; /* sync, checkpoint */
	unsigned int writer_count;
	int writer_cores[TOPOLOGY_WRITERS_MAX];
	unsigned int finisher_count;
	uint32_t tracks_max;	   /* open at once */
	uint32_t writes_in_flight; /* per writer; 0: 64 */
	enum destination_type destination;
	const char *directory; /* DESTINATION_DIRECTORY: a bucket is a folder in it */
	bool bucket_folders;   /* false in --read: keys stand directly under the directory */
	struct s3_config s3;
	uint32_t retry_first_ms; /* delivery: first pause, doubled up to retry_most_ms */
	uint32_t retry_most_ms;
	bool encode_g711;	     /* wav.encoding: g711 */
	bool conceal;		     /* render.conceal */
	uint64_t disk_reserve_bytes; /* spool: below this much free space a warning event; see space
				      */
	bool idle_sleep;	     /* writers sleep when idle (at most 1 ms); false: they spin */
	bool lossless; /* --read: no fsync of spool files is needed for what is thrown away at the
			  end */
	struct {
		uint32_t tone_hz; /* pause_tone */
		uint32_t tone_ms; /* 0: none */
		int32_t level_dbm0;
	} pause_tone;
};

/* Makes the spool's folders, takes its lock, makes rings and buffers. Needs EAL, the topology and
 * the chunk pool. Where the kernel refuses registered buffers or direct I/O it goes on without and
 * says so once. 0 or -errno with a message that names the path. */
int storage_create(struct storage **out, const struct storage_config *config, struct topology *t,
	struct chunk_pool *pool, struct errmsg *e);

/* Starts finishers, helpers, writers. */
int storage_start(struct storage *s, struct errmsg *e);

/* Stops writers (after they have written every chunk that is in their rings) and helpers; then
 * finishers when the job they hold is done (`abandon` = true) or when no job is left that can be
 * done now (false). Jobs left stand in the spool and are taken up by the next start. storage_poll
 * must be called once more for what they left. */
void storage_stop_writers(struct storage *s);
void storage_stop_finishers(struct storage *s, bool abandon);
void storage_destroy(struct storage *s);

/* --- A recording's life --- */

#define CODEC_NAME_BYTES 24
#define CODEC_FMTP_BYTES 128

/* What a payload type means, from SDP. */
struct codec {
	uint8_t payload_type;
	uint8_t channels;	     /* 0 counts as 1 */
	uint32_t clock_hz;	     /* of the RTP timestamp */
	char name[CODEC_NAME_BYTES]; /* as registered, upper case: "PCMU", "TELEPHONE-EVENT" */
	char fmtp[CODEC_FMTP_BYTES];
};

/* Why nobody can read what is encrypted. */
enum sealed_by { SEALED_SRTP, SEALED_DTLS };

/* Names a codec as one that is encrypted, "SRTP PCMU" or "DTLS-SRTP PCMU", so that nothing decodes
 * it; one that is named so already stays as it is. */
void codec_seal(struct codec *codec, enum sealed_by by);
bool codec_is_sealed(const struct codec *codec);

/* Whether a codec is named as of other media, "VIDEO H264": bundled with audio, its packets are
 * left out of the track. */
bool codec_is_other_media(const struct codec *codec);

#define DESTINATION_BUCKET_BYTES 256
#define DESTINATION_KEY_BYTES 1024
#define TEXT_BYTES 256

/* Everything that is known of a recording when it opens; copied. Texts are cut at their size. */
struct recording_info {
	struct uuid recording_id;
	struct uuid transaction_id;
	struct uuid call_id;
	char sip_call_id[TEXT_BYTES];
	char participant_tag[16];
	char participant[TEXT_BYTES]; /* address of record */
	char account[64];
	unsigned int tracks; /* mask of TRACK_BITs */
	char bucket[DESTINATION_BUCKET_BYTES];
	char key[DESTINATION_KEY_BYTES];
	uint64_t opened_ns;	/* recording clock */
	int64_t wall_offset_ns; /* add to a time of the recording clock for Unix time */
};

/* The window of the file. Either side may be left to the media (--read without rules). */
struct recording_window {
	uint64_t start_ns;
	uint64_t stop_ns;
	bool start_at_media; /* at the first sample of any of its tracks */
	bool stop_at_media;  /* at the end of the last sample */
	char reason[32]; /* "hangup", "stop_action", "media_timeout", "capture_end", "shutdown", …
			  */
	char cut_short[64]; /* "" or the cause: "crash" */
};

/* Opens journal and track files, and gives a track reference for each track of the mask
 * (TRACK_REF_NONE for others) that chunks may bear at once: chunks that come before the file is
 * there wait in memory. handlers.opened tells the outcome; after an error it is still to be closed
 * or removed. -EEXIST when it is open already; -ENOSPC when limits.tracks are open. */
int storage_open(struct storage *s, const struct recording_info *info, track_ref refs[TRACK_COUNT]);

/* Notes for the journal. at_ns: recording clock. Streams of one party of a track take the place of
 * each other, as on a mirror, where all are of party 0; those of different parties are mixed. */
int storage_note_stream(struct storage *s, const struct uuid *recording, enum track track,
	uint32_t ordinal, uint32_t party, const struct netaddr *source,
	const struct netaddr *destination, const char *encapsulation);
int storage_note_codecs(struct storage *s, const struct uuid *recording, enum track track,
	uint64_t at_ns, const struct codec *codecs, unsigned int count);
/* What the packets of an open track are (SRTP or RTP), from at_ns on, and the keys that open them:
 * given to its writer, which opens them before they are written. A key is never noted. Packets that
 * arrive before sealed_from_ns may be RTP, too. The caller wipes its copy. Before any rx core knows
 * the reference, or at any time later. 0, -ENOENT or -ENOMEM. */
int storage_set_keys(struct storage *s, const struct uuid *recording, enum track track,
	enum srtp_mode mode, const struct srtp_keys *keys, uint64_t at_ns, uint64_t sealed_from_ns);

/* The recording has begun (rules may open a recording before the leg is answered). */
int storage_note_start(struct storage *s, const struct uuid *recording, uint64_t at_ns);
int storage_note_pause(struct storage *s, const struct uuid *recording, uint64_t at_ns);
int storage_note_resume(struct storage *s, const struct uuid *recording, uint64_t at_ns);

/* While-paused packets per track, by the rx cores' count, for the sidecar. Before storage_close. */
int storage_note_paused_packets(
	struct storage *s, const struct uuid *recording, enum track track, uint64_t packets);

/* Packets that the digit policy of the account kept out of a track, likewise. */
int storage_note_withheld_packets(
	struct storage *s, const struct uuid *recording, enum track track, uint64_t packets);

/* Closes the track files: call it when every stream's gate has been acknowledged closed. Writes the
 * window to the journal, then handlers.closed. The references are stale from then on. */
int storage_close(
	struct storage *s, const struct uuid *recording, const struct recording_window *window);

/* Queues rendering and delivery of a closed recording: handlers.rendered, then delivered (or
 * delivery_failed, any number of times, before). */
int storage_finish(struct storage *s, const struct uuid *recording);

/* Removes all of a recording from the spool: one that never started, or one that is delivered and
 * in the ledger. */
int storage_remove(struct storage *s, const struct uuid *recording);

/* --- What came of it --- */

struct storage_closed {
	uint64_t chunks;
	uint64_t frames;
	uint64_t frames_dropped; /* by a full or failing disk */
	uint64_t bytes;
};

struct storage_rendered {
	uint64_t start_ns; /* as in the window, or found in the media */
	uint64_t duration_ms;
	uint64_t bytes; /* of the WAV */
	char sha256[65];
	bool failed;	  /* no file was made: `failure` tells why */
	bool undecodable; /* a track had packets that no decoder could take */
	char failure[TEXT_BYTES];
	const char *json; /* the sidecar's object, NUL-terminated; valid during the call; without
			     `state` */
};

struct storage_handlers {
	void *arg;
	void (*opened)(void *arg, const struct uuid *recording, int err); /* 0 or -errno */
	void (*closed)(
		void *arg, const struct uuid *recording, const struct storage_closed *result);
	void (*rendered)(
		void *arg, const struct uuid *recording, const struct storage_rendered *result);
	void (*delivered)(
		void *arg, const struct uuid *recording, const char *sha256, uint64_t bytes);
	/* final = the destination refuses it for good (403, 404): it stays in the spool and is
	 * tried at retry_most_ms. */
	void (*delivery_failed)(void *arg, const struct uuid *recording, const char *bucket,
		long http_status, const char *why, uint32_t retry_ms);
	void (*removed)(void *arg, const struct uuid *recording);
	void (*space)(void *arg, uint64_t free_bytes,
		uint64_t bytes_per_s); /* the spool is running full */
};

unsigned int storage_poll(struct storage *s, const struct storage_handlers *h);

/* Readable when storage_poll has something, for the event loop. */
int storage_wake_fd(const struct storage *s);

/* --- After a crash --- */

struct storage_leftover {
	struct recording_info info;
	bool started; /* storage_note_start was carried out */
	uint64_t start_ns;
	bool closed; /* the journal holds its window */
	struct recording_window window;
	bool rendered;
	bool delivered; /* the destination has confirmed it */
	char sha256[65];
	uint64_t bytes;
	uint64_t checkpoint_ns; /* on the clock of the run that opened it: that run's newest
				   checkpoint, or the end of the newest packet in the track files
				   when that is later. 0: neither */
	bool paused;
};

/* Reads the journals that an earlier run left, before storage_start, and calls `found` for each in
 * order of their names. A track file's whole chunks are used when it is finished; what is damaged
 * is skipped and counted. For one that is not closed, the caller decides the window and calls
 * storage_close_leftover, then storage_finish; for one that never started or is delivered,
 * storage_remove. Blocking. The count, or -errno. */
int storage_recover(struct storage *s, void (*found)(void *arg, const struct storage_leftover *l),
	void *arg, struct errmsg *e);
int storage_close_leftover(
	struct storage *s, const struct uuid *recording, const struct recording_window *window);

/* --- Beside recordings --- */

/* Puts a small JSON text at bucket and key of the destination. Blocking, one call at a time; any
 * thread but the control thread. 0: the destination has confirmed it; -errno with a message. */
int storage_deliver_text(const struct storage *s, const char *bucket, const char *key,
	const char *text, struct errmsg *e);

/* --- What is going on --- */

const counter *storage_counters(const struct storage *s, unsigned int writer);

struct storage_stats {
	uint32_t tracks_open;
	uint32_t jobs_waiting; /* rendering */
	uint32_t deliveries_waiting;
	uint64_t spool_free_bytes;
	bool direct; /* direct I/O works */
	bool fixed;  /* registered buffers work */
};
void storage_stats(const struct storage *s, struct storage_stats *out);

/* Live counts of an open track, per writer's knowledge. 0 or -ENOENT. */
int storage_track_stats(const struct storage *s, track_ref ref, struct storage_closed *out);

#endif
