/* The decoding half of the journal, and its file. Lenient in what follows what (a second pause, a
 * resume without one), for the order of events is the control thread's business; strict in what a
 * line is. */
#include "storage/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "storage/spool.h"

#define JOURNAL_BYTES_MAX (64L << 20)

/* --- Fields of an object: true when there, of the right type, and in bounds. --- */

static bool get_text(const cJSON *o, const char *key, char *buf, size_t size)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));

	if (!text || strlen(text) >= size)
		return false;
	memcpy(buf, text, strlen(text) + 1);
	return true;
}

static bool get_number(const cJSON *o, const char *key, uint32_t most, uint32_t *out)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
	double value = cJSON_IsNumber(item) ? item->valuedouble : -1;

	if (!(value >= 0 && value <= most) || value != (double)(uint32_t)value)
		return false;
	*out = (uint32_t)value;
	return true;
}

static bool get_bool(const cJSON *o, const char *key, bool *out)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);

	*out = cJSON_IsTrue(item);
	return cJSON_IsBool(item);
}

static bool is_digits(const char *text)
{
	size_t length = strspn(text, "0123456789");

	return length > 0 && text[length] == '\0';
}

static bool get_u64(const cJSON *o, const char *key, uint64_t *out)
{
	char text[24];

	if (!get_text(o, key, text, sizeof(text)) || !is_digits(text))
		return false;
	errno = 0;
	*out = strtoull(text, NULL, 10);
	return errno == 0;
}

static bool get_i64(const cJSON *o, const char *key, int64_t *out)
{
	char text[24];

	if (!get_text(o, key, text, sizeof(text)) || !is_digits(text + (text[0] == '-')))
		return false;
	errno = 0;
	*out = strtoll(text, NULL, 10);
	return errno == 0;
}

static bool get_uuid(const cJSON *o, const char *key, struct uuid *out)
{
	char text[UUID_TEXT_BYTES];

	return get_text(o, key, text, sizeof(text)) && uuid_parse(text, out) == 0;
}

static bool get_address(const cJSON *o, const char *key, struct netaddr *out)
{
	const cJSON *inner = cJSON_GetObjectItemCaseSensitive(o, key);
	char text[NETADDR_TEXT_BYTES];
	uint32_t port;

	memset(out, 0, sizeof(*out));
	if (!get_text(inner, "ip", text, sizeof(text)) ||
		!get_number(inner, "port", UINT16_MAX, &port))
		return false;
	if (text[0] != '\0' && netaddr_parse(text, out) != 0)
		return false;
	out->port = (uint16_t)port;
	return true;
}

static bool get_track(const cJSON *o, enum track *out)
{
	char text[16];
	unsigned int mask;

	if (!get_text(o, "track", text, sizeof(text)))
		return false;
	mask = tracks_parse(text);
	*out = mask == TRACK_BIT(TRACK_OUTGOING) ? TRACK_OUTGOING : TRACK_INCOMING;
	return mask == TRACK_BIT(*out);
}

/* --- Events. Each: 0, -EBADMSG, -EPROTONOSUPPORT or -ENOMEM. --- */

static int check(bool good)
{
	return good ? 0 : -EBADMSG;
}

/* Room for one more in an array that grows by doubling; zeroed. NULL when out of memory. */
static void *append(void *array_pointer, unsigned int *count, size_t size)
{
	char *array;
	char *longer;

	memcpy(&array, array_pointer, sizeof(array));
	if ((*count & (*count - 1)) == 0) {
		longer = reallocarray(array, *count ? *count * 2UL : 1, size);
		if (!longer)
			return NULL;
		array = longer;
		memcpy(array_pointer, &array, sizeof(array));
	}
	return memset(array + size * (*count)++, 0, size);
}

static bool read_info(struct recording_info *info, const cJSON *o)
{
	char tracks[16];
	bool good = get_uuid(o, "recording_id", &info->recording_id) &&
		    get_uuid(o, "transaction_id", &info->transaction_id) &&
		    get_uuid(o, "call_id", &info->call_id) &&
		    get_text(o, "sip_call_id", info->sip_call_id, sizeof(info->sip_call_id)) &&
		    get_text(o, "participant_tag", info->participant_tag,
			    sizeof(info->participant_tag)) &&
		    get_text(o, "participant", info->participant, sizeof(info->participant)) &&
		    get_text(o, "account", info->account, sizeof(info->account)) &&
		    get_text(o, "bucket", info->bucket, sizeof(info->bucket)) &&
		    get_text(o, "key", info->key, sizeof(info->key)) &&
		    get_u64(o, "opened_ns", &info->opened_ns) &&
		    get_i64(o, "wall_offset_ns", &info->wall_offset_ns) &&
		    get_text(o, "track", tracks, sizeof(tracks));

	info->tracks = good ? tracks_parse(tracks) : 0;
	return info->tracks != 0;
}

static int read_open(struct journal *j, const cJSON *o)
{
	uint32_t version;

	if (!get_number(o, "version", UINT32_MAX, &version))
		return -EBADMSG;
	if (version != JOURNAL_VERSION)
		return -EPROTONOSUPPORT;
	return check(get_uuid(o, "run", &j->run) && read_info(&j->info, o));
}

