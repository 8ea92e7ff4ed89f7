/* A recording made by hand, rendered and read back, for tests to look into. */
#ifndef LEGTAP_TESTS_HEARD_H
#define LEGTAP_TESTS_HEARD_H

#include <cjson/cJSON.h>
#include <sndfile.h>

#include "recording_fixture.h"
#include "storage/g711.h"
#include "storage/render.h"

#define PACKET 160 /* samples, and octets of G.711 */
#define AT(ms) (FIXTURE_START + (ms)*FIXTURE_MS)

/* What a rendering came to. */
struct heard {
	struct render_result result;
	SF_INFO info;
	int16_t *samples; /* interleaved; NULL when it failed */
	cJSON *json;
};

/* From the fixture's start on. */
struct recording_window window(uint64_t duration_ms);

/* Renders what the fixture holds, which must end in a result; reads the WAV by libsndfile. */
void hear(struct fixture *f, struct heard *h);

/* Frees it, and removes the fixture. */
void forget(struct fixture *f, struct heard *h);

/* What a source's packets of fixture_audio, one behind the other from 0 on, say at a sample, as
 * u-law; before them silence. */
int16_t octet(uint32_t ssrc, int64_t at);

/* A sum, with saturation. */
int16_t clipped(int32_t sum);

int16_t sample(const struct heard *h, int channel, int64_t at);

/* Expects a packet of fixture_audio at a place; what is outside the file is passed over. */
void expect_packet(const struct heard *h, int channel, int64_t at, uint32_t ssrc, uint16_t sequence,
	enum g711_law law);
void expect_silence(const struct heard *h, int channel, int64_t from, int64_t to);

const cJSON *track_json(const struct heard *h, int index);
const cJSON *stream_json(const struct heard *h, int track, int index);
double number(const cJSON *object, const char *name);

#endif
