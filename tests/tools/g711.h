/* G.711 decoding by the formulas of ITU-T G.711 (11/88), tables 1 and 2, as 16-bit samples: the
 * laws' 13 and 14 bits stand at the top. */
#ifndef LEGTAP_TESTS_TOOLS_G711_H
#define LEGTAP_TESTS_TOOLS_G711_H

#include <stdbool.h>
#include <stdint.h>

/* The samples of all 256 codes. */
void g711_table(bool a_law, int16_t table[256]);

#endif
