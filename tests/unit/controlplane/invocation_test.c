#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "controlplane/invocation.h"
#include "fakes.h"

static void parties_are_users_or_hosts(void **state)
{
	static const char *const cases[][2] = {
		{"sip:+12065551212@192.0.2.1", "+12065551212"},
		{"\"Ann <x>\" <sips:ann@example.com;user=phone>", "ann"},
		{"<tel:+1-206-555-1212;phone-context=x>", "+1-206-555-1212"},
		{"SIP:bob:secret@example.com", "bob"},
		{"sip:+49301234;npdi@example.com", "+49301234"},
		{"sip:example.com", "example.com"},
		{"sip:example.com:5060", "example.com"},
		{"sip:[2001:db8::1]:5060", "[2001:db8::1]:5060"},
		{"", ""},
	};
	char party[INVOCATION_PARTY_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(invocation_party(cases[i][0], party), cases[i][1]);
}

static const char *text(const cJSON *o, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItem(o, name));
}

static void participants_are_listed_with_their_state(void **state)
{
	static struct fakes f;
	struct leg *a;
	const cJSON *list;
	cJSON *event;

	fakes_create(&f);
	a = fakes_add_leg(&f, "a", "LEG-A", LEG_ANSWERED, NULL);
	fakes_add_leg(&f, "b", "LEG-B", LEG_RINGING, a);
	fakes_add_leg(&f, "c", "LEG-B", LEG_ENDED, a);
	event = invocation_event(&f.config, a->session, NULL, "HANGUP", NULL);
	list = cJSON_GetObjectItem(cJSON_GetObjectItem(event, "CallDetails"), "Participants");
	assert_int_equal(cJSON_GetArraySize(list), 3);
	assert_string_equal(text(cJSON_GetArrayItem(list, 0), "Status"), "Connected");
	assert_string_equal(text(cJSON_GetArrayItem(list, 0), "Direction"), "Inbound");
	assert_string_equal(text(cJSON_GetArrayItem(list, 0), "From"), "+12065551212");
	assert_string_equal(text(cJSON_GetArrayItem(list, 0), "To"), "+12065551213");
	assert_string_equal(
		text(cJSON_GetArrayItem(list, 0), "StartTimeInMilliseconds"), "1764000001000");
	assert_null(text(cJSON_GetArrayItem(list, 1), "Status"));
	assert_string_equal(text(cJSON_GetArrayItem(list, 1), "Direction"), "Outbound");
	assert_string_equal(text(cJSON_GetArrayItem(list, 2), "Status"), "Disconnected");
	assert_null(cJSON_GetObjectItem(event, "ActionData"));
	cJSON_Delete(event);
	fakes_destroy(&f);
}

static void the_sequence_grows_by_one(void **state)
{
	static struct fakes f;
	struct leg *a;

	fakes_create(&f);
	a = fakes_add_leg(&f, "a", "LEG-A", LEG_ANSWERED, NULL);
	for (int i = 1; i < 4; i++) {
		cJSON *event = invocation_event(&f.config, a->session, NULL, "RINGING", NULL);

		assert_int_equal(cJSON_GetObjectItem(event, "Sequence")->valueint, i);
		cJSON_Delete(event);
	}
	fakes_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parties_are_users_or_hosts),
		cmocka_unit_test(participants_are_listed_with_their_state),
		cmocka_unit_test(the_sequence_grows_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
