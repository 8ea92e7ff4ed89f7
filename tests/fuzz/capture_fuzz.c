/* Any bytes as a capture: every record that comes out must lie within them. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "dataplane/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct capture *c;
	struct capture_record r;
	struct capture_stats stats;
	size_t records = 0;

	if (capture_open_memory(&c, data, bytes, NULL) < 0)
		return 0;
	while (capture_next(c, &r) == 1) {
		if (r.data < data || r.data + r.captured_bytes > data + bytes ||
			r.time_ns > INT64_MAX || ++records > bytes)
			abort();
	}
	capture_stats_of(c, &stats);
	if (stats.packets != records)
		abort();
	capture_close(c);
	return 0;
}
