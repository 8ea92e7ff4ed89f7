/* Prints the effective configuration as JSON. */
#include <inttypes.h>
#include <string.h>

#include "controlplane/config_key.h"

static int64_t load(const void *field, size_t size, bool is_signed)
{
	if (size == 1)
		return *(const uint8_t *)field;
	if (size == 2)
		return *(const uint16_t *)field;
	return is_signed ? (int64_t) * (const int32_t *)field : (int64_t) * (const uint32_t *)field;
}

static const char *choice_name(const struct config_key *key, const void *field)
{
	int64_t value = load(field, key->size, false);
	const struct key_choice *c = key->choices;

	while (c->name && c->value != value)
		c++;
	return c->name;
}

void config_print_text(const char *s, FILE *out)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', out);
		if ((unsigned char)*s < ' ')
			fprintf(out, "\\u%04x", (unsigned char)*s);
		else
			fputc(*s, out);
	}
	fputc('"', out);
}

static void print_prefix(const struct netprefix *p, FILE *out)
{
	char text[NETADDR_TEXT_BYTES];

	fprintf(out, "\"%s/%u\"", netaddr_format(&p->address, text), p->bits);
}

static void print_listener(const struct listen_address *l, FILE *out)
{
	char text[NETADDR_TEXT_BYTES];

	fprintf(out, "\"%s:%s\"", listen_transport_name(l->transport),
		netaddr_format(&l->address, text));
}

static void print_one(const struct config_key *key, const void *field, FILE *out)
{
	char text[DECIMAL_TEXT_BYTES];

	switch (key->kind) {
	case KEY_INTEGER:
	case KEY_UDP_PORTS:
	case KEY_CORES:
		fprintf(out, "%" PRId64, load(field, key->size, key->minimum < 0));
		break;
	case KEY_SECONDS:
		fputs(config_seconds_format(load(field, key->size, false), text), out);
		break;
	case KEY_BOOLEAN:
		fputs(*(const bool *)field ? "true" : "false", out);
		break;
	case KEY_CHOICE:
		fprintf(out, "\"%s\"", choice_name(key, field));
		break;
	case KEY_MODE:
		fprintf(out, "\"%04o\"", *(const unsigned int *)field);
		break;
	case KEY_DECIMAL:
		fprintf(out, "\"%s\"", decimal_format(field, text));
		break;
	case KEY_PREFIXES:
		print_prefix(field, out);
		break;
	case KEY_LISTENERS:
		print_listener(field, out);
		break;
	default:
		config_print_text(field, out);
	}
}

void config_value_print(const struct config_key *key, const void *base, FILE *out)
{
	const char *field = (const char *)base + key->offset;
	unsigned int count;

	if (key->most == 0) {
		print_one(key, field, out);
		return;
	}
	count = *(const unsigned int *)((const char *)base + key->count_offset);
	fputc('[', out);
	for (unsigned int i = 0; i < count; i++) {
		fputs(i ? ", " : "", out);
		print_one(key, field + i * key->size, out);
	}
	fputc(']', out);
}

/* A choice without a default may be none of its values. */
static bool is_set(const struct config_key *key, const void *base)
{
	const char *field = (const char *)base + key->offset;

	if (key->kind == KEY_CHOICE)
		return choice_name(key, field) != NULL;
	return key->kind != KEY_CHOICE_TEXT || *field;
}

static void print_object(
	const struct config *c, const char *path, const void *base, int indent, FILE *out);

static void print_objects(
	const struct config *c, const struct config_key *key, int indent, FILE *out)
{
	char path[CONFIG_PATH_BYTES];
	const void *element;

	snprintf(path, sizeof(path), "%s[]", key->path);
	fputc('[', out);
	for (size_t i = 0; (element = key->at(c, i)); i++) {
		fprintf(out, "%s\n%*s", i ? "," : "", indent + 2, "");
		print_object(c, path, element, indent + 2, out);
	}
	fputc(']', out);
}

static void print_object(
	const struct config *c, const char *path, const void *base, int indent, FILE *out)
{
	const char *comma = "";

	fputc('{', out);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		const char *dot = strrchr(key->path, '.');

		if (!config_key_is_member(key, path) || !is_set(key, base))
			continue;
		fprintf(out, "%s\n%*s\"%s\": ", comma, indent + 2, "", dot ? dot + 1 : key->path);
		comma = ",";
		if (key->kind == KEY_OBJECT)
			print_object(c, key->path, base, indent + 2, out);
		else if (key->kind == KEY_OBJECTS)
			print_objects(c, key, indent + 2, out);
		else
			config_value_print(key, base, out);
	}
	fprintf(out, "\n%*s}", indent, "");
}

void config_print(const struct config *c, FILE *out)
{
	print_object(c, "", c, 0, out);
	fputc('\n', out);
}
