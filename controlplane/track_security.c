#include "controlplane/track_security.h"

#include <string.h>

/* What both ends say counts: an offer may have plain and encrypted m= lines. Of a participant of a
 * recording session its own end alone. */
static bool is_encrypted(const struct leg *leg, const struct end_media *sender)
{
	const struct end_media *a = &leg->media[END_PARTICIPANT];
	const struct end_media *b = &leg->media[END_SBC];

	if (leg->siprec)
		return sender->encrypted;
	return (a->known || b->known) && (!a->known || a->encrypted) && (!b->known || b->encrypted);
}

static bool is_agreed(const struct srtp_key *key, const struct end_media *other)
{
	for (unsigned int i = 0; i < other->key_count; i++)
		if (other->keys[i].tag == key->tag && other->keys[i].suite == key->suite &&
			other->keys[i].unauthenticated)
			return true;
	return false;
}

static bool is_aes_192(const struct srtp_key *key)
{
	return key->suite == CRYPTO_AES_192_CM_HMAC_SHA1_80 ||
	       key->suite == CRYPTO_AES_192_CM_HMAC_SHA1_32;
}

/* Of AES-192 both ways of deriving are tried, where authentication tells which it was. */
static void gather_keys(
	struct srtp_keys *out, const struct end_media *sender, const struct end_media *receiver)
{
	for (unsigned int i = 0; i < sender->key_count && out->count < SRTP_KEYS_MAX; i++) {
		const struct srtp_key *key = &sender->keys[i];

		if (key->unauthenticated && !is_agreed(key, receiver))
			continue;
		out->current += i < sender->keys_current;
		out->list[out->count++] = *key;
		if (!is_aes_192(key) || key->unauthenticated || out->count == SRTP_KEYS_MAX)
			continue;
		out->list[out->count] = *key;
		out->list[out->count++].derived_as_256 = true;
	}
}

static enum undecryptable find_why(const struct end_media *sender, const struct end_media *receiver)
{
	if (sender->dtls || receiver->dtls)
		return UNDECRYPTABLE_DTLS;
	return sender->unusable_key ? UNDECRYPTABLE_UNUSABLE_KEY : UNDECRYPTABLE_NO_KEY;
}

void track_security_find(struct track_security *out, const struct leg *leg, enum track track)
{
	bool incoming = track == TRACK_INCOMING;
	const struct end_media *sender = &leg->media[incoming ? END_PARTICIPANT : END_SBC];
	const struct end_media *receiver = &leg->media[incoming ? END_SBC : END_PARTICIPANT];

	memset(out, 0, sizeof(*out));
	gather_keys(&out->keys, sender, receiver);
	if (!is_encrypted(leg, sender))
		return;
	if (!sender->known && !leg->siprec)
		out->mode = SRTP_MODE_AWAIT;
	else if (!receiver->known && sender->plain)
		out->mode = SRTP_MODE_EITHER;
	else
		out->mode = SRTP_MODE_SEALED;
	if (out->mode == SRTP_MODE_SEALED && out->keys.current == 0)
		out->why = find_why(sender, receiver);
}

const char *undecryptable_name(enum undecryptable why)
{
	static const char *const names[] = {
		[DECRYPTABLE] = NULL,
		[UNDECRYPTABLE_DTLS] = "dtls",
		[UNDECRYPTABLE_NO_KEY] = "no_key",
		[UNDECRYPTABLE_UNUSABLE_KEY] = "unusable_key",
		[UNDECRYPTABLE_NO_MEMORY] = "no_memory",
	};

	return names[why];
}
