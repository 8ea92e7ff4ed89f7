/* The configuration as a user meets it: what is accepted, what is refused and with which words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "controlplane/config.h"
#include "controlplane/config_key.h"

static struct config parsed(const char *text)
{
	struct errmsg e = {""};
	struct config c;

	assert_int_equal(config_defaults(&c), 0);
	if (config_parse(&c, text, strlen(text), true, &e) != 0)
		fail_msg("%s: %s", text, e.text);
	return c;
}

/* The message that a text is refused with. */
static const char *refused(const char *text)
{
	static struct errmsg e;
	struct config c;

	e.text[0] = '\0';
	assert_int_equal(config_defaults(&c), 0);
	if (config_parse(&c, text, strlen(text), true, &e) != -EINVAL)
		fail_msg("accepted: %s", text);
	config_destroy(&c);
	return e.text;
}

static void assert_says(const char *message, const char *part)
{
	if (!strstr(message, part))
		fail_msg("\"%s\" does not say \"%s\"", message, part);
}

static char *printed(const struct config *c)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	config_print(c, out);
	fclose(out);
	return text;
}

static void has_the_documented_defaults(void **state)
{
	struct config c;

	assert_int_equal(config_defaults(&c), 0);
	assert_int_equal(c.port_count, 0);
	assert_int_equal(c.cores.control, -1);
	assert_int_equal(c.cores.rx_count, 1);
	assert_int_equal(c.cores.rx[0], -1);
	assert_int_equal(c.cores.writer_count, 1);
	assert_int_equal(c.sbc.address_count, 0);
	assert_int_equal(c.sbc.sip_port_count, 1);
	assert_int_equal(c.sbc.sip_ports[0], 5060);
	assert_string_equal(c.transaction_header, "Session-ID");
	assert_int_equal(c.hep.listen_count, 0);
	assert_string_equal(c.hep.key, "");
	assert_int_equal(c.hep.allow_count, 2);
	assert_int_equal(c.account_count, 1);
	assert_string_equal(c.accounts[0].id, "default");
	assert_int_equal(c.accounts[0].rate_per_minute.units, 0);
	assert_string_equal(c.accounts[0].currency, "XXX");
	assert_int_equal(c.accounts[0].rounding_seconds, 1);
	assert_int_equal(c.rule_count, 0);
	assert_int_equal(c.destination.type, DESTINATION_DIRECTORY);
	assert_string_equal(c.destination.bucket, "recordings");
	assert_int_equal(c.destination.retry_first_ms, 1000);
	assert_int_equal(c.spool.max_age_ms, 5000);
	assert_int_equal(c.socket.mode, 0660);
	assert_int_equal(c.pause_tone.duration_ms, 200);
	assert_int_equal(c.pause_tone.level_dbm0, -20);
	assert_false(c.conceal);
	assert_false(c.encode_g711);
	assert_int_equal(c.limits.media_timeout_s, 300);
	assert_int_equal(c.limits.no_media_s, 10);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
	config_destroy(&c);
	config_destroy(NULL);
}

static void takes_a_file_with_only_sbc(void **state)
{
	const char *text = "{\"sbc\":{\"addresses\":[\"10.0.0.1\"]}}";
	struct config c = parsed(text);
	struct errmsg e;

	assert_int_equal(c.sbc.address_count, 1);
	assert_int_equal(c.sbc.addresses[0].bits, 32);
	config_destroy(&c);
	assert_int_equal(config_defaults(&c), 0);
	assert_int_equal(config_parse(&c, text, strlen(text), false, &e), -EINVAL);
	assert_says(e.text, "ports: no port is named; add for example");
	config_destroy(&c);
}

