/* The journal of a recording: what happened to it, one JSON object a line (docs/formats.md).
 *
 * The journal and the track files are all that rendering, delivery and the recovery after a crash
 * go by. Lines are only ever appended. The first is `open` and names the version; times are
 * nanoseconds of the recording clock, as strings, for JSON numbers have 53 bits.
 *
 *   open, stream, codecs, start, pause, resume, paused_packets, withheld_packets, close, rendered,
 * delivered
 *
 * Encoding and decoding are pure functions; any thread. Who appends: the helper thread until the
 * recording is closed, then the finisher that holds its job. */
#ifndef LEGTAP_STORAGE_JOURNAL_H
#define LEGTAP_STORAGE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/errmsg.h"
#include "common/netaddr.h"
#include "common/uuid.h"
#include "storage/storage.h"

#define JOURNAL_VERSION 1
#define JOURNAL_ENCAPSULATION_BYTES 64
#define JOURNAL_CODECS_MAX 128 /* in one map: there are 128 payload types */

/* An RTP flow that feeds a track. Chunks name it by its ordinal (chunk_header.stream). */
struct journal_stream {
	enum track track;
	uint32_t ordinal;
	uint32_t party; /* who speaks by it; see storage_note_stream */
	struct netaddr source;
	struct netaddr destination;
	char encapsulation[JOURNAL_ENCAPSULATION_BYTES]; /* "", "vlan 12", … */
};

/* What payload types mean on a track, from at_ns on, in place of what was noted before. */
struct journal_codecs {
	enum track track;
	uint64_t at_ns;
	unsigned int count;
	struct codec *codecs;
};

struct journal_pause {
	uint64_t start_ns;
	uint64_t end_ns; /* UINT64_MAX: not resumed before the end */
};

struct journal_rendered {
	uint64_t start_ns;
	uint64_t duration_ms;
	uint64_t bytes; /* of the WAV */
	char sha256[DIGEST_TEXT_BYTES];
	bool failed; /* no file can be made; `failure` tells why */
	bool undecodable;
	char failure[TEXT_BYTES];
};

struct journal {
	struct recording_info info;
	struct uuid run; /* the run of legtapd that opened it; its checkpoints bear the same */
	unsigned int stream_count;
	struct journal_stream *streams; /* in the order of the journal */
	unsigned int codecs_count;
	struct journal_codecs *codecs; /* in the order of the journal */
	unsigned int pause_count;
	struct journal_pause *pauses; /* in the order of the journal */
	uint64_t paused_packets[TRACK_COUNT];
	uint64_t withheld_packets[TRACK_COUNT];
	bool started; /* start_ns is known */
	uint64_t start_ns;
	bool paused; /* the last pause has no end yet */
	bool closed; /* window is known */
	struct recording_window window;
	bool is_rendered;
	struct journal_rendered rendered; /* the newest */
	bool delivered;
	size_t whole_bytes; /* up to the end of the last whole line: what follows was cut by a crash
			     */
};

/* --- Lines. Each returns a new string that ends with a newline, the caller's to free; NULL when
 * out of memory. */

char *journal_line_open(const struct recording_info *info, const struct uuid *run);
char *journal_line_stream(enum track track, uint32_t ordinal, uint32_t party,
	const struct netaddr *source, const struct netaddr *destination, const char *encapsulation);
char *journal_line_codecs(
	enum track track, uint64_t at_ns, const struct codec *codecs, unsigned int count);
char *journal_line_start(uint64_t at_ns);
char *journal_line_pause(uint64_t at_ns);
char *journal_line_resume(uint64_t at_ns);
char *journal_line_paused_packets(enum track track, uint64_t packets);
char *journal_line_withheld_packets(enum track track, uint64_t packets);
char *journal_line_close(const struct recording_window *window);
char *journal_line_rendered(const struct journal_rendered *rendered);
char *journal_line_delivered(void);

/* --- Reading --- */

/* Reads a whole journal. A last line without its newline is left out. 0; -EBADMSG when a line is
 * not what it should be, or the first is not `open`; -EPROTONOSUPPORT for another version or an
 * unknown event; -ENOMEM. Whatever comes back, *out holds what stands before the line that failed,
 * whole_bytes is where that line begins, and journal_free may be called. */
int journal_decode(const char *data, size_t bytes, struct journal *out, struct errmsg *e);
void journal_free(struct journal *j);

/* The same of `<folder>/<recording>.journal`. Blocking. Also -errno of open(2) and read(2);
 * -EFBIG over 64 MiB. */
int journal_read(
	const char *folder, const struct uuid *recording, struct journal *out, struct errmsg *e);

/* Appends lines to `<folder>/<recording>.journal`, which must be there; with `sync` they are on
 * the disk when it returns (fdatasync(2)). Blocking. 0 or -errno. */
int journal_append(const char *folder, const struct uuid *recording, const char *lines, bool sync);

/* The same to a journal that is open for writing. */
int journal_append_to(int fd, const char *lines, bool sync);

#endif
