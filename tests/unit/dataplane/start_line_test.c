#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/start_line.h"

static bool is_sip_cut(const char *text, size_t bytes)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);
	bool sip;

	assert_non_null(copy);
	memcpy(copy, text, bytes);
	sip = start_line_is_sip(copy, bytes);
	free(copy);
	return sip;
}

static bool is_sip(const char *text)
{
	return is_sip_cut(text, strlen(text));
}

static void messages(void **state)
{
	assert_true(is_sip("INVITE sip:bob@example.com SIP/2.0\r\nVia: x\r\n\r\n"));
	assert_true(is_sip("BYE sip:[2001:db8::1]:5060;lr SIP/2.0\n\n"));
	assert_true(is_sip("SIP/2.0 200 OK\r\n\r\n"));
	assert_true(is_sip("sip/2.0 180 Ringing\r\n\r\n"));
	assert_true(is_sip("\r\n\r\nOPTIONS sip:x SIP/2.0\r\n\r\n"));
}

/* Lines of RFC 4475: odd but SIP, or so near to it that the parser must judge. */
static void torture(void **state)
{
	assert_true(is_sip(
		"!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI SIP/2.0\r\n"));
	assert_true(is_sip("OPTIONS sip:remote-target@example.com SIP/2.0  \r\n"));
	assert_true(is_sip("INVITE sip:user@example.com; lr SIP/2.0\r\n"));
	assert_true(is_sip("INVITE  sip:user@example.com  SIP/2.0\r\n"));
}

static void others(void **state)
{
	assert_false(is_sip(""));
	assert_false(is_sip("\r\n\r\n"));
	assert_false(is_sip("\r\n"));
	assert_false(is_sip("GET / HTTP/1.1\r\n\r\n"));
	assert_false(is_sip("DESCRIBE rtsp://x RTSP/1.0\r\n"));
	assert_false(is_sip("SIP/2.0\r\n"));
	assert_false(is_sip("SIP/2.0"));
	assert_false(is_sip("INVITE SIP/2.0\r\n"));
	assert_false(is_sip("INVITE  SIP/2.0\r\n"));
	assert_false(is_sip("{\"a\":1} x SIP/2.0\r\n"));
	assert_false(is_sip("INVITE sip:x SIP/2.00\r\n"));
	assert_false(is_sip("HEP3xxxx SIP/2.0"));
	assert_false(is_sip_cut("IN\0ITE sip:bob SIP/2.0\r\n", 24));
}

static void cut_anywhere(void **state)
{
	const char *text = "INVITE sip:bob@example.com SIP/2.0\r\nVia: x\r\n";
	size_t line = (size_t)(strchr(text, '\n') - text) + 1;

	for (size_t n = 0; n <= strlen(text); n++)
		assert_int_equal(is_sip_cut(text, n), n >= line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(torture),
		cmocka_unit_test(others),
		cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