static void reads_every_key(void **state)
{
	struct config c = parsed(
		"{\"ports\":[{\"device\":\"0000:03:00.0\"},{\"device\":\"net_af_packet0,iface=m0\","
		"\"rx_queues\":2,\"frame_bytes\":1600,\"separate\":true}],"
		"\"cores\":{\"control\":0,\"rx\":[1,2],\"writers\":[0,3]},"
		"\"accounts\":[{\"id\":\"a\",\"match\":{\"trunk\":[\"2001:db8::/32\"]},"
		"\"rate_per_minute\":0.012345678912,\"currency\":\"EUR\",\"currency_digits\":4,"
		"\"rounding_seconds\":60,\"minimum_seconds\":30,"
		"\"location\":\"s3://abc/x//y/\",\"locations\":[\"abc\",\"def\"]},"
		"{\"id\":\"b\",\"rate_per_minute\":\"1.50\",\"currency\":\"USD\"}],"
		"\"rules\":[{\"Track\":\"INCOMING\",\"from\":\"early_media\","
		"\"Destination\":{\"Type\":\"S3\",\"Location\":\"abc/p\"},"
		"\"match\":{\"account\":\"a\",\"leg\":\"LEG-B\"}},{\"Destination\":\"def\"}],"
		"\"destination\":{\"type\":\"s3\",\"endpoint\":\"http://127.0.0.1:9000\","
		"\"bucket\":\"abc\",\"path_style\":true,\"retry_first_s\":0.25},"
		"\"wav\":{\"encoding\":\"g711\"},\"spool\":{\"max_age\":2.5},"
		"\"admin\":{\"socket\":{\"mode\":\"600\"}},\"render\":{\"conceal\":true},"
		"\"pause_tone\":{\"level_dbm0\":-13},\"log\":{\"level\":\"debug\"}}");

	assert_int_equal(c.port_count, 2);
	assert_int_equal(c.ports[0].frame_bytes, 9216);
	assert_int_equal(c.ports[1].frame_bytes, 1600);
	assert_true(c.ports[1].separate);
	assert_int_equal(c.cores.rx[1], 2);
	assert_int_equal(c.cores.writer_count, 2);
	assert_int_equal(c.account_count, 3);
	assert_int_equal(c.accounts[1].rate_per_minute.units, 12345678912);
	assert_int_equal(c.accounts[1].rate_per_minute.scale, 12);
	assert_string_equal(c.accounts[1].location, "abc/x/y");
	assert_int_equal(c.accounts[1].location_count, 2);
	assert_int_equal(c.accounts[1].match.trunks[0].bits, 32);
	assert_int_equal(c.accounts[2].rate_per_minute.units, 150);
	assert_int_equal(c.accounts[2].rate_per_minute.scale, 2);
	assert_int_equal(c.rules[0].tracks, TRACK_BIT(TRACK_INCOMING));
	assert_int_equal(c.rules[0].from, FROM_EARLY_MEDIA);
	assert_string_equal(c.rules[0].location, "abc/p");
	assert_string_equal(c.rules[0].match.leg, "LEG-B");
	assert_int_equal(c.rules[1].tracks, 0);
	assert_string_equal(c.rules[1].location, "def");
	assert_int_equal(c.destination.type, DESTINATION_S3);
	assert_true(c.destination.s3.path_style);
	assert_int_equal(c.destination.retry_first_ms, 250);
	assert_true(c.encode_g711);
	assert_int_equal(c.spool.max_age_ms, 2500);
	assert_int_equal(c.socket.mode, 0600);
	assert_true(c.conceal);
	assert_int_equal(c.pause_tone.level_dbm0, -13);
	assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
	config_destroy(&c);
}

static void allows_comments(void **state)
{
	struct config c = parsed("// first\n{ /* \"site\": 1 */ \"site\" /**/: \"a\", // }\n"
				 "\"ledger\": \"/x//y/*z*/\\\" // w\" /*\n*/}\n//");

	assert_string_equal(c.site, "a");
	assert_string_equal(c.ledger, "/x//y/*z*/\" // w");
	config_destroy(&c);
	assert_says(refused("{}\n  /*/ \n"), "line 2, column 3: this comment is never closed");
}

