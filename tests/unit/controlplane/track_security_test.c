#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/track_security.h"

static struct leg leg;
static struct srtp_key keys[ENDS][SRTP_KEYS_MAX];

static int setup(void **state)
{
	memset(&leg, 0, sizeof(leg));
	memset(keys, 0, sizeof(keys));
	return 0;
}

/* What an end announced: RTP/AVP, or RTP/SAVP. */
static void announce(enum leg_end end, bool plain, bool encrypted)
{
	leg.media[end].known = true;
	leg.media[end].plain = plain;
	leg.media[end].encrypted = encrypted;
}

static struct srtp_key *give_key(enum leg_end end, uint32_t tag, enum crypto_suite suite)
{
	struct end_media *media = &leg.media[end];
	struct srtp_key *key = &keys[end][media->key_count++];

	media->keys = keys[end];
	media->keys_current = media->key_count;
	key->tag = tag;
	key->suite = suite;
	return key;
}

static struct track_security found(enum track track)
{
	struct track_security s;

	track_security_find(&s, &leg, track);
	return s;
}

static void expect(
	enum track track, enum srtp_mode mode, enum undecryptable why, unsigned int count)
{
	struct track_security s = found(track);

	assert_int_equal(s.mode, mode);
	assert_int_equal(s.why, why);
	assert_int_equal(s.keys.count, count);
}

static void what_is_in_clear(void **state)
{
	expect(TRACK_INCOMING, SRTP_MODE_PLAIN, DECRYPTABLE, 0);
	announce(END_PARTICIPANT, true, false);
	expect(TRACK_INCOMING, SRTP_MODE_PLAIN, DECRYPTABLE, 0);
	announce(END_SBC, true, false);
	expect(TRACK_OUTGOING, SRTP_MODE_PLAIN, DECRYPTABLE, 0);
}

/* Each end's key is of what it sends. */
static void the_sender_has_the_key(void **state)
{
	announce(END_PARTICIPANT, false, true);
	announce(END_SBC, false, true);
	give_key(END_PARTICIPANT, 1, CRYPTO_AES_CM_128_HMAC_SHA1_80);
	give_key(END_SBC, 2, CRYPTO_AES_CM_128_HMAC_SHA1_80);
	expect(TRACK_INCOMING, SRTP_MODE_SEALED, DECRYPTABLE, 1);
	assert_int_equal(found(TRACK_INCOMING).keys.list[0].tag, 1);
	assert_int_equal(found(TRACK_OUTGOING).keys.list[0].tag, 2);
}

static void before_the_answer(void **state)
{
	announce(END_PARTICIPANT, false, true);
	give_key(END_PARTICIPANT, 1, CRYPTO_AES_CM_128_HMAC_SHA1_80);
	expect(TRACK_INCOMING, SRTP_MODE_SEALED, DECRYPTABLE, 1);
	expect(TRACK_OUTGOING, SRTP_MODE_AWAIT, DECRYPTABLE, 0); /* its key is in the answer */
	leg.media[END_PARTICIPANT].plain = true; /* SRTP, or RTP if that is all you have */
	expect(TRACK_INCOMING, SRTP_MODE_EITHER, DECRYPTABLE, 1);
}

static void an_answer_in_clear_decides(void **state)
{
	announce(END_PARTICIPANT, true, true);
	announce(END_SBC, true, false);
	give_key(END_PARTICIPANT, 1, CRYPTO_AES_CM_128_HMAC_SHA1_80);
	assert_int_equal(found(TRACK_INCOMING).mode, SRTP_MODE_PLAIN);
	assert_int_equal(found(TRACK_OUTGOING).mode, SRTP_MODE_PLAIN);
}

static void why_nobody_can_read_it(void **state)
{
	announce(END_PARTICIPANT, false, true);
	announce(END_SBC, false, true);
	expect(TRACK_INCOMING, SRTP_MODE_SEALED, UNDECRYPTABLE_NO_KEY, 0);
	leg.media[END_PARTICIPANT].unusable_key = true;
	expect(TRACK_INCOMING, SRTP_MODE_SEALED, UNDECRYPTABLE_UNUSABLE_KEY, 0);
	expect(TRACK_OUTGOING, SRTP_MODE_SEALED, UNDECRYPTABLE_NO_KEY, 0);
	leg.media[END_SBC].dtls = true;
	expect(TRACK_INCOMING, SRTP_MODE_SEALED, UNDECRYPTABLE_DTLS, 0);
	expect(TRACK_OUTGOING, SRTP_MODE_SEALED, UNDECRYPTABLE_DTLS, 0);
}

