/* Signatures are AWS's own published ones (aws-sig-v4-test-suite), and that of botocore 1.29
 * (SigV4Auth) for the call. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/aws_auth.h"

#define DATE "20150830T123600Z"
#define NOW_S 1440938160 /* DATE */
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define CREDENTIAL(service) "Credential=AKIDEXAMPLE/20150830/us-east-1/" service "/aws4_request"
#define CALL_SIGNATURE "167d58c8a16241f72636781e0dc88b57feca84e1c554aa767f54131e818d1b5b"
#define CALL_SIGNED "content-type;host;x-amz-date"
#define CALL_BODY "{\"Arguments\": {\"action\": \"pause\"}}"
#define HEADERS_MAX 8

static const char no_signature[] =
	"0000000000000000000000000000000000000000000000000000000000000000";

/* --- The algorithm --- */

static void signature_is(const char *expected, const char *method, const char *target,
	const char *signed_headers, const struct aws_header *headers, size_t count)
{
	struct aws_request r = {
		.method = method, .target = target, .headers = headers, .header_count = count};
	struct aws_authorization a;
	char out[AWS_SIGNATURE_BYTES];
	char text[512];

	snprintf(text, sizeof(text),
		"AWS4-HMAC-SHA256 " CREDENTIAL("service") ", SignedHeaders=%s, Signature=%s",
		signed_headers, no_signature);
	assert_int_equal(aws_authorization_parse(text, &a, NULL), 0);
	assert_int_equal(aws_signature(&r, &a, DATE, SECRET, out, NULL), 0);
	assert_string_equal(out, expected);
}

static void published_vectors(void **state)
{
	struct aws_header h[] = {{"Host", "example.amazonaws.com"}, {"X-Amz-Date", DATE},
		{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}};
	struct aws_header trimmed[] = {{"Host", "example.amazonaws.com"}, {"X-Amz-Date", DATE},
		{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\" "}};

	signature_is("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", "GET", "/",
		"host;x-amz-date", h, 2);
	signature_is("5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b", "POST",
		"/", "host;x-amz-date", h, 2);
	signature_is("c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea", "GET", "/",
		"host;my-header1;x-amz-date", h, 5);
	signature_is("acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736", "GET", "/",
		"host;my-header1;my-header2;x-amz-date", trimmed, 4);
}

/* --- A request, and what may be wrong with it --- */

struct call {
	struct aws_keys keys;
	struct aws_header headers[HEADERS_MAX];
	char authorization[512];
	struct aws_request request;
	struct errmsg e;
};

static void authorize(
	struct call *c, const char *credential, const char *signed_headers, const char *signature)
{
	snprintf(c->authorization, sizeof(c->authorization),
		"AWS4-HMAC-SHA256 %s, SignedHeaders=%s, Signature=%s", credential, signed_headers,
		signature);
}

static void make_call(struct call *c)
{
	static const struct aws_header headers[] = {{"Host", "127.0.0.1:8080"},
		{"User-Agent", "Boto3/1.26.27"}, {"Content-Type", "application/json"},
		{"X-Amz-Date", DATE}};

	memset(c, 0, sizeof(*c));
	c->keys.count = 2;
	strcpy(c->keys.keys[0].id, "AKIDOTHER");
	strcpy(c->keys.keys[0].secret, "other");
	strcpy(c->keys.keys[1].id, "AKIDEXAMPLE");
	strcpy(c->keys.keys[1].secret, SECRET);
	memcpy(c->headers, headers, sizeof(headers));
	c->headers[4] = (struct aws_header){"Authorization", c->authorization};
	authorize(c, CREDENTIAL("chime"), CALL_SIGNED, CALL_SIGNATURE);
	c->request = (struct aws_request){
		.method = "POST",
		.target = "/sip-media-applications/sma%2F1/calls/"
			  "0d1e4b4e-9d5e-5a0e-8a66-0a1f5a1b2c3d",
		.headers = c->headers,
		.header_count = 5,
		.body = CALL_BODY,
		.body_bytes = strlen(CALL_BODY),
	};
}

static void add_header(struct call *c, const char *name, const char *value)
{
	c->headers[c->request.header_count++] = (struct aws_header){name, value};
}

static int verify_at(struct call *c, int64_t now_s, const char *region)
{
	const struct aws_key *key = NULL;
	int err = aws_verify(&c->request, &c->keys, region, now_s, &key, &c->e);

	if (err == 0)
		assert_string_equal(key->id, "AKIDEXAMPLE");
	else
		assert_null(key);
	return err;
}

