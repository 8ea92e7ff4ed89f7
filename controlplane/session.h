/* Transactions: which legs make up one call (product.md, Words). Used by leg.c alone; the control
 * thread. */
#ifndef LEGTAP_CONTROLPLANE_SESSION_H
#define LEGTAP_CONTROLPLANE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/leg.h"

struct sessions;

#define SESSION_LEGS_MAX \
	256 /* of a transaction: a device whose Session-ID never changes ties no more */

/* session_id_header: the transaction header is RFC 7989's. mask: of the hash tables. 0 or -ENOMEM.
 */
int sessions_create(struct sessions **out, bool session_id_header, size_t mask, uint64_t hash_key);
void sessions_destroy(struct sessions *s);

/* Puts a leg, whose CallId is set, into its transaction: `sibling`'s (may be NULL), or one that the
 * header's value is tied to, or that of the leg that it takes the place of (may be NULL), or a new
 * one; and sets its ParticipantTag. 0 or -ENOMEM. */
int session_enter(struct sessions *s, struct leg *leg, const struct leg *sibling,
	const char *header, const struct leg *replaced);

/* See leg_learn. */
void session_learn(struct sessions *s, struct leg *leg, const char *header);

/* See leg_tie. */
void session_tie(struct sessions *s, struct leg *leg, const char *value);

/* Moves a leg to another transaction. */
void session_move(struct sessions *s, struct leg *leg, struct session *to);

/* Takes a leg out; the transaction goes with its last leg. */
void session_leave(struct sessions *s, struct leg *leg);

struct session *sessions_find(struct sessions *s, const struct uuid *transaction_id);

#endif
