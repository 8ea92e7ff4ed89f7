/* Any bytes, as recording metadata, merged into itself as an update. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/siprec_metadata.h"
#include "controlplane/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct siprec_metadata first;
	struct siprec_metadata second;
	struct errmsg e = {""};

	if (siprec_metadata_parse(&first, (const char *)data, bytes, &e) != 0) {
		if (e.text[0] == '\0' || first.participants)
			abort();
		return 0;
	}
	for (unsigned int i = 0; i < first.participant_count; i++)
		if (!utf8_valid(first.participants[i].aor, strlen(first.participants[i].aor)))
			abort();
	if (siprec_metadata_parse(&second, (const char *)data, bytes, &e) == 0) {
		second.partial = true;
		(void)siprec_metadata_merge(&first, &second);
	}
	if (first.participant_count > SIPREC_ITEMS_MAX)
		abort();
	siprec_metadata_free(&first);
	return 0;
}
