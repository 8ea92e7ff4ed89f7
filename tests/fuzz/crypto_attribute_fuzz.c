/* Any bytes, as an a=crypto line: what is read is printed and read again as the same. */
#include <stdlib.h>
#include <string.h>

#include "controlplane/crypto_attribute.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct srtp_keys keys = {0};
	struct srtp_keys again = {0};
	char printed[CRYPTO_ATTRIBUTE_BYTES];
	char value[2048];

	if (bytes >= sizeof(value))
		return 0;
	memcpy(value, data, bytes);
	value[bytes] = '\0';
	if (crypto_attribute_parse(&keys, value) != 0) {
		if (keys.count != 0)
			abort();
		return 0;
	}
	for (unsigned int i = 0; i < keys.count; i++) {
		if (crypto_attribute_print(&keys.list[i], printed, sizeof(printed)) < 0 ||
			crypto_attribute_parse(&again, printed + strlen("a=crypto:")) != 0 ||
			!srtp_key_equal(&again.list[i], &keys.list[i]))
			abort();
	}
	return 0;
}
