/* Delivery: a rendered recording is brought to its destination.
 *
 * Called by delivery threads, one recording at a time each. Blocking. */
#ifndef LEGTAP_STORAGE_DELIVER_H
#define LEGTAP_STORAGE_DELIVER_H

#include <stdbool.h>

#include "common/uuid.h"
#include "storage/storage.h"

struct delivery_result {
	long http_status;     /* 0: the destination gave no answer, or is no HTTP */
	bool refused;	      /* 403, 404: trying soon is useless */
	char why[TEXT_BYTES]; /* for people, when it failed */
};

/* Delivers `<id>.json`, then `<id>.wav` from recordings_folder to the bucket and key that
 * `<id>.journal` names. 0: the destination has confirmed both. -errno otherwise: it is tried again,
 * and that does no harm when a part had arrived. */
int deliver_recording(const struct storage_config *config, const char *recordings_folder,
	const struct uuid *recording, struct delivery_result *out);

#endif
