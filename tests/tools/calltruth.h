/* The truth about generated calls: one JSON object a line for each stream.
 *
 *   call, leg, side (caller, callee: the participant), track (INCOMING, OUTGOING),
 *   sip_call_id, from_tag, law (PCMU, PCMA), rate, ssrc (eight hex digits), source, destination,
 *   key (sixteen hex digits, see noise.h), samples_per_packet, sequence and timestamp of packet 0,
 *   sent (packets, lost ones included), invite_us, answer_us, bye_us (0: none),
 *   first_us (arrival of the first packet; 0: none arrived),
 *   packets: numbers of the packets that arrived, in the order of arrival, copies included,
 *   arrivals_us: when, after first_us.
 *
 * Times are capture times, in microseconds since the epoch (exact as a double, as JSON has it). */
#ifndef LEGTAP_TESTS_TOOLS_CALLTRUTH_H
#define LEGTAP_TESTS_TOOLS_CALLTRUTH_H

#include "callplan.h"

/* Errors end the program. */
void calltruth_write(const struct callplan *p, const char *path);

#endif
