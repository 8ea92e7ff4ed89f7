/* Two segments of one sender, the second of which came 120 ms late: what its reports may change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storage/report_anchor.h"

#define MS 1000000ULL
#define SECOND (1000 * MS)
#define BEGIN (100 * SECOND) /* on our clock; */
#define NTP (5000 * SECOND)  /* on the sender's */
#define TICKS_PER_MS 8
#define LATE_MS 120
#define CHANGE_MS 10000 /* when the sender begins anew */
#define END_MS 14000

/* What was heard, and what the reports say. */
struct scene {
	struct packet_index index;
	struct rtp_streams streams;
	struct timeline timeline;
	struct packet packets[END_MS / 20];
	struct packet_flow flows[2];
	struct rtp_stream list[2];
	struct sender_report reports[8];
};

/* SSRCs 1 and 2, each with its own timestamps. */
static void hear(struct scene *s)
{
	struct packet_index *index = &s->index;

	memset(s, 0, sizeof(*s));
	index->packets = s->packets;
	index->flows = s->flows;
	index->flow_count = 2;
	index->reports = s->reports;
	index->codecs.known[0].codec.clock_hz = 8000;
	index->codecs.known[0].kind = PACKET_AUDIO;
	s->flows[0].source = netaddr_from_ipv4((const uint8_t[]){192, 0, 2, 1}, 4000);
	s->flows[1].source = netaddr_from_ipv4((const uint8_t[]){192, 0, 2, 9}, 4000);
	s->streams.list = s->list;
	s->streams.count = 2;
	for (unsigned int i = 0; i < 2; i++) {
		s->list[i].ssrc = i + 1;
		s->list[i].packet_ns = 20 * MS;
	}
	for (uint64_t at = 0; at < END_MS; at += 20) {
		struct packet *p = &s->packets[index->count++];
		bool second = at >= CHANGE_MS;

		p->arrival_ns = BEGIN + (at + (second ? LATE_MS : 0)) * MS;
		p->timestamp = (uint32_t)(at * TICKS_PER_MS + (second ? 70000000 : 0));
		p->sequence = 65536 + (uint32_t)(at / 20);
		p->stream = second;
		p->samples = 160;
	}
	assert_int_equal(timeline_place(&s->timeline, index, &s->streams), 0);
	assert_int_equal(s->timeline.count, 2);
}

/* Of a stream at its own time, sent by the sender's clock; lie_ms: how wrong it is. */
static struct sender_report *report(
	struct scene *s, unsigned int stream, uint64_t at_ms, int lie_ms)
{
	struct sender_report *r = &s->reports[s->index.report_count++];

	*r = (struct sender_report){.arrival_ns = BEGIN + (at_ms + (stream ? LATE_MS : 0)) * MS,
		.ntp_ns = NTP + (at_ms * MS + (uint64_t)((int64_t)lie_ms * (int64_t)MS)),
		.ssrc = stream + 1,
		.timestamp = (uint32_t)(at_ms * TICKS_PER_MS + (stream ? 70000000 : 0)),
		.cname = 77};
	return r;
}

static void three_true_ones(struct scene *s)
{
	hear(s);
	report(s, 0, 3000, 0);
	report(s, 0, 8000, 0);
	report(s, 1, 11000, 0);
}

/* By how much the second segment was put earlier; the first never is. */
static int64_t moved_ms(struct scene *s)
{
	uint64_t first_ns = s->timeline.segments[0].anchor_ns;
	uint64_t second_ns = s->timeline.segments[1].anchor_ns;
	int64_t moved_ns;

	assert_int_equal(report_anchor_correct(&s->timeline, &s->index, &s->streams), 0);
	assert_int_equal(s->timeline.segments[0].anchor_ns, first_ns);
	assert_int_equal(s->list[0].moved_ns, 0);
	moved_ns = (int64_t)(second_ns - s->timeline.segments[1].anchor_ns);
	assert_int_equal(s->list[1].moved_ns, moved_ns);
	timeline_free(&s->timeline);
	assert_int_equal(moved_ns % (int64_t)MS, 0);
	return moved_ns / (int64_t)MS;
}

static void a_segment_that_came_late_is_put_where_it_was_sent(void **state)
{
	struct scene s;

	three_true_ones(&s);
	assert_int_equal(moved_ms(&s), LATE_MS);
	assert_int_equal(s.list[0].reports, 2);
	assert_int_equal(s.list[1].reports, 1);
}

static void without_reports_all_stands(void **state)
{
	struct scene s;

	hear(&s);
	assert_int_equal(moved_ms(&s), 0);
	hear(&s);
	report(&s, 0, 8000, 0); /* one before is not enough */
	report(&s, 1, 11000, 0);
	assert_int_equal(moved_ms(&s), 0);
	hear(&s);
	report(&s, 0, 3000, 0);
	report(&s, 0, 8000, 0); /* none after */
	assert_int_equal(moved_ms(&s), 0);
}

static void reports_that_contradict_each_other(void **state)
{
	struct scene s;

	three_true_ones(&s);
	s.reports[0].ntp_ns += 3 * MS; /* both before agree within 2 ms */
	assert_int_equal(moved_ms(&s), 0);
	three_true_ones(&s);
	s.reports[0].ntp_ns += MS;
	assert_int_equal(moved_ms(&s), LATE_MS);
	three_true_ones(&s);
	s.reports[1].timestamp += 9000; /* over a second from its arrival: about nothing */
	assert_int_equal(moved_ms(&s), 0);
	assert_int_equal(s.list[0].reports, 1);
}

static void what_no_network_does(void **state)
{
	static const struct {
		int lie_ms; /* of the one after */
		int64_t moved_ms;
	} lies[] = {{116, 0}, {115, 5}, {-380, 500}, {-381, 0}, {200, 0}};
	struct scene s;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		hear(&s);
		report(&s, 0, 3000, 0);
		report(&s, 0, 8000, 0);
		report(&s, 1, 11000, lies[i].lie_ms);
		assert_int_equal(moved_ms(&s), lies[i].moved_ms);
	}
}

static void the_sender_must_be_the_same(void **state)
{
	struct scene s;

	three_true_ones(&s);
	s.reports[2].cname = 78; /* another's name */
	assert_int_equal(moved_ms(&s), 0);
	three_true_ones(&s);
	for (unsigned int i = 0; i < 3; i++)
		s.reports[i].cname = 0; /* nobody's */
	assert_int_equal(moved_ms(&s), 0);
	three_true_ones(&s);
	s.list[1].flow = 1; /* another host */
	s.reports[2].flow = 1;
	assert_int_equal(moved_ms(&s), 0);
	three_true_ones(&s);
	s.reports[2].flow = 1; /* about a flow that is not its stream's */
	assert_int_equal(moved_ms(&s), 0);
	assert_int_equal(s.list[1].reports, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_segment_that_came_late_is_put_where_it_was_sent),
		cmocka_unit_test(without_reports_all_stands),
		cmocka_unit_test(reports_that_contradict_each_other),
		cmocka_unit_test(what_no_network_does),
		cmocka_unit_test(the_sender_must_be_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
