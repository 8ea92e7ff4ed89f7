/* Concealment for codecs that have none of their own, G.711 before all: spandsp's, which goes on
 * with the last pitch period and fades it out within 50 ms (after G.711 appendix I). What was
 * received is never changed. Owned by the finisher that made it. */
#ifndef LEGTAP_STORAGE_CONCEALER_H
#define LEGTAP_STORAGE_CONCEALER_H

#include <stddef.h>
#include <stdint.h>

struct concealer;

/* *out stays NULL where there is none: for rates above 16 kHz, or built without spandsp. 0 or
 * -ENOMEM.
 */
int concealer_make(struct concealer **out, uint32_t rate_hz);
void concealer_free(struct concealer *c);

/* Takes what was received. 0 or -ENOMEM. */
int concealer_hear(struct concealer *c, const int16_t *samples, size_t count);

/* Makes what comes after it. */
void concealer_fill(struct concealer *c, int16_t *out, size_t count);

#endif
