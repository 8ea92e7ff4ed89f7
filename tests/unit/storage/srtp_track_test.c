/* Chunks of SRTP, made by libsrtp2, as the writer of their track opens them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <srtp2/srtp.h>

#include "storage/srtp_track.h"
#include "storage/track_file.h"

#define FRAMES 20
#define PLAIN_BYTES 171U
#define SECOND_NS 1000000000ULL
#define BASE_NS (1000 * SECOND_NS)

struct sender {
	srtp_t srtp; /* NULL: sends in clear */
	struct srtp_keys keys;
	uint16_t sequence;
	uint8_t ssrc;
};

static void sender_init(struct sender *s, unsigned int number)
{
	srtp_policy_t policy = {.ssrc.type = ssrc_any_outbound, .window_size = 128};
	struct srtp_key *key;

	memset(s, 0, sizeof(*s));
	key = &s->keys.list[0];
	s->keys.count = 1;
	s->keys.current = 1;
	key->suite = CRYPTO_AES_CM_128_HMAC_SHA1_80;
	for (unsigned int i = 0; i < 30; i++)
		key->secret[i] = (uint8_t)(number * 31 + i);
	s->ssrc = (uint8_t)number;
	srtp_crypto_policy_set_rtp_default(&policy.rtp);
	srtp_crypto_policy_set_rtp_default(&policy.rtcp);
	policy.key = key->secret;
	assert_int_equal(srtp_create(&s->srtp, &policy), srtp_err_status_ok);
}

static void sender_end(struct sender *s)
{
	srtp_dealloc(s->srtp);
	s->srtp = NULL;
}

/* An empty chunk whose frames arrive from base_ns on. */
static struct chunk begin(uint64_t base_ns)
{
	static uint8_t buffers[8][CHUNK_BYTES_MIN * 2] __attribute__((aligned(4096)));
	static unsigned int next;
	struct chunk c = {.data = buffers[next++ % 8], .used = sizeof(struct chunk_header)};

	memset(c.data, 0, sizeof(buffers[0]));
	*chunk_header_of(&c) = (struct chunk_header){
		.magic = CHUNK_MAGIC, .version = CHUNK_VERSION, .base_ns = base_ns};
	return c;
}

/* The next packet of a sender, 20 ms after the one before. */
static void add(struct chunk *c, struct sender *s)
{
	struct chunk_frame *frame = (struct chunk_frame *)(c->data + c->used);
	uint8_t *packet = (uint8_t *)(frame + 1);
	int bytes = PLAIN_BYTES;

	memset(packet, (uint8_t)s->sequence, PLAIN_BYTES);
	packet[0] = 0x80;
	packet[1] = 0;
	packet[2] = (uint8_t)(s->sequence >> 8);
	packet[3] = (uint8_t)s->sequence;
	memset(packet + 8, s->ssrc, 4);
	s->sequence++;
	if (s->srtp)
		assert_int_equal(srtp_protect(s->srtp, packet, &bytes), srtp_err_status_ok);
	frame->arrival_us = (int32_t)(c->frames * 20000);
	frame->length = (uint16_t)bytes;
	c->used += chunk_frame_bytes((uint32_t)bytes);
	c->frames++;
}

static void add_many(struct chunk *c, struct sender *s, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		add(c, s);
}

/* Whether a chunk can be read as one of a track file, and its n-th frame is sealed. */
static void assert_frames(struct chunk *c, const char *sealed, uint16_t first)
{
	struct chunk_header *h = chunk_header_of(c);
	struct track_frames frames;
	struct track_frame frame;
	uint16_t n = 0;

	h->used_bytes = c->used;
	h->stored_bytes = (c->used + CHUNK_ALIGN - 1) & ~(CHUNK_ALIGN - 1);
	h->frames = c->frames;
	h->file_id = 7;
	h->crc32c = track_chunk_crc32c(h);
	assert_int_equal(track_chunk_check(c->data, h->stored_bytes, 7), 0);
	track_frames_begin(&frames, h);
	for (; track_frames_next(&frames, &frame); n++) {
		assert_int_equal(frame.sealed, sealed[n] == 's');
		assert_int_equal(frame.arrival_ns, h->base_ns + n * 20000000ULL);
		if (frame.sealed)
			continue;
		assert_int_equal(frame.length, PLAIN_BYTES);
		for (unsigned int i = 12; i < PLAIN_BYTES; i++)
			assert_int_equal(frame.packet[i], (uint8_t)(first + n));
	}
	assert_int_equal(n, strlen(sealed));
}

