/* What helpers and finishers tell the control thread: storage_poll turns each into a call of a
 * handler, and frees it. */
#ifndef LEGTAP_STORAGE_EVENT_H
#define LEGTAP_STORAGE_EVENT_H

#include <stdint.h>

#include "common/uuid.h"
#include "storage/inbox.h"
#include "storage/storage.h"

enum event_kind {
	EVENT_OPENED,	       /* err */
	EVENT_CLOSED,	       /* closed */
	EVENT_REMOVED,	       /* its track slots, when it had any, are free */
	EVENT_RENDERED,	       /* rendered, json */
	EVENT_DELIVERED,       /* delivered */
	EVENT_DELIVERY_FAILED, /* failure */
	EVENT_SPACE,	       /* space */
};

struct event {
	struct letter letter; /* kind: enum event_kind */
	struct uuid recording;
	union {
		int err;
		struct storage_closed closed;
		struct storage_rendered rendered;
		struct {
			char sha256[65];
			uint64_t bytes;
		} delivered;
		struct {
			char bucket[DESTINATION_BUCKET_BYTES];
			long http_status;
			char why[TEXT_BYTES];
			uint32_t retry_ms;
		} failure;
		struct {
			uint64_t free_bytes;
			uint64_t bytes_per_s;
		} space;
	};
	char *json; /* the event's; may be NULL */
};

#endif
