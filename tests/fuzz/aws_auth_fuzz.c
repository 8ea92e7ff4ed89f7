/* The value of an Authorization header; parsed parts lie within it, and it never verifies. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/aws_auth.h"

static void check_within(struct text_part part, const char *text, size_t bytes)
{
	assert(part.at >= text && part.length <= bytes &&
		(size_t)(part.at - text) <= bytes - part.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct aws_keys keys = {1, {{"AKIDEXAMPLE", "secret"}}};
	char *text = strndup((const char *)data, size);
	struct aws_header headers[] = {{"Host", "127.0.0.1:8080"},
		{"X-Amz-Date", "20150830T123600Z"}, {"Authorization", text}};
	struct aws_request request = {"POST", "/a%2F/b", headers, 3, "{}", 2};
	struct aws_authorization a;
	const struct aws_key *key = NULL;
	struct errmsg e;

	if (!text)
		return 0;
	if (aws_authorization_parse(text, &a, &e) == 0) {
		check_within(a.key_id, text, strlen(text));
		check_within(a.scope, text, strlen(text));
		check_within(a.signed_headers, text, strlen(text));
		check_within(a.signature, text, strlen(text));
	}
	assert(aws_verify(&request, &keys, "", 1440938160, &key, &e) != 0 && !key);
	free(text);
	return 0;
}
