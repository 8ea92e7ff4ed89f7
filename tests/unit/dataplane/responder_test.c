/* What a port answers for, how often, and what is counted: by net_null, which takes every frame. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include "common/clock.h"
#include "dataplane/packet.h"
#include "dataplane/responder.h"

#define DEVICE "net_null0,size=100"
#define SECOND_NS 1000000000ULL
#define NOW_NS (100 * SECOND_NS)
#define BURST 256

static struct port port;
static struct rte_mempool *pool;

static const struct own_address kernels = {
	.address = {.family = 4, .ip = {192, 0, 2, 40}}, .kernels = true};
static const struct own_address ours = {.address = {.family = 4, .ip = {192, 0, 2, 41}}};

static void chosen(const char *device, enum port_answers answers, unsigned int count)
{
	struct dataplane_config c = {.port_count = 1, .own_count = 2, .own = {kernels, ours}};
	struct neighbour_addresses a;

	strncpy(c.ports[0].device, device, sizeof(c.ports[0].device) - 1);
	c.ports[0].answers = (uint8_t)answers;
	responder_choose(&c, 0, &a);
	assert_int_equal(a.count, count);
	if (count > 0)
		assert_int_equal(a.list[count - 1].ip[3], 41);
}

static void the_kernels_addresses_are_left_to_it(void **state)
{
	chosen("net_af_packet0,iface=eth0", PORT_ANSWERS_AUTO, 1);
	chosen("net_af_packet0,iface=eth0", PORT_ANSWERS_ALWAYS, 1);
	chosen("net_af_packet0,iface=eth0", PORT_ANSWERS_NEVER, 0);
	chosen("0000:03:00.0", PORT_ANSWERS_AUTO, 1);
	chosen("0000:03:00.0", PORT_ANSWERS_ALWAYS, 2);
	chosen("0000:03:00.0", PORT_ANSWERS_NEVER, 0);
}

static struct rte_mbuf *arp_request(void)
{
	static const uint8_t request[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8,
		6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 192, 0, 2, 9, 0, 0, 0, 0, 0, 0, 192, 0,
		2, 41};
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, sizeof(request)), request, sizeof(request));
	return m;
}

/* Takes the same frame so often, with a byte of it changed. */
static void take(struct responder *r, unsigned int times, uint64_t now_ns, uint32_t at, uint8_t to)
{
	struct rte_mbuf *m = arp_request();

	rte_pktmbuf_mtod(m, uint8_t *)[at] = to;
	for (unsigned int i = 0; i < times; i++)
		responder_take(r, m, now_ns);
	rte_pktmbuf_free(m);
}

static void answers_are_counted_and_limited(void **state)
{
	struct neighbour_addresses a = {1, {ours.address}};
	struct responder r;
	struct errmsg e;

	assert_int_equal(responder_create(&r, &port, &a, &e), 0);
	take(&r, BURST + 10, NOW_NS, 0, 0xff);
	assert_int_equal(r.counts[ANSWER_arp], BURST);
	assert_int_equal(r.counts[ANSWER_limited], 10);
	take(&r, 10, NOW_NS + 3000000, 0, 0xff);
	assert_int_equal(r.counts[ANSWER_arp], BURST + 3);
	assert_int_equal(r.counts[ANSWER_limited], 17);
	take(&r, 2, NOW_NS + SECOND_NS, 0, 0x02); /* to another MAC address */
	assert_int_equal(r.counts[ANSWER_ignored], 2);
	take(&r, 3, NOW_NS + SECOND_NS, 19, 16); /* an address of 16 bytes */
	assert_int_equal(r.counts[ANSWER_malformed], 3);
	take(&r, 4, NOW_NS + SECOND_NS, 31, 41); /* says that it is us */
	assert_int_equal(r.counts[ANSWER_conflict], 4);
	assert_int_equal(r.counts[ANSWER_unsent], 0);
	responder_destroy(&r);
}

static void each_address_is_announced_three_times(void **state)
{
	struct neighbour_addresses a = {2, {ours.address, kernels.address}};
	struct responder r;
	struct errmsg e;

	assert_int_equal(responder_create(&r, &port, &a, &e), 0);
	responder_announce(&r, NOW_NS);
	responder_announce(&r, NOW_NS + SECOND_NS / 2);
	assert_int_equal(r.counts[ANSWER_announced], 2);
	for (unsigned int i = 1; i < 10; i++)
		responder_announce(&r, NOW_NS + i * SECOND_NS);
	assert_int_equal(r.counts[ANSWER_announced], 6);
	responder_destroy(&r);
}

static void a_port_that_cannot_send_is_refused(void **state)
{
	struct neighbour_addresses a = {1, {ours.address}};
	struct port mute = port;
	struct responder r;
	struct errmsg e;

	mute.transmits = false;
	assert_int_equal(responder_create(&r, &mute, &a, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "ports[0].answers"));
	a.count = 0;
	assert_int_equal(responder_create(&r, &mute, &a, &e), 0);
	responder_announce(&r, NOW_NS);
	responder_destroy(&r);
}

static int start(void **state)
{
	static struct dataplane_port_config config = {.device = DEVICE, .frame_bytes = 2000};
	static char words[][32] = {"responder_test", "--no-huge", "--no-shconf", "--no-pci",
		"--no-telemetry", "-m", "64", "--log-level=error", "--vdev=" DEVICE};
	char *argv[sizeof(words) / sizeof(words[0])];
	struct errmsg e;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		argv[i] = words[i];
	if (rte_eal_init(sizeof(words) / sizeof(words[0]), argv) < 0)
		return -1;
	clock_start();
	pool = packet_pool_create("frames", 63, 2000, SOCKET_ID_ANY);
	return pool ? port_open(&port, &config, 0, 1, 64, &e) : -1;
}

static int stop(void **state)
{
	port_close(&port);
	rte_mempool_free(pool);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernels_addresses_are_left_to_it),
		cmocka_unit_test(answers_are_counted_and_limited),
		cmocka_unit_test(each_address_is_announced_three_times),
		cmocka_unit_test(a_port_that_cannot_send_is_refused),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
