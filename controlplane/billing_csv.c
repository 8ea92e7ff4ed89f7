/* A report's lines as CSV (RFC 4180). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/billing.h"

static const char *const columns[] = {"account", "recording_id", "transaction_id", "call_id",
	"start", "stop", "delivered", "duration_ms", "billed_seconds", "rate_per_minute",
	"currency", "amount"};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void print_text(const char *text, FILE *out)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void print_line(const cJSON *line, FILE *out)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(line, columns[i]);

		fputs(i ? "," : "", out);
		if (cJSON_IsNumber(item))
			fprintf(out, "%.0f", item->valuedouble);
		else if (cJSON_IsString(item))
			print_text(item->valuestring, out);
	}
	fputs("\r\n", out);
}

char *billing_csv(const struct cJSON *report)
{
	const cJSON *lines = cJSON_GetObjectItemCaseSensitive(report, "lines");
	const cJSON *line;
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	int failed;

	if (!out)
		return NULL;
	for (size_t i = 0; i < COLUMNS; i++)
		fprintf(out, "%s%s", i ? "," : "", columns[i]);
	fputs("\r\n", out);
	cJSON_ArrayForEach(line, lines)
	{
		print_line(line, out);
	}
	failed = ferror(out);
	if (fclose(out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
