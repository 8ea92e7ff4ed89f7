#include "controlplane/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/utf8.h"

#define COLUMNS_MAX 24

struct table {
	unsigned int columns;
	unsigned int cells;
	unsigned int room;
	char **cell; /* the headings first */
	bool right[COLUMNS_MAX];
	bool no_memory;
};

/* Characters, not bytes: those that no UTF-8 sequence goes on with. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* C0, DEL, and C1 (U+0080 to U+009F), which terminals obey too. */
static void make_printable(char *text)
{
	utf8_repair(text, strlen(text));
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (*at < 0x20 || *at == 0x7f)
			*at = '?';
		else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
			at[0] = at[1] = '?';
	}
}

void table_print_text(const char *text, FILE *out)
{
	char *copy = strdup(text);

	if (!copy)
		return;
	make_printable(copy);
	fputs(copy, out);
	free(copy);
}

static void add_bytes(struct table *t, const char *text, size_t bytes)
{
	if (t->cells == t->room) {
		unsigned int room = t->room ? 2 * t->room : 64;
		char **longer = realloc(t->cell, room * sizeof(*longer));

		if (!longer) {
			t->no_memory = true;
			return;
		}
		t->cell = longer;
		t->room = room;
	}
	t->cell[t->cells] = strndup(text, bytes);
	if (!t->cell[t->cells]) {
		t->no_memory = true;
		return;
	}
	make_printable(t->cell[t->cells++]);
}

struct table *table_create(const char *headings)
{
	struct table *t = calloc(1, sizeof(*t));

	while (t) {
		size_t bytes = strcspn(headings, "|");
		bool right = headings[0] == '>';

		t->right[t->columns++] = right;
		add_bytes(t, headings + right, bytes - right);
		headings += bytes;
		if (*headings == '\0' || t->columns == COLUMNS_MAX)
			break;
		headings++;
	}
	return t;
}

void table_destroy(struct table *t)
{
	if (!t)
		return;
	for (unsigned int i = 0; i < t->cells; i++)
		free(t->cell[i]);
	free(t->cell);
	free(t);
}

void table_add(struct table *t, const char *text)
{
	if (t)
		add_bytes(t, text && text[0] ? text : "-", text && text[0] ? strlen(text) : 1);
}

void table_addf(struct table *t, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	table_add(t, text);
}

unsigned int table_rows(const struct table *t)
{
	return t ? t->cells / t->columns - 1 : 0;
}

static void print_cell(
	const struct table *t, unsigned int column, const char *text, size_t width, FILE *out)
{
	int pad = (int)(width - width_of(text));

	if (t->right[column])
		fprintf(out, "%*s%s", pad, "", text);
	else if (column + 1 < t->columns)
		fprintf(out, "%s%*s", text, pad, "");
	else
		fputs(text, out);
	fputs(column + 1 < t->columns ? "  " : "\n", out);
}

int table_print(struct table *t, FILE *out)
{
	size_t widths[COLUMNS_MAX] = {0};
	int err = !t || t->no_memory ? -ENOMEM : 0;

	for (unsigned int i = 0; err == 0 && i < t->cells; i++)
		if (width_of(t->cell[i]) > widths[i % t->columns])
			widths[i % t->columns] = width_of(t->cell[i]);
	for (unsigned int i = 0; err == 0 && i < t->cells; i++)
		print_cell(t, i % t->columns, t->cell[i], widths[i % t->columns], out);
	table_destroy(t);
	return err;
}

char *table_duration(uint64_t ms, char buf[TABLE_DURATION_BYTES])
{
	uint64_t seconds = ms / 1000;
	unsigned int tenth = (unsigned int)(ms % 1000 / 100);
	unsigned int second = (unsigned int)(seconds % 60);
	unsigned int minute = (unsigned int)(seconds / 60 % 60);

	if (seconds >= 3600)
		snprintf(buf, TABLE_DURATION_BYTES, "%" PRIu64 ":%02u:%02u.%u", seconds / 3600,
			minute, second, tenth);
	else
		snprintf(buf, TABLE_DURATION_BYTES, "%u:%02u.%u", minute, second, tenth);
	return buf;
}
