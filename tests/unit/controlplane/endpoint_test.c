/* Which leg a flow is of, when several announced its addresses, and in which encapsulation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controlplane/endpoint.h"

#define VLAN_100 0x1000064U
#define VLAN_200 0x10000c8U
#define LEGS 3

struct calls {
	struct endpoints *endpoints;
	struct session sessions[LEGS];
	struct leg legs[LEGS];
};

static struct netaddr at(uint8_t host, uint16_t port)
{
	const uint8_t ip[] = {10, 0, 0, host};

	return netaddr_from_ipv4(ip, port);
}

static int make(void **state)
{
	struct calls *c = calloc(1, sizeof(*c));

	if (!c || endpoints_create(&c->endpoints) != 0)
		return -1;
	for (unsigned int i = 0; i < LEGS; i++) {
		c->legs[i].session = &c->sessions[i];
		c->legs[i].state = LEG_ANSWERED;
	}
	*state = c;
	return 0;
}

static int end(void **state)
{
	struct calls *c = *state;

	for (unsigned int i = 0; i < LEGS; i++)
		endpoints_forget(c->endpoints, &c->legs[i]);
	endpoints_destroy(c->endpoints);
	free(c);
	return 0;
}

/* A leg whose SBC's end is at 10.0.0.1:4000 and whose participant's at 10.0.0.`host`:5000. */
static void announce(struct calls *c, unsigned int leg, uint32_t encapsulation, uint8_t host)
{
	struct netaddr sbc = at(1, 4000);
	struct netaddr participant = at(host, 5000);

	c->legs[leg].encapsulation = encapsulation;
	assert_int_equal(endpoint_add(c->endpoints, &sbc, &c->legs[leg], END_SBC), 0);
	assert_int_equal(
		endpoint_add(c->endpoints, &participant, &c->legs[leg], END_PARTICIPANT), 0);
}

/* The number of the leg that has a flow from 10.0.0.`host`:5000 to the SBC; -1: none. */
static int match(struct calls *c, uint8_t host, uint32_t encapsulation, bool separate)
{
	const struct flow flow = {.source = at(host, 5000),
		.destination = at(1, 4000),
		.encapsulation = encapsulation};
	struct leg *leg;
	enum track track;

	if (!endpoint_match(c->endpoints, &flow, separate, &leg, &track))
		return -1;
	assert_int_equal(track, TRACK_INCOMING);
	return (int)(leg - c->legs);
}

/* The SBC announced 10.9.9.9:4000, but its SIP came from 10.0.0.1. */
static void guess(struct calls *c, unsigned int leg)
{
	const struct leg_media media = {
		.address_count = 1, .addresses = {at(9, 4000)}, .sender = at(1, 5060)};
	struct netaddr address;

	assert_true(leg_media_guess(&media.sender, &media.addresses[0], &address));
	assert_int_equal(
		endpoint_add(c->endpoints, &media.addresses[0], &c->legs[leg], END_SBC), 0);
	assert_int_equal(endpoint_guess(c->endpoints, &address, &c->legs[leg], END_SBC), 0);
}

static void a_guess_is_better_than_nothing(void **state)
{
	struct calls *c = *state;

	guess(c, 0);
	assert_int_equal(match(c, 7, 0, false), 0);
	assert_int_equal(match(c, 7, 0, true), 0);
	assert_int_equal(match(c, 7, VLAN_100, false), 0);
	assert_int_equal(match(c, 7, VLAN_100, true), -1);
	announce(c, 1, 0, 2); /* another call did announce it */
	assert_int_equal(match(c, 7, 0, false), 1);
}

static void a_guess_of_two_calls_or_of_a_dead_one_is_none(void **state)
{
	struct calls *c = *state;

	guess(c, 0);
	guess(c, 1);
	assert_int_equal(match(c, 7, 0, false), -1);
	c->legs[1].state = LEG_ENDED;
	assert_int_equal(match(c, 7, 0, false), 0);
	c->legs[0].state = LEG_ENDED;
	assert_int_equal(match(c, 7, 0, false), -1);
}

