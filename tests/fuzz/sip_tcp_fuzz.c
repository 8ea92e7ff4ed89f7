/* Any bytes as TCP segments of a few streams: for each, two bytes say how long it is, one of which
 * stream and how much later. The TCP header is the fuzzer's, too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/config.h"
#include "controlplane/sip_tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void give_all(struct sip_tcp *t, const uint8_t *data, size_t bytes)
{
	struct sip_packet p = {.arrival_ns = 1};

	while (bytes > 3) {
		size_t length = (size_t)(data[0] << 8 | data[1]) % 2048;
		uint8_t which = data[2];

		data += 3;
		bytes -= 3;
		length = length < bytes ? length : bytes;
		p.source = netaddr_from_ipv4((const uint8_t *)"\x0a\0\0\1", 40000 + (which & 3));
		p.destination = netaddr_from_ipv4((const uint8_t *)"\x0a\0\0\2", 5060);
		p.arrival_ns += (which >> 2) * 40000000ULL;
		p.data = (const char *)data;
		p.bytes = (uint32_t)length;
		sip_tcp_receive(t, &p);
		sip_tcp_age(t, p.arrival_ns, 0);
		data += length;
		bytes -= length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct config config;
	struct timers timers = {0};
	struct leg_hooks hooks = {0};
	struct legs *legs;
	struct dialogs *dialogs;
	struct sip_tcp *t;

	config.limits.legs = 16;
	if (legs_create(&legs, &config, &timers, &hooks) != 0)
		abort();
	if (dialogs_create(&dialogs, &config, legs, &timers) != 0 ||
		sip_tcp_create(&t, &config, dialogs) != 0)
		abort();
	give_all(t, data, bytes);
	sip_tcp_destroy(t);
	dialogs_destroy(dialogs);
	legs_destroy(legs);
	timers_destroy(&timers);
	return 0;
}