/* A key of before is kept for packets under way, and does not make a track readable. */
static void old_keys_alone_do_not_open_it(void **state)
{
	announce(END_PARTICIPANT, false, true);
	announce(END_SBC, false, true);
	give_key(END_PARTICIPANT, 1, CRYPTO_AES_CM_128_HMAC_SHA1_80);
	leg.media[END_PARTICIPANT].keys_current = 0;
	expect(TRACK_INCOMING, SRTP_MODE_SEALED, UNDECRYPTABLE_NO_KEY, 1);
}

static void without_authentication_both_must_have_named_it(void **state)
{
	struct srtp_key *mine;

	announce(END_PARTICIPANT, false, true);
	announce(END_SBC, false, true);
	mine = give_key(END_PARTICIPANT, 1, CRYPTO_AES_CM_128_HMAC_SHA1_80);
	mine->unauthenticated = true;
	expect(TRACK_INCOMING, SRTP_MODE_SEALED, UNDECRYPTABLE_NO_KEY, 0);
	give_key(END_SBC, 1, CRYPTO_AES_CM_128_HMAC_SHA1_80); /* authenticated */
	expect(TRACK_INCOMING, SRTP_MODE_SEALED, UNDECRYPTABLE_NO_KEY, 0);
	keys[END_SBC][0].unauthenticated = true;
	expect(TRACK_INCOMING, SRTP_MODE_SEALED, DECRYPTABLE, 1);
	mine->tag = 2;
	expect(TRACK_INCOMING, SRTP_MODE_SEALED, UNDECRYPTABLE_NO_KEY, 0);
}

static void aes_192_is_derived_both_ways(void **state)
{
	struct track_security s;

	announce(END_PARTICIPANT, false, true);
	announce(END_SBC, false, true);
	give_key(END_PARTICIPANT, 1, CRYPTO_AES_192_CM_HMAC_SHA1_80);
	s = found(TRACK_INCOMING);
	assert_int_equal(s.keys.count, 2);
	assert_false(s.keys.list[0].derived_as_256);
	assert_true(s.keys.list[1].derived_as_256);
	assert_int_equal(s.keys.current, 1);
}

/* Of a recording session a participant's own end alone says it. */
static void participants_of_recording_sessions(void **state)
{
	leg.siprec = (struct siprec_session *)&leg;
	announce(END_SBC, true, false);
	leg.media[END_PARTICIPANT].encrypted = true;
	give_key(END_PARTICIPANT, 1, CRYPTO_AES_CM_128_HMAC_SHA1_80);
	expect(TRACK_INCOMING, SRTP_MODE_SEALED, DECRYPTABLE, 1);
	assert_int_equal(found(TRACK_OUTGOING).mode, SRTP_MODE_PLAIN);
}

static void each_reason_has_its_name(void **state)
{
	assert_null(undecryptable_name(DECRYPTABLE));
	assert_string_equal(undecryptable_name(UNDECRYPTABLE_DTLS), "dtls");
	assert_string_equal(undecryptable_name(UNDECRYPTABLE_NO_KEY), "no_key");
	assert_string_equal(undecryptable_name(UNDECRYPTABLE_UNUSABLE_KEY), "unusable_key");
	assert_string_equal(undecryptable_name(UNDECRYPTABLE_NO_MEMORY), "no_memory");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(what_is_in_clear),
		TEST(the_sender_has_the_key),
		TEST(before_the_answer),
		TEST(an_answer_in_clear_decides),
		TEST(why_nobody_can_read_it),
		TEST(old_keys_alone_do_not_open_it),
		TEST(without_authentication_both_must_have_named_it),
		TEST(aes_192_is_derived_both_ways),
		TEST(participants_of_recording_sessions),
		TEST(each_reason_has_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