static void refused(struct call *c, int err, const char *why)
{
	assert_int_equal(verify_at(c, NOW_S, ""), err);
	if (!strstr(c->e.text, why))
		fail_msg("\"%s\" does not say \"%s\"", c->e.text, why);
}

/* Signs again what was altered, so that the alteration itself is what is refused. */
static void sign_again(struct call *c, const char *signed_headers)
{
	struct aws_authorization a;
	char signature[AWS_SIGNATURE_BYTES];

	authorize(c, CREDENTIAL("chime"), signed_headers, no_signature);
	assert_int_equal(aws_authorization_parse(c->authorization, &a, NULL), 0);
	assert_int_equal(
		aws_signature(&c->request, &a, c->headers[3].value, SECRET, signature, NULL), 0);
	authorize(c, CREDENTIAL("chime"), signed_headers, signature);
}

static void a_signed_request_passes(void **state)
{
	struct call c;

	make_call(&c);
	assert_int_equal(verify_at(&c, NOW_S, ""), 0);
	assert_int_equal(verify_at(&c, NOW_S, "us-east-1"), 0);
	add_header(&c, "X-Amzn-Trace-Id", "added on the way");
	assert_int_equal(verify_at(&c, NOW_S, ""), 0);
}

static void an_altered_request_is_refused(void **state)
{
	static const char why[] = "signature is not that of this request";
	struct call c;

	make_call(&c);
	c.request.method = "PUT";
	refused(&c, -EACCES, why);
	make_call(&c);
	c.request.target = "/sip-media-applications/sma/1/calls/"
			   "0d1e4b4e-9d5e-5a0e-8a66-0a1f5a1b2c3d";
	refused(&c, -EACCES, why);
	make_call(&c);
	c.request.body = "{\"Arguments\": {\"action\": \"resum\"}}";
	refused(&c, -EACCES, why);
	make_call(&c);
	c.request.body_bytes--;
	refused(&c, -EACCES, why);
	make_call(&c);
	c.headers[0].value = "127.0.0.1:8081";
	refused(&c, -EACCES, why);
	make_call(&c);
	c.headers[3].value = "20150830T123601Z";
	refused(&c, -EACCES, why);
	make_call(&c);
	add_header(&c, "content-type", "text/plain");
	refused(&c, -EACCES, why);
	make_call(&c);
	c.headers[2].name = "X-Content-Type";
	refused(&c, -EACCES, "\"content-type\" is not in the request");
}

static void another_secret_or_signature_is_refused(void **state)
{
	static const char why[] = "signature is not that of this request";
	struct call c;

	make_call(&c);
	c.keys.keys[1].secret[0]++;
	refused(&c, -EACCES, why);
	for (size_t i = 0; i < strlen(CALL_SIGNATURE); i++) {
		char *digit;

		make_call(&c);
		digit = strstr(c.authorization, CALL_SIGNATURE) + i;
		*digit = *digit == '0' ? '1' : '0';
		refused(&c, -EACCES, why);
	}
	make_call(&c);
	c.keys.count = 1;
	refused(&c, -EPERM, "AKIDEXAMPLE is not in admin.aws.keys_file");
}

static void clocks_may_be_a_quarter_of_an_hour_apart(void **state)
{
	static const char *const bad[] = {
		"", "20150830T123600", "20150830T123600z", " 2150830T123600Z", "20151330T123600Z"};
	struct call c;

	make_call(&c);
	assert_int_equal(verify_at(&c, NOW_S + AWS_SKEW_S, ""), 0);
	assert_int_equal(verify_at(&c, NOW_S - AWS_SKEW_S, ""), 0);
	assert_int_equal(verify_at(&c, NOW_S + AWS_SKEW_S + 1, ""), -EACCES);
	assert_non_null(strstr(c.e.text, "clock"));
	assert_int_equal(verify_at(&c, NOW_S - AWS_SKEW_S - 1, ""), -EACCES);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make_call(&c);
		c.headers[3].value = bad[i];
		refused(&c, -EACCES, "X-Amz-Date");
	}
	make_call(&c);
	c.headers[3].value = "20150831T123600Z";
	refused(&c, -EACCES, "another day");
	make_call(&c);
	add_header(&c, "X-Amz-Date", DATE);
	refused(&c, -EACCES, "one header X-Amz-Date");
}

static void the_scope_is_checked(void **state)
{
	struct call c;

	make_call(&c);
	assert_int_equal(verify_at(&c, NOW_S, "eu-central-1"), -EACCES);
	assert_non_null(strstr(c.e.text, "admin.aws.region is \"eu-central-1\""));
	authorize(&c, CREDENTIAL("s3"), CALL_SIGNED, CALL_SIGNATURE);
	refused(&c, -EACCES, "service \"s3\"; needed is \"chime\"");
}

