/* What ties legs to one transaction: halves of Session-ID (RFC 7989), a header of one's own, a
 * shared Call-ID, the admin API. Over the whole of leg.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/config.h"
#include "controlplane/leg.h"
#include "controlplane/leg_lookup.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccc"
#define NIL "00000000000000000000000000000000"

static struct config config;
static struct timers timers;
static struct legs *legs;

static int create(void **state)
{
	static const struct leg_hooks no_hooks;

	snprintf(config.site, sizeof(config.site), "test");
	snprintf(config.transaction_header, sizeof(config.transaction_header), "%s",
		*state ? (const char *)*state : "Session-ID");
	config.limits.legs = 1000;
	config.limits.media_timeout_s = 300;
	timers = (struct timers){0};
	return legs_create(&legs, &config, &timers, &no_hooks);
}

static int destroy(void **state)
{
	legs_destroy(legs);
	timers_destroy(&timers);
	return 0;
}

/* header: of its INVITE; NULL: none. */
static struct leg *offer(const char *sip_call_id, enum leg_side side, const char *header)
{
	const struct leg_offer o = {
		.sip_call_id = sip_call_id,
		.from_tag = "tag",
		.from_uri = "sip:a@192.0.2.1",
		.to_uri = "sip:b@192.0.2.2",
		.transaction_header = header,
		.side = side,
		.by_sbc = true,
		.at_ns = 1,
	};
	struct leg *leg;

	assert_int_equal(leg_offer(legs, &o, &leg), 0);
	return leg;
}

static void assert_tied(const struct leg *first, const struct leg *further)
{
	assert_ptr_equal(first->session, further->session);
	assert_string_equal(first->participant_tag, "LEG-A");
	assert_string_equal(further->participant_tag, "LEG-B");
}

static void assert_apart(const struct leg *a, const struct leg *b)
{
	assert_ptr_not_equal(a->session, b->session);
	assert_false(uuid_equal(&a->session->transaction_id, &b->session->transaction_id));
	assert_string_equal(a->participant_tag, "LEG-A");
	assert_string_equal(b->participant_tag, "LEG-A");
}

static void either_half_ties(void **state)
{
	static const char *const ties[] = {A ";remote=" NIL, A ";remote=" C, NIL ";remote=" A,
		C ";remote=" A, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA;remote=" NIL, A,
		A ";generic=x;remote=" C};

	for (size_t i = 0; i < sizeof(ties) / sizeof(ties[0]); i++) {
		struct leg *first;

		if (i > 0)
			create(state);
		first = offer("c1", SIDE_CALLER, A ";remote=" NIL);
		assert_tied(first, offer("c2", SIDE_CALLEE, ties[i]));
		if (i + 1 < sizeof(ties) / sizeof(ties[0]))
			destroy(state);
	}
}

static void the_nil_half_never_ties(void **state)
{
	struct leg *nothing = offer("c1", SIDE_CALLER, NIL ";remote=" NIL);
	struct leg *same = offer("c2", SIDE_CALLER, NIL ";remote=" NIL);
	struct leg *a = offer("c3", SIDE_CALLER, A ";remote=" NIL);
	struct leg *b = offer("c4", SIDE_CALLER, B ";remote=" NIL);

	assert_apart(nothing, same);
	assert_apart(nothing, a);
	assert_apart(a, b);
}

static void what_is_no_uuid_never_ties(void **state)
{
	static const char *const values[] = {
		"", "aaaa;remote=bbbb", A "a", "zz" A, "remote=", A "f;remote=" B "0"};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char first[16];
		char second[16];

		snprintf(first, sizeof(first), "a%zu", i);
		snprintf(second, sizeof(second), "b%zu", i);
		assert_apart(offer(first, SIDE_CALLER, values[i]),
			offer(second, SIDE_CALLER, values[i]));
	}
}

/* The answer brings the callee's half; a transfer's leg bears that one only. The callee's leg has
 * ended by then, the first goes on. */
static void a_third_leg_joins_by_a_half_learnt_later(void **state)
{
	struct leg *first = offer("c1", SIDE_CALLER, A ";remote=" NIL);
	struct leg *second = offer("c2", SIDE_CALLEE, A ";remote=" NIL);
	struct leg *third;

	leg_learn(legs, second, B ";remote=" A);
	leg_answer(legs, first, 2);
	leg_answer(legs, second, 2);
	leg_end(legs, second, "hangup", 0, 3);
	third = offer("c3", SIDE_CALLEE, C ";remote=" B);
	assert_tied(first, third);
	assert_int_equal(first->state, LEG_ANSWERED);
	assert_int_equal(first->session->leg_count, 3);
	assert_tied(first, offer("c4", SIDE_CALLEE, C ";remote=" NIL));
}

/* Two that turn out to be one become one, but not once the later one has been answered. */
static void later_news_unites_what_is_young(void **state)
{
	struct leg *first = offer("c1", SIDE_CALLER, A ";remote=" NIL);
	struct leg *second = offer("c2", SIDE_CALLEE, B ";remote=" NIL);
	struct leg *third = offer("c3", SIDE_CALLEE, C ";remote=" NIL);

	assert_apart(first, second);
	leg_learn(legs, first, A ";remote=" B);
	assert_tied(first, second);
	leg_answer(legs, first, 2);
	leg_answer(legs, third, 2);
	leg_learn(legs, first, A ";remote=" C);
	assert_apart(first, third);
}

