/* The names of what is encrypted, and of what is no audio (storage/storage.h). Pure functions; any
 * thread. */
#include <stdio.h>
#include <string.h>

#include "storage/storage.h"

static const char *const prefixes[] = {[SEALED_SRTP] = "SRTP ", [SEALED_DTLS] = "DTLS-SRTP "};

bool codec_is_sealed(const struct codec *codec)
{
	for (unsigned int i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(codec->name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

void codec_seal(struct codec *codec, enum sealed_by by)
{
	char name[sizeof(codec->name)] = "";

	if (codec_is_sealed(codec))
		return;
	snprintf(name, sizeof(name), "%s%.*s", prefixes[by],
		(int)(sizeof(name) - strlen(prefixes[by]) - 1), codec->name);
	memcpy(codec->name, name, sizeof(name));
}

/* RFC 8866, 5.14; what is no RTP has no payload types. */
bool codec_is_other_media(const struct codec *codec)
{
	static const char *const media[] = {"VIDEO ", "TEXT ", "APPLICATION ", "IMAGE "};

	for (unsigned int i = 0; i < sizeof(media) / sizeof(media[0]); i++)
		if (strncmp(codec->name, media[i], strlen(media[i])) == 0)
			return true;
	return false;
}
