/* A line with a Content-Type, then any bytes as such a body: its parts, its offer and the answer.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/sip_body.h"
#include "controlplane/siprec_offer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_inside(struct sip_text part, const uint8_t *data, size_t bytes)
{
	const uint8_t *at = (const uint8_t *)part.data;

	if (at && (at < data || at + part.bytes > data + bytes))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct siprec_offer offer;
	struct netaddr addresses[SIPREC_LINES_MAX];
	const uint8_t *end = memchr(data, '\n', bytes);
	struct sip_text type;
	struct sip_text body;
	struct sip_text part;
	char out[4096];

	if (!end || bytes > SIP_BYTES_MAX)
		return 0;
	type = (struct sip_text){(const char *)data, (uint32_t)(end - data)};
	body = (struct sip_text){(const char *)end + 1, (uint32_t)(bytes - type.bytes - 1)};
	part = sip_body_part(type, body, "application", "rs-metadata+xml");
	check_inside(part, data, bytes);
	part = sip_body_part(type, body, "application", "sdp");
	check_inside(part, data, bytes);
	if (!part.data || siprec_offer_parse(&offer, part.data, part.bytes) != 0)
		return 0;
	for (unsigned int i = 0; i < SIPREC_LINES_MAX; i++)
		netaddr_parse_port("192.0.2.40:40000", &addresses[i]);
	if (siprec_answer_print(&offer, addresses, NULL, 1, 1, out, sizeof(out)) > (int)sizeof(out))
		abort();
	return 0;
}
