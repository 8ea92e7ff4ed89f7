/* Packets of SRTP that no key opened (CHUNK_FRAME_SEALED): which of them are a sender's audio that
 * nobody can read, and which somebody slipped in, or were damaged, among packets that were opened.
 * The former stay in the index as undecodable; the latter are counted and left out, so that they
 * take no part in order, loss and time. */
#ifndef LEGTAP_STORAGE_PACKET_SEALS_H
#define LEGTAP_STORAGE_PACKET_SEALS_H

#include "storage/packet_index.h"

/* So many in a row of one source, with none opened in between, are its audio: a second. */
#define PACKET_SEALS_RUN 50

/* The index is in the order of arrival. 0 or -ENOMEM. */
int packet_seals_settle(struct packet_index *index);

#endif
