/* The decoding tables against sox and ffmpeg, which decode all 256 codes. Exit status 77: neither
 * is installed. */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "g711.h"

#define CODES 256
#define EXIT_SKIPPED 77

static bool is_installed(const char *program)
{
	char command[128];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	return system(command) == 0;
}

/* Runs a decoder over a file of all codes. */
static void decode(const char *command, int16_t samples[CODES])
{
	FILE *p = popen(command, "r");

	if (!p || fread(samples, sizeof(samples[0]), CODES, p) != CODES)
		errx(1, "no samples from: %s", command);
	pclose(p);
}

static void compare(const char *command, bool a_law)
{
	int16_t table[CODES], samples[CODES];

	g711_table(a_law, table);
	decode(command, samples);
	for (int code = 0; code < CODES; code++) {
		if (table[code] != samples[code])
			errx(1, "code %d: %d, but %d by: %s", code, table[code], samples[code],
				command);
	}
	printf("256 codes agree: %s\n", command);
}

int main(void)
{
	char path[] = "/tmp/g711_codes_XXXXXX", command[256];
	uint8_t codes[CODES];
	int fd = mkstemp(path);

	for (int code = 0; code < CODES; code++)
		codes[code] = (uint8_t)code;
	if (fd < 0 || write(fd, codes, sizeof(codes)) != sizeof(codes))
		err(1, "%s", path);
	close(fd);
	for (int a_law = 0; a_law < 2; a_law++) {
		snprintf(command, sizeof(command), "sox -t %s -r 8000 -c 1 %s -t s16 -L -",
			a_law ? "al" : "ul", path);
		if (is_installed("sox"))
			compare(command, a_law);
		snprintf(command, sizeof(command),
			"ffmpeg -v error -f %s -ar 8000 -ac 1 -i %s -f s16le -",
			a_law ? "alaw" : "mulaw", path);
		if (is_installed("ffmpeg"))
			compare(command, a_law);
	}
	unlink(path);
	if (is_installed("sox") || is_installed("ffmpeg"))
		return 0;
	printf("skipped: neither sox nor ffmpeg is installed\n");
	return EXIT_SKIPPED;
}
