/* The RTP payloads of AMR and AMR-WB (RFC 4867), octet-aligned and bandwidth-efficient, taken apart
 * into frames as a decoder wants them: a header octet (type and quality, 5.3) and the bits. Without
 * CRC, robust sorting and interleaving. A pure function; any thread. */
#ifndef LEGTAP_STORAGE_AMR_PAYLOAD_H
#define LEGTAP_STORAGE_AMR_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AMR_FRAMES_MAX 50      /* in a payload: 1 s */
#define AMR_FRAME_BYTES_MAX 61 /* with its header */
#define AMR_NO_DATA 15

struct amr_frame {
	bool is_speech; /* neither damaged, nor comfort noise, nor nothing */
	uint8_t octets[AMR_FRAME_BYTES_MAX];
};

/* A payload's table of contents: the number of its frames; 0: malformed. */
unsigned int amr_payload_count(
	bool wideband, bool octet_aligned, const uint8_t *payload, size_t bytes);

/* The frames; room for AMR_FRAMES_MAX. Returns their number; 0: malformed. */
unsigned int amr_payload_unpack(bool wideband, bool octet_aligned, const uint8_t *payload,
	size_t bytes, struct amr_frame *frames);

#endif