static void set(struct srtp_track *t, enum srtp_mode mode, const struct srtp_keys *keys,
	uint64_t at_ns, uint64_t sealed_from_ns)
{
	struct srtp_setting setting = {
		.mode = mode, .at_ns = at_ns, .sealed_from_ns = sealed_from_ns, .keys = *keys};

	srtp_track_set(t, &setting);
}

static void frames_shrink_and_stay_a_chunk(void **state)
{
	struct chunk c = begin(BASE_NS);
	struct srtp_opened opened;
	struct srtp_track *t;
	struct sender s;
	uint32_t before;

	sender_init(&s, 1);
	assert_int_equal(srtp_track_create(&t), 0);
	set(t, SRTP_MODE_SEALED, &s.keys, 0, 0);
	add_many(&c, &s, FRAMES);
	before = c.used;
	opened = srtp_track_open_chunk(t, &c);
	assert_int_equal(opened.opened, FRAMES);
	assert_int_equal(opened.sealed, 0);
	assert_int_equal(c.used, before - FRAMES * 12); /* 189 and 179, up to a multiple of 4 */
	assert_frames(&c, "oooooooooooooooooooo", 0);
	srtp_track_destroy(t);
	sender_end(&s);
}

static void what_a_mode_makes_of_others_packets(void **state)
{
	static const struct {
		enum srtp_mode mode;
		const char *sealed;
	} rows[] = {
		{SRTP_MODE_SEALED, "ossso"},
		{SRTP_MODE_EITHER, "ooooo"},
		{SRTP_MODE_AWAIT, "sssss"},
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct chunk c = begin(BASE_NS);
		struct sender plain = {.ssrc = 1, .sequence = 1};
		struct srtp_track *t;
		struct sender s;

		sender_init(&s, 1);
		assert_int_equal(srtp_track_create(&t), 0);
		set(t, rows[i].mode, &s.keys, 0, 0);
		add(&c, &s);
		add_many(&c, &plain, 3);
		s.sequence = 4;
		add(&c, &s);
		srtp_track_open_chunk(t, &c);
		assert_frames(&c, rows[i].sealed, 0);
		srtp_track_destroy(t);
		sender_end(&s);
	}
}

static void a_call_that_changes_to_srtp(void **state)
{
	struct chunk c = begin(BASE_NS);
	struct sender plain = {.ssrc = 1};
	struct srtp_track *t;
	struct sender s;

	sender_init(&s, 1);
	assert_int_equal(srtp_track_create(&t), 0);
	set(t, SRTP_MODE_SEALED, &s.keys, BASE_NS, BASE_NS + 100000000);
	add_many(&c, &plain, 3);
	s.sequence = 3;
	add_many(&c, &s, 3);
	plain.sequence = 6;
	add_many(&c, &plain, 2);
	srtp_track_open_chunk(t, &c);
	assert_frames(&c, "ooooooss", 0);
	srtp_track_destroy(t);
	sender_end(&s);
}