static void says_where_the_syntax_is_wrong(void **state)
{
	struct errmsg e;
	struct config c;

	assert_says(refused("{\n\t\"site\": \"a\"\n\t\"ledger\": \"b\"\n}"), "line 3, column 2");
	assert_says(refused("{\"site\": nope}"), "line 1, column 10");
	assert_says(refused("/* x\n\n*/ {\"site\": \"a\",}"), "line 3");
	assert_says(refused("{} {}"), "line 1, column 4");
	assert_says(refused(""), "line 1, column 1");
	assert_says(refused("[]"), "the whole file: an object {…} is needed");
	assert_int_equal(config_defaults(&c), 0);
	assert_int_equal(config_parse(&c, "{\"a\0\":1}", 8, true, &e), -EINVAL);
	assert_says(e.text, "line 1, column 4: a NUL byte");
	config_destroy(&c);
}

static void names_the_nearest_known_key(void **state)
{
	assert_says(refused("{\"limits\":{\"streems\":5}}"),
		"limits.streems: unknown key; the nearest known one is limits.streams");
	assert_says(refused("{\"account\":[]}"), "the nearest known one is accounts");
	assert_says(refused("{\"accounts\":[{\"id\":\"a\"},{\"id\":\"b\",\"rate\":1,\"x\":2}]}"),
		"accounts[1].rate: unknown key; the nearest known one is accounts[].");
	assert_says(refused("{\"rules\":[{\"track\":\"BOTH\"}]}"),
		"rules[0].track: unknown key; the nearest known one is rules[].Track");
	assert_says(refused("{\"rules\":[{\"match\":{\"calld\":\"x\"}}]}"),
		"rules[0].match.calld: unknown key; the nearest known one is rules[].match.called");
	assert_says(refused("{\"max_age\":5}"),
		"max_age: unknown key; the nearest known one is spool.max_age");
	assert_says(refused("{\"limits.streams\":5000}"), "limits.streams: unknown key");
	assert_says(refused("{\"accounts[].id\":\"x\"}"), "accounts[].id: unknown key");
	assert_says(refused("{\"\":1}"), "unknown key");
	assert_says(refused("{\"site\":\"a\",\"log\":{},\"site\":\"b\"}"), "site: given twice");
}

