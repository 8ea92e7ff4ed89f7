/* See leg_media.h. */
#include "controlplane/leg_media.h"

#include <stdlib.h>
#include <string.h>

/* Adds an address, or moves it to the end, the place of the newest; the oldest makes room. */
static bool add_address(struct end_media *m, const struct netaddr *a)
{
	unsigned int place = 0;

	while (place < m->address_count && !netaddr_equal(&m->addresses[place], a))
		place++;
	if (m->address_count > 0 && place == m->address_count - 1U)
		return false;
	if (place == m->address_count && m->address_count < LEG_ADDRESSES_MAX) {
		struct netaddr *more =
			realloc(m->addresses, (m->address_count + 1U) * sizeof(m->addresses[0]));

		if (!more)
			return false;
		m->addresses = more;
		m->address_count++;
	} else if (place == m->address_count) {
		place = 0;
	}
	memmove(&m->addresses[place], &m->addresses[place + 1],
		(m->address_count - 1U - place) * sizeof(m->addresses[0]));
	m->addresses[m->address_count - 1] = *a;
	return true;
}

/* The order of several addresses that are all known already is no news. */
static bool add_addresses(struct end_media *to, const struct leg_media *from)
{
	unsigned int known = 0;
	bool changed = false;

	for (unsigned int i = 0; i < from->address_count; i++)
		for (unsigned int k = 0; k < to->address_count; k++)
			known += netaddr_equal(&from->addresses[i], &to->addresses[k]);
	if (from->address_count > 1 && known == from->address_count)
		return false;
	for (unsigned int i = 0; i < from->address_count; i++)
		changed = add_address(to, &from->addresses[i]) || changed;
	return changed;
}

static bool take_others(struct end_media *to, const struct leg_media *from)
{
	size_t bytes = from->other_count * sizeof(to->others[0]);
	struct leg_other *taken = NULL;

	if (to->other_count == from->other_count &&
		(bytes == 0 || memcmp(to->others, from->others, bytes) == 0))
		return false;
	if (bytes) {
		taken = malloc(bytes);
		if (!taken)
			return false;
		memcpy(taken, from->others, bytes);
	}
	free(to->others);
	to->others = taken;
	to->other_count = (uint8_t)from->other_count;
	return true;
}

/* A description without audio (a fax, a video that stays) leaves the codecs as they were. */
static bool take_codecs(
	struct end_media *to, struct codec_lists *lists, const struct leg_media *from)
{
	const struct codec *taken;
	bool changed;

	if (from->codec_count == 0)
		return false;
	changed = take_others(to, from);
	if (codec_list_equal(to->codecs, to->codec_count, from->codecs, from->codec_count))
		return changed;
	taken = codec_list_take(lists, from->codecs, from->codec_count);
	if (!taken)
		return changed;
	codec_list_release(lists, to->codecs);
	to->codecs = taken;
	to->codec_count = (uint8_t)from->codec_count;
	return true;
}

static void wipe_keys(struct end_media *m)
{
	if (m->keys)
		explicit_bzero(m->keys, m->key_count * sizeof(m->keys[0]));
	free(m->keys);
	m->keys = NULL;
	m->key_count = 0;
	m->keys_current = 0;
}

bool end_media_take_keys(struct end_media *m, const struct srtp_keys *keys)
{
	struct srtp_keys all;
	struct srtp_key *kept;
	bool changed;

	if (m->key_count == 0 && keys->current == 0)
		return false;
	end_media_get_keys(m, &all);
	changed = srtp_keys_take(&all, keys);
	kept = malloc(all.count * sizeof(kept[0]));
	if (kept) {
		memcpy(kept, all.list, all.count * sizeof(kept[0]));
		wipe_keys(m);
		m->keys = kept;
		m->key_count = (uint8_t)all.count;
		m->keys_current = (uint8_t)all.current;
	}
	srtp_keys_wipe(&all);
	return kept && changed;
}

struct end_media_change end_media_take(
	struct end_media *m, struct codec_lists *lists, const struct leg_media *media)
{
	bool moved = add_addresses(m, media) || m->sends != media->sends ||
		     m->receives != media->receives;
	struct end_media_change change = {.moved = m->known && moved, .any = moved || !m->known};

	change.any = take_codecs(m, lists, media) || change.any;
	change.any = end_media_take_keys(m, &media->keys) || change.any;
	change.any = change.any || m->ptime_ms != media->ptime_ms ||
		     m->encrypted != media->encrypted || m->dtls != media->dtls ||
		     m->plain != media->plain || m->unusable_key != media->unusable_key;
	m->known = true;
	m->sends = media->sends;
	m->receives = media->receives;
	m->ptime_ms = media->ptime_ms;
	m->encrypted = media->encrypted;
	m->sender = media->sender;
	m->dtls = media->dtls;
	m->plain = media->plain;
	m->unusable_key = media->unusable_key;
	return change;
}

void end_media_get_keys(const struct end_media *m, struct srtp_keys *out)
{
	memset(out, 0, sizeof(*out));
	out->count = m->key_count;
	out->current = m->keys_current;
	if (m->key_count)
		memcpy(out->list, m->keys, m->key_count * sizeof(m->keys[0]));
}

void end_media_get(const struct end_media *m, struct leg_media *out)
{
	memset(out, 0, sizeof(*out));
	end_media_get_keys(m, &out->keys);
	out->address_count = m->address_count;
	out->codec_count = m->codec_count;
	if (m->address_count)
		memcpy(out->addresses, m->addresses, m->address_count * sizeof(m->addresses[0]));
	if (m->codec_count)
		memcpy(out->codecs, m->codecs, m->codec_count * sizeof(m->codecs[0]));
	out->other_count = m->other_count;
	if (m->other_count)
		memcpy(out->others, m->others, m->other_count * sizeof(m->others[0]));
	out->known = m->known;
	out->sends = m->sends;
	out->receives = m->receives;
	out->encrypted = m->encrypted;
	out->plain = m->plain;
	out->dtls = m->dtls;
	out->unusable_key = m->unusable_key;
	out->ptime_ms = m->ptime_ms;
	out->sender = m->sender;
}

void end_media_clear(struct end_media *m, struct codec_lists *lists)
{
	wipe_keys(m);
	codec_list_release(lists, m->codecs);
	free(m->others);
	free(m->addresses);
	memset(m, 0, sizeof(*m));
}

bool end_media_is_held(const struct end_media *m)
{
	return m->known && !(m->sends && m->receives);
}

bool leg_media_guess(
	const struct netaddr *sender, const struct netaddr *address, struct netaddr *out)
{
	*out = *sender;
	out->port = address->port;
	return sender->family != 0 && !netaddr_same_host(sender, address);
}