static void packets_around_a_change_of_keys(void **state)
{
	struct chunk c = begin(BASE_NS);
	struct sender old, new, other;
	struct srtp_track *t;
	struct srtp_keys keys;

	sender_init(&old, 1);
	sender_init(&new, 2);
	sender_init(&other, 3);
	new.ssrc = 1;
	other.ssrc = 1;
	assert_int_equal(srtp_track_create(&t), 0);
	set(t, SRTP_MODE_SEALED, &old.keys, 0, 0);
	add_many(&c, &old, 2);
	srtp_track_open_chunk(t, &c);
	assert_frames(&c, "oo", 0);
	keys = old.keys;
	assert_true(srtp_keys_take(&keys, &new.keys));
	set(t, SRTP_MODE_SEALED, &keys, BASE_NS, 0);
	c = begin(BASE_NS + SECOND_NS);
	new.sequence = 2;
	add(&c, &new);
	old.sequence = 3;
	add(&c, &old);
	new.sequence = 4;
	add(&c, &new);
	other.sequence = 5;
	add(&c, &other);
	srtp_track_open_chunk(t, &c);
	assert_frames(&c, "ooos", 2);
	/* Without the old one. */
	set(t, SRTP_MODE_SEALED, &new.keys, BASE_NS, 0);
	c = begin(BASE_NS + 2 * SECOND_NS);
	old.sequence = 6;
	add(&c, &old);
	new.sequence = 7;
	add(&c, &new);
	srtp_track_open_chunk(t, &c);
	assert_frames(&c, "so", 6);
	srtp_track_destroy(t);
	sender_end(&old);
	sender_end(&new);
	sender_end(&other);
}

/* Ten pauses of 60,000 packets and more. */
static void pauses_that_hide_wraps(void **state)
{
	struct srtp_track *t;
	struct sender s;

	sender_init(&s, 1);
	assert_int_equal(srtp_track_create(&t), 0);
	set(t, SRTP_MODE_SEALED, &s.keys, 0, 0);
	for (unsigned int i = 0; i < 10; i++) {
		struct chunk c = begin(BASE_NS + i * 10 * SECOND_NS);
		struct chunk hidden = begin(0);
		uint16_t first = s.sequence;

		add_many(&c, &s, 5);
		srtp_track_open_chunk(t, &c);
		assert_frames(&c, "ooooo", first);
		for (unsigned int n = 0; n < 60000 + i * 1000; n++) {
			hidden.used = sizeof(struct chunk_header);
			add(&hidden, &s);
		}
	}
	srtp_track_destroy(t);
	sender_end(&s);
}

/* Nothing tells how far a sender without authentication is after five minutes of silence. */
static void without_authentication_a_silent_sender_is_lost(void **state)
{
	struct srtp_keys keys = {.count = 1, .current = 1};
	struct sender plain = {.ssrc = 1};
	struct srtp_track *t;
	struct chunk c;

	keys.list[0] = (struct srtp_key){.suite = CRYPTO_AES_CM_128_HMAC_SHA1_80,
		.unencrypted = true,
		.unauthenticated = true};
	assert_int_equal(srtp_track_create(&t), 0);
	set(t, SRTP_MODE_SEALED, &keys, 0, 0);
	c = begin(BASE_NS);
	add(&c, &plain);
	srtp_track_open_chunk(t, &c);
	assert_frames(&c, "o", 0);
	c = begin(BASE_NS + 299 * SECOND_NS);
	add(&c, &plain);
	srtp_track_open_chunk(t, &c);
	assert_frames(&c, "o", 1);
	c = begin(BASE_NS + 600 * SECOND_NS);
	add_many(&c, &plain, 2);
	srtp_track_open_chunk(t, &c);
	assert_frames(&c, "ss", 2);
	srtp_track_destroy(t);
}

static int start(void **state)
{
	return srtp_init() == srtp_err_status_ok ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_shrink_and_stay_a_chunk),
		cmocka_unit_test(what_a_mode_makes_of_others_packets),
		cmocka_unit_test(a_call_that_changes_to_srtp),
		cmocka_unit_test(packets_around_a_change_of_keys),
		cmocka_unit_test(pauses_that_hide_wraps),
		cmocka_unit_test(without_authentication_a_silent_sender_is_lost),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