static int read_stream(struct journal *j, const cJSON *o)
{
	struct journal_stream *slot;
	struct journal_stream s = {0};

	if (!get_track(o, &s.track) || !get_number(o, "stream", UINT32_MAX, &s.ordinal) ||
		(cJSON_HasObjectItem(o, "party") &&
			!get_number(o, "party", UINT32_MAX, &s.party)) ||
		!get_address(o, "source", &s.source) ||
		!get_address(o, "destination", &s.destination) ||
		!get_text(o, "encapsulation", s.encapsulation, sizeof(s.encapsulation)))
		return -EBADMSG;
	slot = append(&j->streams, &j->stream_count, sizeof(s));
	if (!slot)
		return -ENOMEM;
	*slot = s;
	return 0;
}

static bool read_codec(struct codec *codec, const cJSON *o)
{
	uint32_t payload_type;
	uint32_t channels;

	if (!get_number(o, "payload_type", 127, &payload_type) ||
		!get_number(o, "channels", UINT8_MAX, &channels) ||
		!get_number(o, "clock_hz", UINT32_MAX, &codec->clock_hz) ||
		!get_text(o, "name", codec->name, sizeof(codec->name)) ||
		!get_text(o, "fmtp", codec->fmtp, sizeof(codec->fmtp)))
		return false;
	codec->payload_type = (uint8_t)payload_type;
	codec->channels = (uint8_t)channels;
	return true;
}

static bool read_codec_map(struct journal_codecs *map, const cJSON *o, const cJSON *array)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, array)
	{
		if (!read_codec(&map->codecs[map->count++], item))
			return false;
	}
	return get_track(o, &map->track) && get_u64(o, "at_ns", &map->at_ns);
}

static int read_codecs(struct journal *j, const cJSON *o)
{
	const cJSON *array = cJSON_GetObjectItemCaseSensitive(o, "codecs");
	int size = cJSON_GetArraySize(array);
	struct journal_codecs map = {0};
	struct journal_codecs *slot;
	int err = -EBADMSG;

	if (!cJSON_IsArray(array) || size > JOURNAL_CODECS_MAX)
		return err;
	map.codecs = calloc((size_t)size + 1, sizeof(*map.codecs));
	if (!map.codecs)
		return -ENOMEM;
	if (!read_codec_map(&map, o, array))
		goto free_map;
	err = -ENOMEM;
	slot = append(&j->codecs, &j->codecs_count, sizeof(map));
	if (!slot)
		goto free_map;
	*slot = map;
	return 0;

free_map:
	free(map.codecs);
	return err;
}

static int read_start(struct journal *j, const cJSON *o)
{
	j->started |= get_u64(o, "at_ns", &j->start_ns);
	return check(j->started);
}

static int read_pause(struct journal *j, const cJSON *o)
{
	struct journal_pause *p;
	uint64_t at_ns;

	if (!get_u64(o, "at_ns", &at_ns))
		return -EBADMSG;
	if (j->paused)
		return 0;
	p = append(&j->pauses, &j->pause_count, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->start_ns = at_ns;
	p->end_ns = UINT64_MAX;
	j->paused = true;
	return 0;
}

static int read_resume(struct journal *j, const cJSON *o)
{
	uint64_t at_ns;

	if (!get_u64(o, "at_ns", &at_ns))
		return -EBADMSG;
	if (j->paused)
		j->pauses[j->pause_count - 1].end_ns = at_ns;
	j->paused = false;
	return 0;
}

static int read_packets(const cJSON *o, uint64_t packets[TRACK_COUNT])
{
	enum track track;

	return check(get_track(o, &track) && get_u64(o, "packets", &packets[track]));
}

static int read_paused_packets(struct journal *j, const cJSON *o)
{
	return read_packets(o, j->paused_packets);
}

static int read_withheld_packets(struct journal *j, const cJSON *o)
{
	return read_packets(o, j->withheld_packets);
}

static int read_close(struct journal *j, const cJSON *o)
{
	struct recording_window w = {0};

	if (!get_u64(o, "start_ns", &w.start_ns) || !get_u64(o, "stop_ns", &w.stop_ns) ||
		!get_bool(o, "start_at_media", &w.start_at_media) ||
		!get_bool(o, "stop_at_media", &w.stop_at_media) ||
		!get_text(o, "reason", w.reason, sizeof(w.reason)) ||
		!get_text(o, "cut_short", w.cut_short, sizeof(w.cut_short)))
		return -EBADMSG;
	j->window = w;
	j->closed = true;
	return 0;
}

static int read_rendered(struct journal *j, const cJSON *o)
{
	struct journal_rendered r = {0};

	if (!get_u64(o, "start_ns", &r.start_ns) || !get_u64(o, "duration_ms", &r.duration_ms) ||
		!get_u64(o, "bytes", &r.bytes) ||
		!get_text(o, "sha256", r.sha256, sizeof(r.sha256)) ||
		!get_bool(o, "failed", &r.failed) || !get_bool(o, "undecodable", &r.undecodable) ||
		!get_text(o, "failure", r.failure, sizeof(r.failure)))
		return -EBADMSG;
	j->rendered = r;
	j->is_rendered = true;
	return 0;
}

static int read_delivered(struct journal *j, const cJSON *o)
{
	j->delivered = true;
	return 0;
}

static const struct {
	const char *name;
	int (*read)(struct journal *j, const cJSON *o);
} events[] = {
	{"open", read_open},
	{"stream", read_stream},
	{"codecs", read_codecs},
	{"start", read_start},
	{"pause", read_pause},
	{"resume", read_resume},
	{"paused_packets", read_paused_packets},
	{"withheld_packets", read_withheld_packets},
	{"close", read_close},
	{"rendered", read_rendered},
	{"delivered", read_delivered},
};

static int read_event(struct journal *j, const cJSON *o, bool first)
{
	const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "event"));

	if (!name || first != (strcmp(name, "open") == 0))
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (strcmp(name, events[i].name) == 0)
			return events[i].read(j, o);
	return -EPROTONOSUPPORT; /* a later version of legtap wrote it */
}

