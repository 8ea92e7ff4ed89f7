/* Ports, by DPDK's net_null: a driver whose queues are never empty. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <rte_eal.h>

#include "common/clock.h"
#include "dataplane/dataplane.h"
#include "dataplane/packet.h"
#include "dataplane/port.h"

/* A port that is closed is gone from EAL: one for each test that opens one. */
#define DEVICE "net_null0,size=100"
#define REFUSED_DEVICE "net_null2"
#define OTHER_DEVICE "net_null1,size=100"

static struct dataplane_port_config config_of(const char *device)
{
	struct dataplane_port_config c = {.frame_bytes = 2000};

	strncpy(c.device, device, sizeof(c.device) - 1);
	return c;
}

static void refused(const char *device, unsigned int queues, int err, const char *word)
{
	struct dataplane_port_config c = config_of(device);
	struct port p;
	struct errmsg e;

	c.rx_queues = queues;
	assert_int_equal(port_open(&p, &c, 3, 1, 64, &e), err);
	assert_non_null(strstr(e.text, "ports[3]"));
	assert_non_null(strstr(e.text, word));
}

static void what_cannot_be_opened_is_named(void **state)
{
	refused("net_null7", 0, -ENODEV, "net_null7");
	refused("0000:7f:00.0", 0, -ENODEV, "vfio-pci");
	refused("net_af_packet7,iface=nowhere", 0, -ENODEV, "nowhere");
	refused("", 0, -EINVAL, "names no device");
	refused(REFUSED_DEVICE, 5000, -EINVAL, "rx_queues");
}

static void a_port_gives_frames_with_private_areas(void **state)
{
	struct dataplane_port_config c = config_of(DEVICE);
	struct rte_mbuf *mbufs[BURST_PACKETS];
	struct dataplane_port_stats stats;
	struct rx_queue queue;
	struct port p;
	struct errmsg e;
	uint16_t n;

	assert_int_equal(port_open(&p, &c, 0, 1, 256, &e), 0);
	assert_int_equal(p.queue_count, 1);
	queue = port_queue(&p, 0);
	assert_true(queue.capacity > 0);
	assert_false(queue.own_times);
	n = queue.burst(queue.source, mbufs, BURST_PACKETS);
	assert_true(n > 0);
	assert_int_equal(mbufs[0]->priv_size, PACKET_AREA_BYTES);
	assert_int_equal(mbufs[0]->pkt_len, 100);
	assert_true(rte_pktmbuf_data_room_size(p.pool) >= 2000 + RTE_PKTMBUF_HEADROOM);
	rte_pktmbuf_free_bulk(mbufs, n);
	port_stats(&p, &stats);
	assert_string_equal(stats.device, DEVICE);
	assert_int_equal(stats.received, n);
	port_close(&p);
}

static void eal_is_told_of_every_device_once(void **state)
{
	struct dataplane_config c = {.port_count = 2};
	char *args[4] = {NULL};
	struct errmsg e;

	c.ports[0] = config_of(DEVICE);
	c.ports[1] = config_of("0000:03:00.0");
	assert_int_equal(dataplane_eal_args(&c, args, 4, &e), 2);
	assert_string_equal(args[0], "--vdev=" DEVICE);
	assert_string_equal(args[1], "--allow=0000:03:00.0");
	free(args[0]);
	free(args[1]);
	assert_int_equal(dataplane_eal_args(&c, args, 1, &e), -ENOSPC);
	c.ports[1] = config_of("net_null0,size=200");
	assert_int_equal(dataplane_eal_args(&c, args, 4, &e), -EINVAL);
	assert_non_null(strstr(e.text, "twice"));
}

static void refused_dataplane(const struct dataplane_config *c, int err, const char *word)
{
	struct topology topology = {.rx_count = 1};
	struct chunk_pool pool = {0};
	struct dataplane *d;
	struct errmsg e;

	assert_int_equal(dataplane_create(&d, c, &topology, &pool, &e), err);
	assert_null(d);
	assert_non_null(strstr(e.text, word));
}

static void a_dataplane_that_cannot_be_is_refused(void **state)
{
	struct dataplane_config c = {.rx_count = 1, .streams_max = 10};

	refused_dataplane(&c, -EINVAL, "ports");
	c.capture_path = "x";
	c.rx_count = 2;
	refused_dataplane(&c, -EINVAL, "cores.rx");
	c.rx_count = TOPOLOGY_RX_MAX + 1;
	refused_dataplane(&c, -EINVAL, "cores.rx");
}

static uint64_t sum(const counter *counters, enum counter_kind kind)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < RX_COUNTER_COUNT; i++)
		if (rx_counter_info[i].kind == kind)
			total += counter_read(&counters[i]);
	return total;
}

/* A thread, a device without an end: stopped, every packet has its outcome. */
static void a_dataplane_runs_and_stops(void **state)
{
	struct dataplane_config c = {.port_count = 1,
		.rx_count = 1,
		.rx_cores = {TOPOLOGY_ANY_CORE},
		.streams_max = 10,
		.max_age_ns = 5000000000ULL};
	struct topology topology;
	struct chunk_pool pool;
	struct dataplane *d;
	struct errmsg e;
	const counter *counters;

	c.ports[0] = config_of(OTHER_DEVICE);
	assert_int_equal(chunk_pool_create(&pool, 2UL << 20, CHUNK_BYTES_MIN, 1, &e), 0);
	assert_int_equal(topology_create(&topology, 1, 1, pool.per_rx, &e), 0);
	assert_int_equal(dataplane_create(&d, &c, &topology, &pool, &e), 0);
	assert_int_equal(dataplane_wake_fd(d), -1);
	counters = dataplane_counters(d, 0);
	assert_int_equal(dataplane_start(d, &e), 0);
	while (counter_read(&counters[RX_polled]) < 10000)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	dataplane_stop(d);
	assert_int_equal(sum(counters, COUNTER_IN), sum(counters, COUNTER_OUT));
	assert_int_equal(counter_read(&counters[RX_not_ip]), counter_read(&counters[RX_polled]));
	dataplane_destroy(d);
	topology_destroy(&topology);
	chunk_pool_destroy(&pool);
}

static int start(void **state)
{
	static char words[][32] = {"port_test", "--no-huge", "--no-shconf", "--no-pci",
		"--no-telemetry", "-m", "128", "--log-level=error", "--vdev=" DEVICE,
		"--vdev=" OTHER_DEVICE, "--vdev=" REFUSED_DEVICE};
	char *argv[sizeof(words) / sizeof(words[0])];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		argv[i] = words[i];
	if (rte_eal_init(sizeof(words) / sizeof(words[0]), argv) < 0)
		return -1;
	clock_start();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_opened_is_named),
		cmocka_unit_test(eal_is_told_of_every_device_once),
		cmocka_unit_test(a_dataplane_that_cannot_be_is_refused),
		cmocka_unit_test(a_port_gives_frames_with_private_areas),
		cmocka_unit_test(a_dataplane_runs_and_stops),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
