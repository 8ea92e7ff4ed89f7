/* Exact decimals for money: value = units / 10^scale. Control thread and legtapctl. */
#ifndef LEGTAP_CONTROLPLANE_DECIMAL_H
#define LEGTAP_CONTROLPLANE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#define DECIMAL_SCALE_MAX 12
#define DECIMAL_TEXT_BYTES 48

struct decimal {
	int64_t units;
	unsigned int scale; /* 0 to DECIMAL_SCALE_MAX */
};

/* Parses "0.0125" (digits, one point, an optional minus; no exponent). 0, -EINVAL, or -ERANGE. */
int decimal_parse(const char *text, struct decimal *out);

/* As text with exactly `scale` digits after the point. Returns buf. */
char *decimal_format(const struct decimal *d, char buf[DECIMAL_TEXT_BYTES]);

/* value × numerator / denominator, rounded half up (away from zero) to `scale` digits. 0 or
 * -ERANGE. */
int decimal_scale_round(const struct decimal *d, uint64_t numerator, uint64_t denominator,
	unsigned int scale, struct decimal *out);

/* Both of one scale. 0 or -ERANGE. */
int decimal_add(struct decimal *sum, const struct decimal *d);

#endif