static void says_what_is_allowed(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{"{\"limits\":{\"streams\":5}}",
			"limits.streams: 5 is given; needed: integer, 1024 to 16777216"},
		{"{\"limits\":{\"streams\":\"many\"}}", "limits.streams: \"many\" is given"},
		{"{\"limits\":{\"streams\":2000.5}}", "limits.streams: 2000.5 is given"},
		{"{\"limits\":{\"streams\":99999999999999999999}}",
			"limits.streams: 99999999999999999999 is given"},
		{"{\"limits\":[]}", "limits: an object {…} is needed"},
		{"{\"ports\":{}}", "ports: a list of objects is needed"},
		{"{\"ports\":[7]}", "ports[0]: an object {…} is needed"},
		{"{\"ports\":[{}]}", "ports[0]: the key device is missing"},
		{"{\"ports\":[{\"device\":\"\"}]}", "ports[0].device: \"\" is given"},
		{"{\"ports\":[{\"device\":\"a\"},{\"device\":\"a\"}]}",
			"ports[1].device: \"a\" is also ports[0]'s"},
		{"{\"ports\":[{\"device\":\"a\",\"separate\":1}]}",
			"ports[0].separate: 1 is given; needed: true or false"},
		{"{\"sbc\":{\"addresses\":[\"10.0.0.1\",\"10.0.0.0/33\"]}}",
			"sbc.addresses[1]: \"10.0.0.0/33\" is given; needed: list of at most 64 "
			"addresses or prefixes"},
		{"{\"sbc\":{\"addresses\":\"10.0.0.1\"}}", "sbc.addresses: \"10.0.0.1\" is given"},
		{"{\"sbc\":{\"sip_ports\":[0]}}", "sbc.sip_ports[0]: 0 is given"},
		{"{\"sbc\":{\"sip_ports\":[65536]}}", "sbc.sip_ports[0]: 65536 is given"},
		{"{\"hep\":{\"listen\":[\"udp:10.0.0.1\"]}}",
			"hep.listen[0]: \"udp:10.0.0.1\" is given; needed: list of at most 8 "
			"texts: "
			"`udp:`, `tcp:` or `tls:`, address, `:`, port"},
		{"{\"hep\":{\"listen\":[\"10.0.0.1:9060\"]}}", "hep.listen[0]: "},
		{"{\"hep\":{\"listen\":[\"tcp:10.0.0.1:0\"]}}", "hep.listen[0]: "},
		{"{\"hep\":{\"listen\":[9060]}}", "hep.listen[0]: 9060 is given"},
		{"{\"hep\":{\"allow\":[\"proxy\"]}}", "hep.allow[0]: \"proxy\" is given"},
		{"{\"admin\":{\"aws\":{\"listen\":\"0.0.0.0:8080\",\"keys_file\":\"k\"}}}",
			"admin.aws.listen: \"0.0.0.0:8080\" is given; needed: text: a loopback "
			"address with its port (`127.0.0.1:8080`, `[::1]:8080`), or empty"},
		{"{\"admin\":{\"aws\":{\"listen\":\"127.0.0.1\",\"keys_file\":\"k\"}}}",
			"admin.aws.listen: "},
		{"{\"admin\":{\"aws\":{\"listen\":\"127.0.0.1:0\",\"keys_file\":\"k\"}}}",
			"admin.aws.listen: "},
		{"{\"admin\":{\"aws\":{\"listen\":\"[::]:8080\",\"keys_file\":\"k\"}}}",
			"admin.aws.listen: "},
		{"{\"admin\":{\"aws\":{\"listen\":\"[2001:db8::1]:80\",\"keys_file\":\"k\"}}}",
			"admin.aws.listen: "},
		{"{\"admin\":{\"aws\":{\"listen\":\"[::1]:8080\"}}}",
			"admin.aws.keys_file: needed with admin.aws.listen"},
		{"{\"log\":{\"level\":\"loud\"}}",
			"log.level: \"loud\" is given; needed: `error`, `warning`, `info` or "
			"`debug`"},
		{"{\"spool\":{\"max_age\":0}}",
			"spool.max_age: 0 is given; needed: number, 0.1 to 60"},
		{"{\"spool\":{\"max_age\":1.0005}}", "spool.max_age: 1.0005 is given"},
		{"{\"spool\":{\"path\":\"\"}}", "spool.path: \"\" is given; needed: text: a path"},
		{"{\"site\":null}", "site: null is given"},
		{"{\"site\":\"a b\"}", "site: \"a b\" is given"},
		{"{\"ledger\":\"a\\tb\"}", "it holds a control character"},
		{"{\"admin\":{\"socket\":{\"mode\":\"888\"}}}",
			"admin.socket.mode: \"888\" is given"},
		{"{\"admin\":{\"socket\":{\"mode\":\"4755\"}}}", "needed: text: octal"},
		{"{\"admin\":{\"socket\":{\"mode\":660}}}", "admin.socket.mode: 660 is given"},
		{"{\"accounts\":[{\"id\":\"a\",\"rate_per_minute\":-1}]}",
			"accounts[0].rate_per_minute: -1 is given"},
		{"{\"accounts\":[{\"id\":\"a\",\"rate_per_minute\":1e-3}]}",
			"accounts[0].rate_per_minute: 1e-3 is given; needed: number or text: not "
			"negative, without exponent"},
		{"{\"accounts\":[{\"id\":\"a\",\"currency\":\"euro\"}]}",
			"accounts[0].currency: \"euro\" is given; needed: text: three capital "
			"letters"},
		{"{\"accounts\":[{\"id\":\"a\",\"location\":\"A/b\"}]}",
			"accounts[0].location: \"A/b\" is given; needed: text: `bucket`"},
		{"{\"accounts\":[{\"id\":\"a\",\"locations\":[\"abc/d\"]}]}",
			"accounts[0].locations[0]: \"abc/d\" is given"},
		{"{\"rules\":[{\"Track\":\"both\"}]}",
			"rules[0].Track: \"both\" is given; needed: `BOTH`, `INCOMING` or "
			"`OUTGOING`"},
		{"{\"rules\":[{\"from\":\"ring\"}]}", "rules[0].from: \"ring\" is given"},
		{"{\"rules\":[{\"match\":{\"leg\":\"B\"}}]}", "rules[0].match.leg: \"B\" is given"},
		{"{\"rules\":[{\"Destination\":{\"Type\":\"S3\",\"S3Uri\":\"abc\"}}]}",
			"rules[0].Destination: {\"Type\":\"S3\",\"S3Uri\":\"abc\"} is given; "
			"needed: "
			"`{\"Type\":\"S3\",\"Location\":\"bucket/prefix\"}`"},
		{"{\"rules\":[{\"Destination\":{\"Type\":\"FTP\",\"Location\":\"abc\"}}]}",
			"the only Type is S3"},
		{"{\"application\":{\"url\":\"ftp://x\"}}",
			"application.url: \"ftp://x\" is given"},
		{"{\"application\":{\"url\":\"http://\"}}",
			"application.url: \"http://\" is given"},
		{"{\"application\":{\"aws_account_id\":\"12\"}}", "needed: text: 12 digits"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_says(refused(cases[i].text), cases[i].message);
}

static void says_what_does_not_belong_together(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{"{\"cores\":{\"rx\":[]}}", "cores.rx: at least one entry is needed"},
		{"{\"cores\":{\"writers\":[]}}", "cores.writers: at least one entry is needed"},
		{"{\"cores\":{\"rx\":[1,1]}}", "cores.rx: core 1 is given twice"},
		{"{\"cores\":{\"rx\":[1],\"writers\":[1]}}",
			"cores.writers[0]: core 1 is an rx core"},
		{"{\"cores\":{\"rx\":[1],\"control\":1}}", "cores.control: core 1 is an rx core"},
		{"{\"limits\":{\"buffer_mib\":64}}",
			"limits.buffer_mib: 64 is too little for limits.tracks 20000, which needs "
			"157"},
		{"{\"destination\":{\"type\":\"s3\",\"bucket\":\"abc\"}}",
			"destination.endpoint: needed with type \"s3\""},
		{"{\"destination\":{\"type\":\"s3\",\"endpoint\":\"http://a\"}}",
			"destination.bucket: needed with type \"s3\""},
		{"{\"destination\":{\"retry_first_s\":9,\"retry_most_s\":8}}",
			"destination.retry_first_s: longer than destination.retry_most_s"},
		{"{\"accounts\":[{\"id\":\"a\"},{\"id\":\"a\"}]}",
			"accounts[1].id: \"a\" is also accounts[0]'s"},
		{"{\"accounts\":[{\"id\":\"default\"},{\"id\":\"default\"}]}",
			"accounts[1].id: \"default\" is also accounts[0]'s"},
		{"{\"accounts\":[{\"id\":\"a\",\"rate_per_minute\":1}]}",
			"accounts[0].currency: a rate other than 0 needs a currency"},
		{"{\"accounts\":[{\"id\":\"default\",\"match\":{\"caller\":\"x\"}}]}",
			"accounts[0].match: \"default\" takes every leg that no other account "
			"matches"},
		{"{\"accounts\":[{\"id\":\"a\",\"match\":{\"header\":\"X\"}}]}",
			"accounts[0].match: header and value go together; value is missing"},
		{"{\"accounts\":[{\"id\":\"a\",\"locations\":[\"abc\"]}]}",
			"accounts[0].locations: its default bucket \"recordings\" "
			"(destination.bucket) is not in the list"},
		{"{\"accounts\":[{\"id\":\"a\",\"location\":\"def\",\"locations\":[\"abc\"]}]}",
			"accounts[0].locations: its default bucket \"def\" (location) is not in "
			"the list"},
		{"{\"rules\":[{\"match\":{\"account\":\"b\"}}]}",
			"rules[0].match.account: there is no account \"b\""},
		{"{\"accounts\":[{\"id\":\"a\",\"location\":\"abc\",\"locations\":[\"abc\"]}],"
		 "\"rules\":[{\"match\":{\"account\":\"a\"},\"Destination\":\"def\"}]}",
			"rules[0].Destination: the bucket \"def\" is not in the locations of "
			"account \"a\""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_says(refused(cases[i].text), cases[i].message);
}

static void lets_the_default_account_be_set_anew(void **state)
{
	struct config c = parsed("{\"accounts\":[{\"id\":\"a\"},{\"id\":\"default\","
				 "\"rate_per_minute\":2,\"currency\":\"EUR\"},{\"id\":\"b\"}]}");

	assert_int_equal(c.account_count, 3);
	assert_string_equal(c.accounts[0].id, "default");
	assert_string_equal(c.accounts[0].currency, "EUR");
	assert_string_equal(c.accounts[1].id, "a");
	assert_string_equal(c.accounts[2].id, "b");
	config_destroy(&c);
}

/* A list as long as it may be, and one entry more. */
static void bounds_its_lists(void **state)
{
	struct config c;
	struct errmsg e;
	size_t size = 64 * CONFIG_ACCOUNTS_MAX;

	for (unsigned int over = 0; over < 2; over++) {
		char *text = malloc(size);
		size_t used = (size_t)snprintf(text, size, "{\"accounts\":[");

		for (unsigned int i = 0; i < CONFIG_ACCOUNTS_MAX - 1 + over; i++)
			used += (size_t)snprintf(
				text + used, size - used, "%s{\"id\":\"a%u\"}", i ? "," : "", i);
		used += (size_t)snprintf(text + used, size - used, "]}");
		assert_int_equal(config_defaults(&c), 0);
		assert_int_equal(config_parse(&c, text, used, true, &e), over ? -EINVAL : 0);
		config_destroy(&c);
		free(text);
	}
	assert_says(e.text, "accounts: more than 1023 entries");
}

static void prints_what_it_would_read_again(void **state)
{
	static const char *const files[] = {"minimal.json", "legtap.json"};
	struct config c;
	struct config again;
	struct config flat;
	struct errmsg e = {""};

	for (size_t i = 0; i < 2; i++) {
		char path[512];
		char *first;
		char *second;

		snprintf(path, sizeof(path), "%s/docs/examples/%s", SOURCE_ROOT, files[i]);
		assert_int_equal(config_defaults(&c), 0);
		if (config_load(&c, path, false, &e) != 0)
			fail_msg("%s", e.text);
		first = printed(&c);
		again = parsed(first);
		second = printed(&again);
		assert_string_equal(first, second);
		assert_int_equal(again.account_count, c.account_count);
		assert_memory_equal(
			again.accounts, c.accounts, c.account_count * sizeof(*c.accounts));
		assert_memory_equal(again.rules, c.rules, c.rule_count * sizeof(*c.rules));
		flat = again;
		flat.accounts = c.accounts;
		flat.rules = c.rules;
		assert_memory_equal(&flat, &c, sizeof(c));
		free(first);
		free(second);
		config_destroy(&again);
		config_destroy(&c);
	}
}

static cJSON *member_at(cJSON *object, const char *path)
{
	char name[CONFIG_PATH_BYTES];
	char *rest = name;
	char *part;

	snprintf(name, sizeof(name), "%s", path);
	while (object && (part = strsep(&rest, ".")) != NULL) {
		char *bracket = strchr(part, '[');

		if (bracket)
			*bracket = '\0';
		object = cJSON_GetObjectItemCaseSensitive(object, part);
		if (bracket)
			object = cJSON_GetArrayItem(object, 0);
	}
	return object;
}

/* Each key, with a value of a wrong type in place of its own. */
static void refuses_a_wrong_type_for_every_key(void **state)
{
	char path[512];
	struct config c;
	struct errmsg e;

	snprintf(path, sizeof(path), "%s/docs/examples/legtap.json", SOURCE_ROOT);
	for (size_t i = 0; i < config_key_count; i++) {
		const char *key = config_keys[i].path;
		const char *last = strrchr(key, '.');
		char parent_path[CONFIG_PATH_BYTES];
		char *text;
		cJSON *tree;
		cJSON *parent;

		assert_int_equal(config_defaults(&c), 0);
		assert_int_equal(config_load(&c, path, false, &e), 0);
		text = printed(&c);
		config_destroy(&c);
		tree = cJSON_Parse(text);
		free(text);
		/* The example has none. */
		cJSON_ReplaceItemInObjectCaseSensitive(
			tree, "calls", cJSON_Parse("[{\"match\":{}}]"));
		snprintf(parent_path, sizeof(parent_path), "%.*s", last ? (int)(last - key) : 0,
			key);
		parent = last ? member_at(tree, parent_path) : tree;
		assert_non_null(parent);
		last = last ? last + 1 : key;
		cJSON_DeleteItemFromObjectCaseSensitive(parent, last);
		cJSON_AddNullToObject(parent, last);
		text = cJSON_Print(tree);
		cJSON_Delete(tree);
		assert_says(refused(text), last);
		cJSON_free(text);
	}
}

static void names_the_file(void **state)
{
	char path[] = "/tmp/legtap-config-XXXXXX";
	int fd = mkstemp(path);
	struct config c;
	struct errmsg e;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "{\n \"sit\":1}", 11), 11);
	close(fd);
	assert_int_equal(config_defaults(&c), 0);
	assert_int_equal(config_load(&c, path, true, &e), -EINVAL);
	assert_says(e.text, path);
	assert_says(e.text, ": sit: unknown key; the nearest known one is site");
	unlink(path);
	assert_int_equal(config_load(&c, path, true, &e), -ENOENT);
	assert_says(e.text, ": No such file or directory");
	config_destroy(&c);
}

