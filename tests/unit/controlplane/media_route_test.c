/* Flows that feed several tracks, as recordings see them: each leg's recording is started, paused
 * and stopped by itself, and no packet is lost to one of them when another one changes. */
#include "recording_world.h"

#include "controlplane/media.h"

#define SPEAKER 1 /* whose flow it is */
#define LISTENER 2
#define THIRD 3

static struct world world;
static struct netaddr own;
static struct media_route routes[MEDIA_ROUTES_MAX];
static int route_count;

static int route(void *arg, const struct netaddr *address, struct media_route out[MEDIA_ROUTES_MAX])
{
	assert_true(netaddr_equal(address, &own));
	for (int i = 0; i < route_count; i++)
		out[i] = routes[i];
	return route_count;
}

static void add_route(struct leg *leg, enum track track)
{
	routes[route_count] = (struct media_route){
		.leg = leg, .track = track, .party = (uint32_t)route_count + 1};
	route_count++;
}

static struct leg *answered(struct world *w, const char *id, uint16_t host)
{
	struct leg *leg = world_offer(w, id, host);

	world_answer(w, leg);
	return leg;
}

static int setup(void **state)
{
	static const uint8_t ip[] = {10, 2, 0, SPEAKER};

	world_make(&world);
	*state = &world;
	route_count = 0;
	own = netaddr_from_ipv4(ip, 4000);
	assert_int_equal(media_own(world.control.media, &own, route, &world), 0);
	return 0;
}

static int teardown(void **state)
{
	media_disown(world.control.media, &own, &world);
	world_end(*state);
	return 0;
}

static void speak(struct world *w, unsigned int packets)
{
	for (unsigned int i = 0; i < packets; i++)
		world_packet(w, SPEAKER, 4000, TRACK_INCOMING, 0);
}

static uint64_t said(struct world *w, struct leg *leg)
{
	return world_newest(w, leg)->frames[TRACK_INCOMING];
}

static uint64_t heard(struct world *w, struct leg *leg)
{
	return world_newest(w, leg)->frames[TRACK_OUTGOING];
}

/* The first packet, of a flow that nobody knew, is for both. */
static void each_hears_it_from_the_first_packet_on(void **state)
{
	struct world *w = *state;
	struct leg *a = answered(w, "a", SPEAKER);
	struct leg *b = answered(w, "b", LISTENER);

	add_route(a, TRACK_INCOMING);
	add_route(b, TRACK_OUTGOING);
	world_succeeds(w, world_start, a);
	world_succeeds(w, world_start, b);
	speak(w, 1);
	world_settle_gates(w);
	assert_int_equal(said(w, a), 1);
	assert_int_equal(heard(w, b), 1);
	speak(w, 4);
	assert_int_equal(said(w, a), 5);
	assert_int_equal(heard(w, b), 5);
	assert_int_equal(heard(w, a), 0);
	assert_int_equal(said(w, b), 0);
}

/* Rule 3 is asserted by the world with each frame. */
static void a_pause_of_one_is_none_of_the_other(void **state)
{
	struct world *w = *state;
	struct leg *a = answered(w, "a", SPEAKER);
	struct leg *b = answered(w, "b", LISTENER);

	add_route(a, TRACK_INCOMING);
	add_route(b, TRACK_OUTGOING);
	world_succeeds(w, world_start, a);
	world_succeeds(w, world_start, b);
	speak(w, 1);
	world_settle_gates(w);
	world_succeeds(w, world_pause, a);
	speak(w, 3);
	assert_int_equal(said(w, a), 1);
	assert_int_equal(heard(w, b), 4);
	world_succeeds(w, world_pause, b);
	world_succeeds(w, world_resume, a);
	speak(w, 2);
	assert_int_equal(said(w, a), 3);
	assert_int_equal(heard(w, b), 4);
	world_succeeds(w, world_stop, a);
	world_succeeds(w, world_resume, b);
	speak(w, 1);
	assert_int_equal(said(w, a), 3);
	assert_int_equal(heard(w, b), 5);
}

