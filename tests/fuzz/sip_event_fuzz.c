/* Any bytes, as the body of POST /v1/sip-events: what is taken must be whole. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/config.h"
#include "controlplane/json_body.h"
#include "controlplane/sip_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(const struct sip_event *v)
{
	if (!v->has_call_id && !v->sip_call_id)
		abort();
	if (v->type == SIP_EVENT_OFFERED && (!v->from_tag || !v->from || !v->to || !v->has_side))
		abort();
	for (enum leg_end end = 0; end < ENDS; end++) {
		const struct leg_media *m = &v->media[end];

		if (m->address_count > LEG_ADDRESSES_MAX || m->codec_count > LEG_CODECS_MAX)
			abort();
		for (unsigned int i = 0; i < m->codec_count; i++)
			if (!m->codecs[i].name[0] || !m->codecs[i].clock_hz)
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const struct config config = {.transaction_header = "Session-ID"};
	static struct sip_event v;
	struct errmsg e;
	cJSON *json;

	if (json_body_parse(&json, (const char *)data, bytes, "{}", &e) != 0)
		return 0;
	if (sip_event_parse(&v, json, "", &config, &e) == 0)
		check(&v);
	cJSON_Delete(json);
	return 0;
}
