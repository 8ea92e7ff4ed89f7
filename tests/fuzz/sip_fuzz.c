/* Any bytes, as a datagram that was taken for SIP. */
#include <stdlib.h>
#include <string.h>

#include "controlplane/sip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct sip_message m;
	char value[16];

	if (sip_parse(&m, (const char *)data, bytes) != 0)
		return 0;
	if (strlen(m.call_id) + strlen(m.from_tag) + strlen(m.to_tag) + strlen(m.branch) >
		SIP_STRINGS_BYTES)
		abort();
	if (m.sdp.data && (m.sdp.data < (const char *)data ||
				  m.sdp.data + m.sdp.bytes > (const char *)data + bytes))
		abort();
	(void)sip_header_string(&m, "Session-ID", value, sizeof(value));
	(void)sip_session_expires_s(&m);
	return 0;
}