static void who_joins_hears_from_then_on(void **state)
{
	struct world *w = *state;
	struct leg *a = answered(w, "a", SPEAKER);
	struct leg *b = answered(w, "b", LISTENER);
	struct leg *c = answered(w, "c", THIRD);

	add_route(a, TRACK_INCOMING);
	world_succeeds(w, world_start, a);
	world_succeeds(w, world_start, b);
	world_succeeds(w, world_start, c);
	speak(w, 1);
	world_settle_gates(w);
	speak(w, 1);
	add_route(b, TRACK_OUTGOING);
	add_route(c, TRACK_OUTGOING);
	media_reroute(w->control.media, &own);
	world_settle_gates(w);
	speak(w, 2);
	assert_int_equal(said(w, a), 4);
	assert_int_equal(heard(w, b), 2);
	assert_int_equal(heard(w, c), 2);
	routes[1] = routes[2]; /* b does not hear it any more */
	route_count = 2;
	media_reroute(w->control.media, &own);
	world_settle_gates(w);
	speak(w, 1);
	assert_int_equal(said(w, a), 5);
	assert_int_equal(heard(w, b), 2);
	assert_int_equal(heard(w, c), 3);
}

/* The speaker's leg ends and is forgotten; who hears him by then loses nothing. */
static void the_speaker_may_leave_first(void **state)
{
	struct world *w = *state;
	struct leg *a = answered(w, "a", SPEAKER);
	struct leg *b = answered(w, "b", LISTENER);

	add_route(a, TRACK_INCOMING);
	add_route(b, TRACK_OUTGOING);
	world_succeeds(w, world_start, a);
	world_succeeds(w, world_start, b);
	speak(w, 1);
	world_settle_gates(w);
	world_hang_up(w, a);
	routes[0] = routes[1];
	route_count = 1;
	world_settle(w);
	speak(w, 2);
	assert_int_equal(heard(w, b), 3);
	media_forget(w->control.media, a); /* a holds nothing any more */
	assert_null(a->streams);
	speak(w, 2);
	world_settle_gates(w);
	speak(w, 2);
	assert_int_equal(heard(w, b), 7);
	media_reroute(w->control.media, &own);
	world_settle_gates(w);
	speak(w, 1);
	assert_int_equal(heard(w, b), 8);
	media_forget(w->control.media, b);
	assert_null(b->streams);
}

/* A transfer: the stream is another one's now, and the same listener's. */
static void another_one_speaks(void **state)
{
	struct world *w = *state;
	struct leg *a = answered(w, "a", SPEAKER);
	struct leg *b = answered(w, "b", LISTENER);
	struct leg *c = answered(w, "c", THIRD);

	add_route(a, TRACK_INCOMING);
	add_route(b, TRACK_OUTGOING);
	world_succeeds(w, world_start, a);
	world_succeeds(w, world_start, b);
	world_succeeds(w, world_start, c);
	speak(w, 1);
	world_settle_gates(w);
	speak(w, 1);
	routes[0].leg = c;
	media_reroute(w->control.media, &own);
	speak(w, 1); /* the commands are on their way */
	world_settle_gates(w);
	speak(w, 2);
	assert_int_equal(said(w, a) + said(w, c), 5);
	assert_int_equal(said(w, c), 2);
	assert_int_equal(heard(w, b), 5);
}

static void while_routes_are_not_settled_nothing_changes(void **state)
{
	struct world *w = *state;
	struct leg *a = answered(w, "a", SPEAKER);

	add_route(a, TRACK_INCOMING);
	world_succeeds(w, world_start, a);
	speak(w, 1);
	world_settle_gates(w);
	route_count = MEDIA_ROUTES_WAIT;
	media_reroute(w->control.media, &own);
	world_settle_gates(w);
	speak(w, 1);
	assert_int_equal(said(w, a), 2);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(each_hears_it_from_the_first_packet_on),
		TEST(a_pause_of_one_is_none_of_the_other),
		TEST(who_joins_hears_from_then_on),
		TEST(the_speaker_may_leave_first),
		TEST(another_one_speaks),
		TEST(while_routes_are_not_settled_nothing_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
