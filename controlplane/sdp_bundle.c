#include "controlplane/sdp_bundle.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORDS_MAX 16 /* of a group; each costs a pass over the description */

/* A piece of the description. */
struct piece {
	const char *text;
	size_t bytes;
};

/* Takes the next line, without its end; false: there is none. */
static bool take_line(const char **at, const char *end, struct piece *line)
{
	while (*at < end && (**at == '\r' || **at == '\n'))
		(*at)++;
	line->text = *at;
	while (*at < end && **at != '\r' && **at != '\n')
		(*at)++;
	line->bytes = (size_t)(*at - line->text);
	while (line->bytes > 0 && strchr(" \t", line->text[line->bytes - 1]))
		line->bytes--;
	return line->bytes > 0;
}

static bool begins(struct piece line, const char *text)
{
	return line.bytes >= strlen(text) && strncasecmp(line.text, text, strlen(text)) == 0;
}

/* The rest of the first line that begins so, up to the next m= line. Nothing: .text NULL. */
static struct piece find_line(const char *at, const char *end, const char *text)
{
	struct piece line;

	while (take_line(&at, end, &line) && !begins(line, "m="))
		if (begins(line, text))
			return (struct piece){line.text + strlen(text), line.bytes - strlen(text)};
	return (struct piece){0};
}

/* The next of a list of words. */
static bool take_word(struct piece *list, struct piece *word)
{
	while (list->bytes > 0 && *list->text == ' ') {
		list->text++;
		list->bytes--;
	}
	word->text = list->text;
	word->bytes = 0;
	while (list->bytes > 0 && *list->text != ' ') {
		list->text++;
		list->bytes--;
		word->bytes++;
	}
	return word->bytes > 0;
}

static bool same(struct piece a, struct piece b)
{
	return a.bytes == b.bytes && memcmp(a.text, b.text, a.bytes) == 0;
}

static bool has_word(struct piece list, struct piece wanted)
{
	struct piece word;

	while (take_word(&list, &word))
		if (same(word, wanted))
			return true;
	return false;
}

/* The group of the session's part that has the mid. */
static struct piece find_group(const char *sdp, const char *end, struct piece mid)
{
	static const char name[] = "a=group:BUNDLE ";
	struct piece line;

	while (take_line(&sdp, end, &line) && !begins(line, "m="))
		if (begins(line, name)) {
			struct piece list = {line.text + strlen(name), line.bytes - strlen(name)};

			if (has_word(list, mid))
				return list;
		}
	return (struct piece){0};
}

/* "m=video 5004/2 RTP/AVP 99" */
static unsigned long port_of(struct piece line)
{
	unsigned long port = 0;
	struct piece word;

	if (!take_word(&line, &word) || !take_word(&line, &word))
		return 0;
	for (size_t i = 0; i < word.bytes && port <= UINT16_MAX; i++) {
		if (word.text[i] < '0' || word.text[i] > '9')
			break;
		port = port * 10 + (unsigned long)(word.text[i] - '0');
	}
	return port <= UINT16_MAX ? port : 0;
}

/* The m= line of a mid, if it has a port. */
static bool find_section(struct sdp_bundle *out, const char *sdp, const char *end, struct piece mid)
{
	struct piece line;

	while (take_line(&sdp, end, &line)) {
		unsigned long port = begins(line, "m=") ? port_of(line) : 0;
		struct piece its = port ? find_line(sdp, end, "a=mid:") : (struct piece){0};

		if (!its.text || !same(its, mid))
			continue;
		*out = (struct sdp_bundle){sdp, (uint16_t)port};
		return true;
	}
	return false;
}

int sdp_bundle_find(struct sdp_bundle *out, const char *sdp, const char *end, const char *section)
{
	struct piece mid = find_line(section, end, "a=mid:");
	struct piece group;
	struct piece word;

	if (!mid.text || !find_line(section, end, "a=bundle-only").text)
		return -ENOENT;
	group = find_group(sdp, end, mid);
	for (unsigned int i = 0; i < WORDS_MAX && take_word(&group, &word); i++)
		if (find_section(out, sdp, end, word))
			return 0;
	return -ENOENT;
}
