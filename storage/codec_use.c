#include "storage/codec_use.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A new use at the end of a stream's list. NULL: no memory. */
static struct codec_use *append(struct codec_uses *uses, uint16_t stream, uint8_t codec)
{
	struct codec_use *use;
	uint32_t last = uses->first[stream];

	if (uses->count == uses->room) {
		uint32_t room = uses->room ? 2 * uses->room : 4;

		use = realloc(uses->list, room * sizeof(*use));
		if (!use)
			return NULL;
		uses->list = use;
		uses->room = room;
	}
	while (last != CODEC_USE_NONE && uses->list[last].next != CODEC_USE_NONE)
		last = uses->list[last].next;
	if (last == CODEC_USE_NONE)
		uses->first[stream] = uses->count;
	else
		uses->list[last].next = uses->count;
	use = &uses->list[uses->count++];
	*use = (struct codec_use){.codec = codec, .next = CODEC_USE_NONE};
	return use;
}

static struct codec_use *find(struct codec_uses *uses, uint16_t stream, uint8_t codec)
{
	for (uint32_t i = uses->first[stream]; i != CODEC_USE_NONE; i = uses->list[i].next)
		if (uses->list[i].codec == codec)
			return &uses->list[i];
	return append(uses, stream, codec);
}

int codec_uses_find(struct codec_uses *uses, const struct packet_index *index,
	const struct rtp_streams *streams, uint64_t from_ns, uint64_t to_ns)
{
	memset(uses, 0, sizeof(*uses));
	uses->first = malloc((streams->count + 1UL) * sizeof(uses->first[0]));
	if (!uses->first)
		return -ENOMEM;
	memset(uses->first, 0xff, (streams->count + 1UL) * sizeof(uses->first[0]));
	for (size_t i = 0; i < index->count; i++) {
		const struct packet *p = &index->packets[i];
		struct codec_use *use;

		if (p->is_copy || p->arrival_ns < from_ns || p->arrival_ns > to_ns)
			continue;
		use = find(uses, p->stream, p->codec);
		if (!use)
			return -ENOMEM;
		if (use->received++ == 0)
			use->first_ns = p->arrival_ns;
		use->last_ns = p->arrival_ns;
	}
	return 0;
}

void codec_uses_free(struct codec_uses *uses)
{
	free(uses->list);
	free(uses->first);
	memset(uses, 0, sizeof(*uses));
}
