#include <stddef.h>
#include <stdint.h>

#include "storage/s3_credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct s3_credentials credentials;
	struct errmsg e;

	s3_credentials_parse((const char *)data, size, &credentials, &e);
	return 0;
}
