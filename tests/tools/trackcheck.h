/* One channel of a recording against the stream that was sent: every packet that had to be recorded
 * stands at its place, bit for bit; where nothing arrived there is silence. */
#ifndef LEGTAP_TESTS_TOOLS_TRACKCHECK_H
#define LEGTAP_TESTS_TOOLS_TRACKCHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "truth.h"
#include "wavfile.h"

/* Times are capture times. Packets that arrived from required_from_us up to, not including,
 * required_to_us must be there; others that arrived may be. */
struct trackcheck_window {
	int64_t start_us; /* of the file's first frame */
	int64_t required_from_us;
	int64_t required_to_us;
	int64_t search_us; /* how far from its time a stream is looked for */
};

struct trackcheck_result {
	bool found;	 /* the stream's place */
	int64_t late_us; /* how much later than its arrival says; negative: earlier */
	uint64_t
		packets; /* required ones, in the file with all their samples, or cut by its ends */
};

/* Reports what differs. */
void trackcheck(const char *subject, const struct wavfile *w, uint32_t channel,
	const struct truth_stream *s, const struct trackcheck_window *window,
	struct trackcheck_result *result);

#endif