static void what_matters_must_be_signed(void **state)
{
	struct call c;

	make_call(&c);
	sign_again(&c, "content-type;x-amz-date");
	refused(&c, -EACCES, "host is not signed");
	make_call(&c);
	sign_again(&c, "content-type;host");
	refused(&c, -EACCES, "X-Amz-Date is not signed");
	make_call(&c);
	add_header(&c, "X-Amz-Target", "elsewhere");
	refused(&c, -EACCES, "X-Amz-Target is not signed");
	sign_again(&c, CALL_SIGNED ";x-amz-target");
	assert_int_equal(verify_at(&c, NOW_S, ""), 0);
}

static void a_given_hash_is_the_body_s(void **state)
{
	struct call c;

	make_call(&c);
	add_header(&c, "X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD");
	sign_again(&c, "content-type;host;x-amz-content-sha256;x-amz-date");
	refused(&c, -EACCES, "not the SHA-256 of the body");
	c.headers[5].value = "b7f28ff8bf9264ffa9c3dd2fbdc8ff3b8bcd25d5f9c64a7a7cbd6ba5e5dbd5a4";
	sign_again(&c, "content-type;host;x-amz-content-sha256;x-amz-date");
	refused(&c, -EACCES, "not the SHA-256 of the body");
	c.request.body_bytes = 0; /* FIPS 180-4: of nothing */
	c.headers[5].value = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	sign_again(&c, "content-type;host;x-amz-content-sha256;x-amz-date");
	assert_int_equal(verify_at(&c, NOW_S, ""), 0);
}

static void other_ways_are_told_the_right_one(void **state)
{
	struct call c;

	make_call(&c);
	c.request.target = "/x?X-Amz-Signature=1";
	refused(&c, -EPERM, "a query has no place here");
	make_call(&c);
	c.headers[4].name = "Authorisation";
	refused(&c, -EPERM, "Authorization");
	make_call(&c);
	add_header(&c, "Authorization", c.authorization);
	refused(&c, -EPERM, "one header Authorization");
	make_call(&c);
	add_header(&c, "X-Amz-Security-Token", "token");
	refused(&c, -EPERM, "temporary credentials");
}

static void malformed_authorizations(void **state)
{
	static const char s[] = "SignedHeaders=host;x-amz-date";
	static const char *const credentials[] = {"", "Credential=", "Credential=A",
		"Credential=A/20150830/r/chime", "Credential=/20150830/r/chime/aws4_request",
		"Credential=A/2015083/r/chime/aws4_request",
		"Credential=A/20150830//chime/aws4_request",
		"Credential=A/20150830/r/chime/aws4_request/x",
		"Credential=A/20150830/r\x01/chime/aws4_request",
		"Credential=A/20150830/r/chime/aws4_request,Credential=A/20150830/r/chime/"
		"aws4_request"};
	struct aws_authorization a;
	char text[600];

	for (size_t i = 0; i < sizeof(credentials) / sizeof(credentials[0]); i++) {
		snprintf(text, sizeof(text), "AWS4-HMAC-SHA256 %s,%s,Signature=%s", credentials[i],
			s, no_signature);
		assert_int_equal(aws_authorization_parse(text, &a, NULL), -EINVAL);
	}
	snprintf(text, sizeof(text), "AWS4-HMAC-SHA256  Signature=%s,%s,%s ", no_signature, s,
		CREDENTIAL("chime")); /* any order, any blanks */
	assert_int_equal(aws_authorization_parse(text, &a, NULL), 0);
	text[strlen("AWS4-HMAC-SHA256  Signature=")] = 'A';
	assert_int_equal(aws_authorization_parse(text, &a, NULL), -EINVAL);
	text[3] = '3';
	assert_int_equal(aws_authorization_parse(text, &a, NULL), -EINVAL);
	assert_int_equal(aws_authorization_parse("", &a, NULL), -EINVAL);
	assert_int_equal(aws_authorization_parse("Basic QTpC", &a, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors),
		cmocka_unit_test(a_signed_request_passes),
		cmocka_unit_test(an_altered_request_is_refused),
		cmocka_unit_test(another_secret_or_signature_is_refused),
		cmocka_unit_test(clocks_may_be_a_quarter_of_an_hour_apart),
		cmocka_unit_test(the_scope_is_checked),
		cmocka_unit_test(what_matters_must_be_signed),
		cmocka_unit_test(a_given_hash_is_the_body_s),
		cmocka_unit_test(other_ways_are_told_the_right_one),
		cmocka_unit_test(malformed_authorizations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
