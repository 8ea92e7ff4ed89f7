#include "recording_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/spool.h"

#define FRAME_BYTES_MAX 2048

static void set_info(struct recording_info *info, unsigned int tracks)
{
	assert_int_equal(uuid_random(&info->recording_id), 0);
	assert_int_equal(uuid_random(&info->transaction_id), 0);
	assert_int_equal(uuid_random(&info->call_id), 0);
	strcpy(info->sip_call_id, "one@example.org");
	strcpy(info->participant_tag, "LEG-A");
	strcpy(info->participant, "sip:alice@example.org");
	strcpy(info->account, "default");
	strcpy(info->bucket, "bucket");
	strcpy(info->key, "prefix/2026/01/02/name.wav");
	info->tracks = tracks;
	info->opened_ns = FIXTURE_START;
	info->wall_offset_ns = 1767322800000000000LL - (int64_t)FIXTURE_START;
}

void fixture_begin(struct fixture *f, unsigned int tracks)
{
	struct uuid run;
	char path[256];

	memset(f, 0, sizeof(*f));
	strcpy(f->folder, "/tmp/legtap-recording-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	set_info(&f->info, tracks);
	f->config = (struct storage_config){.bucket_folders = true, .pause_tone = {440, 200, -20}};
	fixture_path(f, ".journal", path);
	f->journal = fopen(path, "w");
	assert_non_null(f->journal);
	assert_int_equal(uuid_random(&run), 0);
	fixture_line(f, journal_line_open(&f->info, &run));
	for (enum track track = TRACK_INCOMING; track < TRACK_COUNT; track++) {
		if (!(tracks & TRACK_BIT(track)))
			continue;
		fixture_path(
			f, track == TRACK_INCOMING ? ".incoming.track" : ".outgoing.track", path);
		f->fd[track] = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		assert_true(f->fd[track] >= 0);
		fixture_stream(f, track, track, (uint16_t)(4000 + track));
	}
}

void fixture_line(struct fixture *f, char *line)
{
	assert_non_null(line);
	assert_true(fputs(line, f->journal) >= 0);
	free(line);
}

unsigned int fixture_stream(struct fixture *f, enum track track, uint32_t ordinal, uint16_t port)
{
	return fixture_party(f, track, ordinal, port, 0);
}

unsigned int fixture_party(
	struct fixture *f, enum track track, uint32_t ordinal, uint16_t port, uint32_t party)
{
	static const uint8_t source[] = {192, 0, 2, 1};
	static const uint8_t destination[] = {198, 51, 100, 7};
	struct netaddr from = netaddr_from_ipv4(source, port);
	struct netaddr to = netaddr_from_ipv4(destination, 30000);
	struct fixture_stream *s = &f->streams[f->stream_count];

	s->track = track;
	s->ordinal = ordinal;
	s->chunk = calloc(1, FIXTURE_CHUNK_BYTES);
	fixture_line(f, journal_line_stream(track, ordinal, party, &from, &to, ""));
	return f->stream_count++;
}

static void flush(struct fixture *f, struct fixture_stream *s)
{
	struct chunk_header *h = (struct chunk_header *)s->chunk;

	if (h->frames == 0)
		return;
	h->magic = CHUNK_MAGIC;
	h->version = CHUNK_VERSION;
	h->stored_bytes = (h->used_bytes + CHUNK_ALIGN - 1) & ~(CHUNK_ALIGN - 1);
	h->file_id = track_file_id(&f->info.recording_id, s->track);
	h->sequence = f->chunks[s->track]++;
	h->stream = s->ordinal;
	h->crc32c = track_chunk_crc32c(h);
	assert_int_equal(write(f->fd[s->track], s->chunk, h->stored_bytes), h->stored_bytes);
	memset(s->chunk, 0, FIXTURE_CHUNK_BYTES);
}

static void write_header(uint8_t *out, const struct fixture_rtp *rtp)
{
	out[0] = 0x80;
	out[1] = rtp->payload_type;
	out[2] = (uint8_t)(rtp->sequence >> 8);
	out[3] = (uint8_t)rtp->sequence;
	for (unsigned int i = 0; i < 4; i++) {
		out[4 + i] = (uint8_t)(rtp->timestamp >> (24 - 8 * i));
		out[8 + i] = (uint8_t)(rtp->ssrc >> (24 - 8 * i));
	}
}

void fixture_add(struct fixture *f, unsigned int stream, const struct fixture_rtp *rtp)
{
	struct fixture_stream *s = &f->streams[stream];
	struct chunk_header *h = (struct chunk_header *)s->chunk;
	struct chunk_frame *frame;

	if (h->frames > 0 && h->used_bytes + FRAME_BYTES_MAX > FIXTURE_CHUNK_BYTES)
		flush(f, s);
	if (h->frames == 0) {
		h->used_bytes = sizeof(*h);
		h->base_ns = rtp->arrival_ns;
	}
	frame = (struct chunk_frame *)(s->chunk + h->used_bytes);
	frame->arrival_us = (int32_t)((int64_t)(rtp->arrival_ns - h->base_ns) / 1000);
	frame->length = (uint16_t)(12 + rtp->payload_bytes);
	write_header((uint8_t *)(frame + 1), rtp);
	memcpy((uint8_t *)(frame + 1) + 12, rtp->payload, rtp->payload_bytes);
	h->used_bytes += chunk_frame_bytes(frame->length);
	h->frames++;
}

uint8_t fixture_byte(uint32_t ssrc, uint16_t sequence, unsigned int i)
{
	uint32_t x = ssrc * 2654435761U + sequence * 40503U + i * 2246822519U;

	x ^= x >> 15;
	x *= 2246822519U;
	return (uint8_t)(x >> 13);
}

void fixture_audio(struct fixture *f, unsigned int stream, uint64_t arrival_ns, uint32_t ssrc,
	uint16_t sequence, uint32_t timestamp, uint8_t payload_type)
{
	uint8_t payload[160];
	struct fixture_rtp rtp = {
		arrival_ns, ssrc, timestamp, sequence, payload_type, payload, sizeof(payload)};

	for (unsigned int i = 0; i < sizeof(payload); i++)
		payload[i] = fixture_byte(ssrc, sequence, i);
	fixture_add(f, stream, &rtp);
}

void fixture_end(struct fixture *f, const struct recording_window *window)
{
	for (unsigned int i = 0; i < f->stream_count; i++) {
		flush(f, &f->streams[i]);
		free(f->streams[i].chunk);
	}
	for (enum track track = TRACK_INCOMING; track < TRACK_COUNT; track++)
		if (f->info.tracks & TRACK_BIT(track))
			close(f->fd[track]);
	fixture_line(f, journal_line_close(window));
	fclose(f->journal);
}

void fixture_path(const struct fixture *f, const char *suffix, char path[256])
{
	char id[UUID_TEXT_BYTES];

	snprintf(path, 256, "%s/%s%s", f->folder, uuid_format(&f->info.recording_id, id), suffix);
}

char *fixture_read(const char *path, size_t *bytes)
{
	FILE *file = fopen(path, "r");
	char *data;

	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	*bytes = (size_t)ftell(file);
	rewind(file);
	data = malloc(*bytes + 1);
	assert_int_equal(fread(data, 1, *bytes, file), *bytes);
	data[*bytes] = '\0';
	fclose(file);
	return data;
}

void fixture_remove(struct fixture *f)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf -- '%s'", f->folder);
	assert_int_equal(system(command), 0);
}
