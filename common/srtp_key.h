/* Keys of SRTP (RFC 3711) as SDP carries them (RFC 4568): how the control thread hands them to the
 * writer of a track. They live in memory only; who holds one wipes it by srtp_keys_wipe when it is
 * done. Pure functions; any thread. */
#ifndef LEGTAP_COMMON_SRTP_KEY_H
#define LEGTAP_COMMON_SRTP_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum crypto_suite {
	CRYPTO_AES_CM_128_HMAC_SHA1_80, /* RFC 4568, 6.2 */
	CRYPTO_AES_CM_128_HMAC_SHA1_32,
	CRYPTO_AES_192_CM_HMAC_SHA1_80, /* RFC 6188 */
	CRYPTO_AES_192_CM_HMAC_SHA1_32,
	CRYPTO_AES_256_CM_HMAC_SHA1_80,
	CRYPTO_AES_256_CM_HMAC_SHA1_32,
	CRYPTO_AEAD_AES_128_GCM, /* RFC 7714 */
	CRYPTO_AEAD_AES_256_GCM,
	CRYPTO_SUITES,
};

struct crypto_suite_info {
	const char *name;   /* as registered */
	const char *alias;  /* as some write it; NULL: none */
	uint8_t key_bytes;  /* of the master key and the session key */
	uint8_t salt_bytes; /* of the master salt and the session salt */
	uint8_t tag_bytes;  /* of authentication */
	bool aead;
};

#define SRTP_SECRET_BYTES_MAX 46
#define SRTP_MKI_BYTES_MAX 128

/* One master key with what goes for the packets that it protects. */
struct srtp_key {
	uint32_t tag;			       /* of its a=crypto line */
	uint8_t suite;			       /* enum crypto_suite */
	uint8_t secret[SRTP_SECRET_BYTES_MAX]; /* master key, then master salt */
	uint8_t mki_bytes;		       /* 0: its packets bear no MKI */
	uint64_t mki;
	uint64_t lifetime;	     /* packets; 0: not said */
	uint32_t derivation_packets; /* key derivation rate; 0: derived once */
	bool unencrypted;	     /* UNENCRYPTED_SRTP */
	bool unencrypted_rtcp;	     /* UNENCRYPTED_SRTCP */
	bool unauthenticated;	     /* UNAUTHENTICATED_SRTP */
	bool derived_as_256; /* AES-192 as libsrtp had it up to 2.7.0 (its issue 763), and so
				most devices: session keys are derived as if key and salt, with
				zeros behind them, were those of AES-256 */
};

#define SRTP_KEYS_MAX 16

/* The keys by which one end protects what it sends, the newest first. */
struct srtp_keys {
	uint16_t count;
	uint16_t current; /* so many of them are of the newest session description; the others may
			     still protect packets that are under way */
	struct srtp_key list[SRTP_KEYS_MAX];
};

/* What the packets of a track are to its writer. */
enum srtp_mode {
	SRTP_MODE_PLAIN,  /* RTP; or SRTP that nobody has keys of: written as it came */
	SRTP_MODE_AWAIT,  /* perhaps SRTP; the keys or their absence are still to be told */
	SRTP_MODE_SEALED, /* SRTP: what no key opens is no audio */
	SRTP_MODE_EITHER, /* SRTP or RTP: what no key opens is RTP */
};

const struct crypto_suite_info *crypto_suite_info(enum crypto_suite suite);

/* By name or alias, case not regarded. 0 or -ENOENT. */
int crypto_suite_find(enum crypto_suite *out, const char *name, size_t length);

/* Whether they protect packets alike. */
bool srtp_key_equal(const struct srtp_key *a, const struct srtp_key *b);

/* Takes the `current` keys of `announced` to the head of `keys`; of those that were there so many
 * stay as find room, the others are wiped. Whether anything changed. */
bool srtp_keys_take(struct srtp_keys *keys, const struct srtp_keys *announced);

void srtp_keys_wipe(struct srtp_keys *keys);

#endif
