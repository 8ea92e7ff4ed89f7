/* Any text, as the regular expression of a ReceiveDigits. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "controlplane/digit_pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char text[2 * DIGIT_PATTERN_BYTES];
	regex_t regex;
	struct errmsg e;

	if (bytes >= sizeof(text))
		return 0;
	memcpy(text, data, bytes);
	text[bytes] = '\0';
	if (digit_pattern_compile(&regex, text, &e) != 0)
		return 0;
	regexec(&regex, "0123456789*#ABCD", 0, NULL, 0);
	regfree(&regex);
	return 0;
}