static void a_shared_call_id_ties(void **state)
{
	struct leg *first = offer("c1", SIDE_CALLER, NULL);

	assert_tied(first, offer("c1", SIDE_CALLEE, NULL));
	assert_apart(first, offer("c2", SIDE_CALLEE, NULL));
}

/* The whole value, as it stands; its halves mean nothing. */
static void a_configured_header_ties(void **state)
{
	struct leg *first = offer("c1", SIDE_CALLER, "call-77;remote=" A);

	assert_tied(first, offer("c2", SIDE_CALLEE, "call-77;remote=" A));
	assert_apart(first, offer("c3", SIDE_CALLEE, "CALL-77;remote=" A));
	assert_apart(first, offer("c4", SIDE_CALLEE, "call-78;remote=" A));
	assert_apart(first, offer("c5", SIDE_CALLEE, A));
}

static void the_admin_api_ties(void **state)
{
	struct leg *first = offer("c1", SIDE_CALLER, NULL);
	struct leg *second = offer("c2", SIDE_CALLEE, B ";remote=" NIL);
	const struct uuid nobody = {{1}};

	leg_answer(legs, second, 2);
	assert_apart(first, second);
	assert_int_equal(leg_join(legs, second, &nobody), -ENOENT);
	assert_int_equal(leg_join(legs, second, &first->session->transaction_id), 0);
	assert_tied(first, second);
	assert_int_equal(leg_join(legs, second, &first->session->transaction_id), 0);
	assert_int_equal(first->session->leg_count, 2);
	assert_tied(first, offer("c3", SIDE_CALLEE, B ";remote=" C)); /* its half came with it */
}

static void a_recorded_leg_stays(void **state)
{
	struct leg *first = offer("c1", SIDE_CALLER, NULL);
	struct leg *second = offer("c2", SIDE_CALLEE, NULL);

	second->recordings = 1;
	assert_int_equal(leg_join(legs, second, &first->session->transaction_id), -EBUSY);
	assert_apart(first, second);
	assert_int_equal(leg_join(legs, second, &second->session->transaction_id), 0);
}

static void a_transaction_takes_no_legs_without_end(void **state)
{
	struct leg *first = offer("c1", SIDE_CALLER, NULL);
	struct leg *last = NULL;
	char name[16];
	int err = 0;

	for (unsigned int i = 2; i <= 257; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		last = offer(name, SIDE_CALLEE, NULL);
		err = leg_join(legs, last, &first->session->transaction_id);
		assert_int_equal(err, i <= 256 ? 0 : -ENOSPC);
	}
	assert_apart(first, last);
}

static void assert_lists(const char *text, const struct leg *leg)
{
	char id[UUID_TEXT_BYTES];

	assert_non_null(strstr(text, uuid_format(&leg->call_id, id)));
}

/* LEG-B means one leg as long as one of them lives, before and after a transfer. */
static void a_tag_of_two_live_legs_means_neither(void **state)
{
	struct leg *first = offer("c1", SIDE_CALLER, A ";remote=" NIL);
	struct leg *second = offer("c2", SIDE_CALLEE, A ";remote=" NIL);
	struct leg *third = offer("c3", SIDE_CALLEE, A ";remote=" NIL);
	struct leg *found = NULL;
	struct errmsg e;
	char id[UUID_TEXT_BYTES];

	uuid_format(&first->session->transaction_id, id);
	assert_int_equal(leg_lookup(legs, id, "LEG-A", &found, &e), 0);
	assert_ptr_equal(found, first);
	assert_int_equal(leg_lookup(legs, id, "LEG-B", &found, &e), -ENOTUNIQ);
	assert_lists(e.text, second);
	assert_lists(e.text, third);
	leg_end(legs, second, "hangup", 0, 3);
	assert_int_equal(leg_lookup(legs, id, "LEG-B", &found, &e), 0);
	assert_ptr_equal(found, third);
	assert_int_equal(leg_lookup(legs, NULL, "LEG-B", &found, &e), -ENOENT);
}

/* A proxy's. */
static void a_call_id_of_two_live_legs_means_neither(void **state)
{
	struct leg *first = offer("c1", SIDE_CALLER, NULL);
	struct leg *second = offer("c1", SIDE_CALLEE, NULL);
	struct leg *found = NULL;
	struct errmsg e;

	assert_int_equal(leg_lookup(legs, NULL, "c1", &found, &e), -ENOTUNIQ);
	assert_lists(e.text, first);
	assert_lists(e.text, second);
	leg_end(legs, second, "hangup", 0, 3);
	assert_int_equal(leg_lookup(legs, NULL, "c1", &found, &e), 0);
	assert_ptr_equal(found, first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)

int main(void)
{
	static char own_header[] = "X-Call";
	const struct CMUnitTest tests[] = {
		TEST(either_half_ties),
		TEST(the_nil_half_never_ties),
		TEST(what_is_no_uuid_never_ties),
		TEST(a_third_leg_joins_by_a_half_learnt_later),
		TEST(later_news_unites_what_is_young),
		TEST(a_shared_call_id_ties),
		TEST(the_admin_api_ties),
		TEST(a_recorded_leg_stays),
		TEST(a_tag_of_two_live_legs_means_neither),
		TEST(a_call_id_of_two_live_legs_means_neither),
		TEST(a_transaction_takes_no_legs_without_end),
		cmocka_unit_test_prestate_setup_teardown(
			a_configured_header_ties, create, destroy, own_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
