/* What is allowed for a key, in words: for messages and for docs/configuration.md. */
#include <inttypes.h>
#include <string.h>

#include "controlplane/config_form.h"
#include "controlplane/config_key.h"

char *config_seconds_format(int64_t ms, char buf[DECIMAL_TEXT_BYTES])
{
	struct decimal seconds = {.units = ms, .scale = 3};
	size_t length = strlen(decimal_format(&seconds, buf));

	while (buf[length - 1] == '0')
		length--;
	length -= buf[length - 1] == '.';
	buf[length] = '\0';
	return buf;
}

static void choices_in_words(const struct config_key *key, char *buf, size_t size)
{
	size_t used = 0;

	for (const struct key_choice *c = key->choices; c->name && used < size; c++) {
		const char *between = c == key->choices ? "" : c[1].name ? ", " : " or ";

		used += (size_t)snprintf(buf + used, size - used, "%s`%s`", between, c->name);
	}
}

static void seconds_in_words(const struct config_key *key, char *buf, size_t size)
{
	char low[DECIMAL_TEXT_BYTES];
	char high[DECIMAL_TEXT_BYTES];

	snprintf(buf, size, "number, %s to %s", config_seconds_format(key->minimum, low),
		config_seconds_format(key->maximum, high));
}

static void text_in_words(const struct config_key *key, char *buf, size_t size)
{
	if (key->form)
		snprintf(buf, size, "text: %s", key->form->words);
	else
		snprintf(buf, size, "text, at most %zu bytes", key->size - 1);
}

static void list_in_words(const struct config_key *key, char *buf, size_t size)
{
	const char *items = key->kind == KEY_OBJECTS	? "objects"
			    : key->kind == KEY_PREFIXES ? "addresses or prefixes"
			    : key->kind == KEY_BUCKETS	? "bucket names"
			    : key->kind == KEY_LISTENERS
				    ? "texts: `udp:`, `tcp:` or `tls:`, address, `:`, port"
				    : "integers";
	int used = snprintf(buf, size, "list of %s%u %s",
		key->kind == KEY_CORES ? "1 to " : "at most ", key->most, items);

	if (key->maximum)
		snprintf(buf + used, size - (size_t)used, ", %" PRId64 " to %" PRId64, key->minimum,
			key->maximum);
}

char *config_value_range(const struct config_key *key, char buf[CONFIG_RANGE_BYTES])
{
	static const char *const words[] = {
		[KEY_OBJECT] = "object",
		[KEY_BOOLEAN] = "true or false",
		[KEY_MODE] = "text: octal, `0000` to `0777`",
		[KEY_DECIMAL] = "number or text: not negative, without exponent",
		[KEY_LOCATION] = "text: `bucket`, `bucket/prefix`, or empty",
		[KEY_DESTINATION] = "`{\"Type\":\"S3\",\"Location\":\"bucket/prefix\"}`, or the "
				    "location as text",
	};

	if (key->choices)
		choices_in_words(key, buf, CONFIG_RANGE_BYTES);
	else if (key->most)
		list_in_words(key, buf, CONFIG_RANGE_BYTES);
	else if (key->kind == KEY_SECONDS)
		seconds_in_words(key, buf, CONFIG_RANGE_BYTES);
	else if (key->kind == KEY_TEXT)
		text_in_words(key, buf, CONFIG_RANGE_BYTES);
	else if (key->kind == KEY_INTEGER)
		snprintf(buf, CONFIG_RANGE_BYTES, "integer, %" PRId64 " to %" PRId64, key->minimum,
			key->maximum);
	else
		snprintf(buf, CONFIG_RANGE_BYTES, "%s", words[key->kind]);
	return buf;
}

static void print_row(const struct config_key *key, FILE *out)
{
	char range[CONFIG_RANGE_BYTES];

	fprintf(out, "| `%s` | %s | ", key->path, config_value_range(key, range));
	if (key->required)
		fputs("required", out);
	else if (key->fallback)
		fprintf(out, "`%s`", key->fallback);
	fprintf(out, " | %s | %s |\n", key->unit ? key->unit : "", key->help);
}

/* The keys from `first` on that belong to the same part of the file; the count. */
static size_t print_part(size_t first, FILE *out)
{
	const char *name = config_keys[first].path;
	size_t length = strlen(name);
	size_t i = first;

	fprintf(out, "\n## %s\n", name);
	if (config_keys[i].kind == KEY_OBJECT)
		fprintf(out, "%s\n", config_keys[i].help);
	fputs("\n| key | value | default | unit | meaning |\n|---|---|---|---|---|\n", out);
	for (; i < config_key_count; i++) {
		const char *path = config_keys[i].path;

		if (strncmp(path, name, length) != 0 ||
			(path[length] && !strchr(".[", path[length])))
			break;
		if (config_keys[i].kind != KEY_OBJECT)
			print_row(&config_keys[i], out);
	}
	return i - first;
}

void config_print_keys(FILE *out)
{
	fputs("# Configuration\n\n"
	      "legtap reads one JSON file (`legtapd --config FILE`). Comments are allowed: `//` to "
	      "the\nend of the line, and `/* … */`. A key that is not listed here is refused, with "
	      "its path\nand the nearest known name; so is a key that is given twice. `legtapd "
	      "--config FILE --check`\nvalidates the file and prints the configuration in effect, "
	      "defaults included, as JSON that\nit would read again.\n\n"
	      "Every key has a default but those marked as required; a file with nothing but "
	      "`sbc` is\nvalid. `accounts[].id` stands for the key `id` of each entry of "
	      "`accounts`.\n[examples/minimal.json](examples/minimal.json) and\n"
	      "[examples/legtap.json](examples/legtap.json) are complete files.\n\n"
	      "This page is made from the program's own table of keys.\n",
		out);
	for (size_t i = 0; i < config_key_count;)
		i += print_part(i, out);
}
