#include "storage/codec_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNRESOLVED 0xff
#define FIRST_DYNAMIC 96
#define CLOCK_HZ_LEAST 1000 /* what SDP says beyond these is no clock of audio */
#define CLOCK_HZ_MOST 192000

/* RFC 3551, tables 4 and 5, and RFC 3389: audio. 19 was comfort noise before 13 was. */
static const struct codec static_types[] = {
	{0, 1, 8000, "PCMU", ""},
	{3, 1, 8000, "GSM", ""},
	{4, 1, 8000, "G723", ""},
	{5, 1, 8000, "DVI4", ""},
	{6, 1, 16000, "DVI4", ""},
	{7, 1, 8000, "LPC", ""},
	{8, 1, 8000, "PCMA", ""},
	{9, 1, 8000, "G722", ""},
	{10, 2, 44100, "L16", ""},
	{11, 1, 44100, "L16", ""},
	{12, 1, 8000, "QCELP", ""},
	{13, 1, 8000, "CN", ""},
	{14, 1, 90000, "MPA", ""},
	{15, 1, 8000, "G728", ""},
	{16, 1, 11025, "DVI4", ""},
	{17, 1, 22050, "DVI4", ""},
	{18, 1, 8000, "G729", ""},
	{19, 1, 8000, "CN", ""},
};

static const struct codec unknown = {.clock_hz = 8000, .name = "UNKNOWN"};

static int by_time(const void *a, const void *b)
{
	const struct journal_codecs *x = *(const struct journal_codecs *const *)a;
	const struct journal_codecs *y = *(const struct journal_codecs *const *)b;

	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return x < y ? -1 : x > y;
}

static bool names_others(const struct journal_codecs *epoch)
{
	for (unsigned int i = 0; i < epoch->count; i++)
		if (codec_is_other_media(&epoch->codecs[i]))
			return true;
	return false;
}

int codec_map_init(struct codec_map *map, const struct journal *journal, enum track track)
{
	memset(map, 0, sizeof(*map));
	map->epochs = calloc(journal->codecs_count + 1, sizeof(map->epochs[0]));
	map->resolved = malloc((journal->codecs_count + 1) * sizeof(map->resolved[0]));
	if (!map->epochs || !map->resolved) {
		codec_map_free(map);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < journal->codecs_count; i++)
		if (journal->codecs[i].track == track) {
			map->epochs[map->epoch_count++] = &journal->codecs[i];
			map->has_others = map->has_others || names_others(&journal->codecs[i]);
		}
	qsort(map->epochs, map->epoch_count, sizeof(map->epochs[0]), by_time);
	memset(map->resolved, UNRESOLVED, (journal->codecs_count + 1) * sizeof(map->resolved[0]));
	return 0;
}

void codec_map_free(struct codec_map *map)
{
	free(map->epochs);
	free(map->resolved);
	memset(map, 0, sizeof(*map));
}

static const struct codec *in_list(const struct codec *codecs, size_t count, uint8_t payload_type)
{
	for (size_t i = 0; i < count; i++)
		if (codecs[i].payload_type == payload_type)
			return &codecs[i];
	return NULL;
}

static const struct codec *in_epoch(
	const struct codec_map *map, unsigned int epoch, uint8_t payload_type)
{
	if (epoch >= map->epoch_count)
		return NULL;
	return in_list(map->epochs[epoch]->codecs, map->epochs[epoch]->count, payload_type);
}

static const struct codec *search(const struct codec_map *map, uint8_t payload_type)
{
	const struct codec *found = in_epoch(map, map->epoch, payload_type);

	if (!found && payload_type < FIRST_DYNAMIC)
		found = in_list(
			static_types, sizeof(static_types) / sizeof(static_types[0]), payload_type);
	for (unsigned int epoch = map->epoch; !found && epoch-- > 0;)
		found = in_epoch(map, epoch, payload_type);
	for (unsigned int epoch = map->epoch + 1; !found && epoch < map->epoch_count; epoch++)
		found = in_epoch(map, epoch, payload_type);
	return found;
}

static enum packet_kind kind_of(const struct codec *codec, const struct decoder_type *decoder)
{
	if (strcmp(codec->name, "TELEPHONE-EVENT") == 0)
		return PACKET_EVENT;
	if (strcmp(codec->name, "CN") == 0)
		return PACKET_SILENCE;
	if (strcmp(codec->name, "RED") == 0)
		return PACKET_REDUNDANT;
	if (codec_is_other_media(codec))
		return PACKET_OTHER_MEDIA;
	return decoder ? PACKET_AUDIO : PACKET_UNDECODABLE;
}

static bool same_codec(const struct codec *a, const struct codec *b)
{
	return a->payload_type == b->payload_type && a->channels == b->channels &&
	       a->clock_hz == b->clock_hz && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->fmtp, b->fmtp) == 0;
}

/* Past the limit every new codec shares the last entry: a hostile stream, and undecodable. */
static uint8_t enter(struct codec_map *map, const struct codec *codec)
{
	struct track_codec *entry;

	for (unsigned int i = 0; i < map->known_count; i++)
		if (same_codec(&map->known[i].codec, codec))
			return (uint8_t)i;
	if (map->known_count == CODEC_MAP_KNOWN_MAX - 1)
		codec = &unknown;
	if (map->known_count == CODEC_MAP_KNOWN_MAX)
		return CODEC_MAP_KNOWN_MAX - 1;
	entry = &map->known[map->known_count];
	entry->codec = *codec;
	entry->decoder = decoder_find(codec, &entry->form);
	entry->kind = kind_of(codec, entry->decoder);
	entry->unexplained = strcmp(codec->name, unknown.name) == 0;
	entry->sealed = codec_is_sealed(codec);
	return (uint8_t)map->known_count++;
}

/* What a payload type means in the map's epoch. */
static struct codec explain(const struct codec_map *map, uint8_t payload_type)
{
	const struct codec *found = search(map, payload_type);
	struct codec unexplained = unknown;

	if (found && found->clock_hz >= CLOCK_HZ_LEAST && found->clock_hz <= CLOCK_HZ_MOST)
		return *found;
	unexplained.payload_type = payload_type;
	return unexplained;
}

static void go_to_epoch(struct codec_map *map, uint64_t arrival_ns)
{
	while (map->epoch + 1 < map->epoch_count &&
		map->epochs[map->epoch + 1]->at_ns <= arrival_ns)
		map->epoch++;
	while (map->epoch > 0 && map->epochs[map->epoch]->at_ns > arrival_ns)
		map->epoch--;
}

uint8_t codec_map_find(struct codec_map *map, uint8_t payload_type, uint64_t arrival_ns)
{
	struct codec codec;
	uint8_t *slot;

	go_to_epoch(map, arrival_ns);
	slot = &map->resolved[map->epoch][payload_type];
	if (*slot == UNRESOLVED) {
		codec = explain(map, payload_type);
		*slot = enter(map, &codec);
	}
	return *slot;
}

bool codec_map_is_other_media(struct codec_map *map, uint8_t payload_type, uint64_t arrival_ns)
{
	struct codec codec;

	if (!map->has_others)
		return false;
	go_to_epoch(map, arrival_ns);
	codec = explain(map, payload_type);
	return codec_is_other_media(&codec);
}

uint8_t codec_map_find_sealed(struct codec_map *map, uint8_t payload_type, uint64_t arrival_ns)
{
	struct codec codec;

	go_to_epoch(map, arrival_ns);
	codec = explain(map, payload_type);
	codec_seal(&codec, SEALED_SRTP);
	return enter(map, &codec);
}
