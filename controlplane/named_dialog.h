/* The dialog that a Replaces (RFC 3891, 6.1) or Join (RFC 3911, 7.1) header names:
 * "call-id;to-tag=x;from-tag=y". A pure function; any thread. */
#ifndef LEGTAP_CONTROLPLANE_NAMED_DIALOG_H
#define LEGTAP_CONTROLPLANE_NAMED_DIALOG_H

#include "controlplane/leg.h"

struct named_dialog {
	char call_id[LEG_TEXT_BYTES];
	char to_tag[LEG_TEXT_BYTES];
	char from_tag[LEG_TEXT_BYTES];
};

/* Takes a header's value, unfolded. 0; -EBADMSG: one of the three is missing, or there twice;
 * -EMSGSIZE: one is longer than a leg's. Then *out is not to be used. */
int named_dialog_parse(struct named_dialog *out, const char *value);

#endif
