/* Any bytes as the value of a Replaces header: what is read is printed and read again as the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/named_dialog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *value = malloc(bytes + 1);
	char printed[3 * LEG_TEXT_BYTES + 32];
	struct named_dialog named;
	struct named_dialog again;

	if (!value)
		return 0;
	if (bytes > 0)
		memcpy(value, data, bytes);
	value[bytes] = '\0';
	if (named_dialog_parse(&named, value) == 0) {
		snprintf(printed, sizeof(printed), "%s;from-tag=%s;to-tag=%s", named.call_id,
			named.from_tag, named.to_tag);
		if (strlen(named.call_id) + strlen(named.to_tag) + strlen(named.from_tag) > bytes ||
			named_dialog_parse(&again, printed) != 0 ||
			memcmp(&named, &again, sizeof(named)) != 0)
			abort();
	}
	free(value);
	return 0;
}
