/* Any bytes as RTCP. The report that is found does not depend on what comes behind it. */
#include <stdlib.h>
#include <string.h>

#include "storage/sender_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* In a heap block of just that length. */
static int parse(const uint8_t *data, size_t bytes, size_t more, struct sender_report *out)
{
	size_t whole = bytes + more;
	uint8_t *exact = calloc(1, whole ? whole : 1);
	int err;

	if (!exact)
		abort();
	if (bytes > 0)
		memcpy(exact, data, bytes);
	*out = (struct sender_report){.arrival_ns = 7, .flow = 9};
	err = sender_report_parse(exact, whole, out);
	if (out->arrival_ns != 7 || out->flow != 9 || (err == 0 && exact[0] >> 6 != 2))
		abort();
	free(exact);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct sender_report report;
	struct sender_report longer;

	if (parse(data, bytes, 0, &report) != 0)
		return 0;
	/* Four zeros may make a cut packet behind the report whole: a name's, at most. */
	if (parse(data, bytes, 4, &longer) != 0 || longer.ssrc != report.ssrc ||
		longer.ntp_ns != report.ntp_ns || longer.timestamp != report.timestamp ||
		(report.cname != 0 && longer.cname != report.cname))
		abort();
	return 0;
}