static void documentation_is_the_table(void **state)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	FILE *page = fopen(SOURCE_ROOT "/docs/configuration.md", "r");
	char *kept = calloc(1, 1 << 20);

	assert_non_null(page);
	assert_true(fread(kept, 1, (1 << 20) - 1, page) > 0);
	fclose(page);
	config_print_keys(out);
	fclose(out);
	if (strcmp(text, kept) != 0)
		fail_msg("docs/configuration.md is not the table's; make it anew: config_test "
			 "--keys "
			 "> docs/configuration.md");
	free(text);
	free(kept);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_the_documented_defaults),
		cmocka_unit_test(takes_a_file_with_only_sbc),
		cmocka_unit_test(reads_every_key),
		cmocka_unit_test(allows_comments),
		cmocka_unit_test(says_where_the_syntax_is_wrong),
		cmocka_unit_test(names_the_nearest_known_key),
		cmocka_unit_test(says_what_is_allowed),
		cmocka_unit_test(says_what_does_not_belong_together),
		cmocka_unit_test(lets_the_default_account_be_set_anew),
		cmocka_unit_test(bounds_its_lists),
		cmocka_unit_test(prints_what_it_would_read_again),
		cmocka_unit_test(refuses_a_wrong_type_for_every_key),
		cmocka_unit_test(names_the_file),
		cmocka_unit_test(documentation_is_the_table),
	};

	if (argc > 1 && strcmp(argv[1], "--keys") == 0) {
		config_print_keys(stdout);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
