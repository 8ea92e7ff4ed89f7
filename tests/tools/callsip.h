/* The SIP messages of generated calls (RFC 3261, 3264, 4566, 7989). */
#ifndef LEGTAP_TESTS_TOOLS_CALLSIP_H
#define LEGTAP_TESTS_TOOLS_CALLSIP_H

#include <stdbool.h>
#include <stddef.h>

#include "callplan.h"

#define CALLSIP_BYTES_MAX 2048

/* Whether the participant sends this message (else the SBC does). */
bool callsip_from_participant(const struct plan_leg *l, enum sip_kind kind);

/* Writes a message of a leg. Its length. */
size_t callsip_write(const struct callplan_options *o, const struct plan_leg *l, enum sip_kind kind,
	char text[CALLSIP_BYTES_MAX]);

#endif