static void without_rewriting_there_is_no_guess(void **state)
{
	const struct leg_media same = {
		.address_count = 1, .addresses = {at(1, 4000)}, .sender = at(1, 5060)};
	const struct leg_media unknown = {.address_count = 1, .addresses = {at(1, 4000)}};
	struct netaddr address;

	assert_false(leg_media_guess(&same.sender, &same.addresses[0], &address));
	assert_false(leg_media_guess(&unknown.sender, &unknown.addresses[0], &address));
}

static void the_own_encapsulation_comes_first(void **state)
{
	struct calls *c = *state;

	announce(c, 0, VLAN_100, 2);
	announce(c, 1, VLAN_200, 2);
	assert_int_equal(match(c, 2, VLAN_100, false), 0);
	assert_int_equal(match(c, 2, VLAN_200, false), 1);
	/* Even when another fits at both ends. */
	announce(c, 2, VLAN_200, 3);
	assert_int_equal(match(c, 3, VLAN_100, false), 0);
}

static void another_one_only_if_one_call_claims_it(void **state)
{
	struct calls *c = *state;

	announce(c, 0, VLAN_100, 2);
	assert_int_equal(match(c, 2, 0, false), 0);
	assert_int_equal(match(c, 2, VLAN_200, false), 0);
	announce(c, 1, 0, 2);
	assert_int_equal(match(c, 2, VLAN_200, false), -1);
	assert_int_equal(match(c, 2, 0, false), 1);
	c->legs[1].state = LEG_ENDED;
	assert_int_equal(match(c, 2, VLAN_200, false), 0);
	c->legs[1].state = LEG_ANSWERED;
	c->legs[1].session = c->legs[0].session; /* two legs of one call */
	assert_int_not_equal(match(c, 2, VLAN_200, false), -1);
}

static void both_ends_outweigh_one(void **state)
{
	struct calls *c = *state;

	announce(c, 0, VLAN_100, 2);
	announce(c, 1, VLAN_100, 3);
	assert_int_equal(match(c, 2, VLAN_200, false), 0);
	assert_int_equal(match(c, 3, VLAN_200, false), 1);
	assert_int_equal(match(c, 4, VLAN_200, false), -1);
	assert_int_equal(match(c, 4, VLAN_100, false), 1); /* the newest */
}

static void separate_ports_are_strict(void **state)
{
	struct calls *c = *state;

	announce(c, 0, VLAN_100, 2);
	assert_int_equal(match(c, 2, VLAN_100, true), 0);
	assert_int_equal(match(c, 2, VLAN_200, true), -1);
	assert_int_equal(match(c, 2, 0, true), -1);
}

static void an_ended_leg_gives_way(void **state)
{
	struct calls *c = *state;

	announce(c, 0, VLAN_100, 2);
	c->legs[0].state = LEG_ENDED;
	assert_int_equal(match(c, 9, VLAN_100, false), 0);
	assert_int_equal(match(c, 9, VLAN_200, false), 0);
	announce(c, 1, VLAN_200, 3);
	assert_int_equal(match(c, 9, VLAN_100, false), 1);
	assert_int_equal(match(c, 2, VLAN_100, false), 0); /* its own flow, still */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_guess_is_better_than_nothing, make, end),
		cmocka_unit_test_setup_teardown(
			a_guess_of_two_calls_or_of_a_dead_one_is_none, make, end),
		cmocka_unit_test_setup_teardown(without_rewriting_there_is_no_guess, make, end),
		cmocka_unit_test_setup_teardown(the_own_encapsulation_comes_first, make, end),
		cmocka_unit_test_setup_teardown(another_one_only_if_one_call_claims_it, make, end),
		cmocka_unit_test_setup_teardown(both_ends_outweigh_one, make, end),
		cmocka_unit_test_setup_teardown(separate_ports_are_strict, make, end),
		cmocka_unit_test_setup_teardown(an_ended_leg_gives_way, make, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