static int read_line(struct journal *j, const char *line, size_t bytes, bool first)
{
	const char *end = NULL;
	cJSON *o = cJSON_ParseWithLengthOpts(line, bytes, &end, false);
	int err = o && end == line + bytes ? read_event(j, o, first) : -EBADMSG;

	cJSON_Delete(o);
	return err;
}

int journal_decode(const char *data, size_t bytes, struct journal *out, struct errmsg *e)
{
	unsigned int number = 0;

	memset(out, 0, sizeof(*out));
	while (out->whole_bytes < bytes) {
		const char *line = data + out->whole_bytes;
		const char *newline = memchr(line, '\n', bytes - out->whole_bytes);
		int err;

		if (!newline)
			break;
		err = read_line(out, line, (size_t)(newline - line), number++ == 0);
		if (err != 0)
			return errmsg_set(e, err, "line %u of the journal: %s", number,
				err == -ENOMEM	  ? "no memory"
				: err == -EBADMSG ? "not what it should be"
						  : "of a later version of legtap");
		out->whole_bytes += (size_t)(newline - line) + 1;
	}
	return number > 0 ? 0 : errmsg_set(e, -EBADMSG, "the journal has no whole line");
}

void journal_free(struct journal *j)
{
	for (unsigned int i = 0; i < j->codecs_count; i++)
		free(j->codecs[i].codecs);
	free(j->codecs);
	free(j->streams);
	free(j->pauses);
	memset(j, 0, sizeof(*j));
}

/* --- The file --- */

/* All of a file in new memory. 0 or -errno. */
static int read_all(int fd, char **data, size_t *bytes)
{
	struct stat info;
	ssize_t got = 1;

	if (fstat(fd, &info) != 0)
		return -errno;
	if (info.st_size > JOURNAL_BYTES_MAX)
		return -EFBIG;
	*bytes = 0;
	*data = malloc((size_t)info.st_size + 1);
	if (!*data)
		return -ENOMEM;
	while (got != 0 && *bytes < (size_t)info.st_size) {
		got = read(fd, *data + *bytes, (size_t)info.st_size - *bytes);
		if (got < 0 && errno != EINTR)
			return -errno;
		*bytes += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

int journal_read(
	const char *folder, const struct uuid *recording, struct journal *out, struct errmsg *e)
{
	char path[PATH_MAX];
	char *data = NULL;
	size_t bytes = 0;
	int err = spool_file_path(folder, recording, SPOOL_JOURNAL, path);
	int fd;

	memset(out, 0, sizeof(*out));
	if (err != 0)
		return errmsg_set(e, err, "the path of a journal is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errmsg_set(e, -errno, "cannot open %s: %s", path, strerror(errno));
	err = read_all(fd, &data, &bytes);
	close(fd);
	if (err == 0)
		err = journal_decode(data, bytes, out, e);
	else
		errmsg_set(e, err, "cannot read %s: %s", path, strerror(-err));
	free(data);
	return err;
}

static int write_all(int fd, const char *data, size_t bytes)
{
	while (bytes > 0) {
		ssize_t done = write(fd, data, bytes);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		data += done;
		bytes -= (size_t)done;
	}
	return 0;
}

int journal_append_to(int fd, const char *lines, bool sync)
{
	off_t before = lseek(fd, 0, SEEK_END);
	int err = write_all(fd, lines, strlen(lines));

	/* Half a line would spoil the next. */
	if (err != 0 && ftruncate(fd, before) != 0)
		err = -EIO;
	if (err == 0 && sync && fdatasync(fd) != 0)
		err = -errno;
	return err;
}

int journal_append(const char *folder, const struct uuid *recording, const char *lines, bool sync)
{
	char path[PATH_MAX];
	int err = spool_file_path(folder, recording, SPOOL_JOURNAL, path);
	int fd;

	if (err != 0)
		return err;
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = journal_append_to(fd, lines, sync);
	close(fd);
	return err;
}
