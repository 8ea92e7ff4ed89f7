/* The configuration: one JSON file (comments allowed), read once at start. docs/configuration.md is
 * made from the table in config_keys.c, as are parser, --check and the refusal of unknown keys.
 * Read-only after config_load; any thread. */
#ifndef LEGTAP_CONTROLPLANE_CONFIG_H
#define LEGTAP_CONTROLPLANE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/errmsg.h"
#include "common/log.h"
#include "controlplane/decimal.h"
#include "dataplane/dataplane.h"
#include "storage/storage.h"

#define CONFIG_LIST_MAX 64
#define CONFIG_TEXT_BYTES 256
#define CONFIG_ACCOUNTS_MAX 1024
#define CONFIG_RULES_MAX 1024
#define CONFIG_CALLS_MAX 1024
#define CONFIG_CORE_MAX 1023
#define CONFIG_HEP_LISTENERS_MAX 8
#define CONFIG_SIPREC_LISTENERS_MAX 8

/* Which calls a rule or an account is for. An empty text or list matches all. Texts are shell
 * patterns (fnmatch(3)) on the user part of a SIP or tel URI ("+4930*"); `trunk` holds addresses or
 * prefixes of the signalling peer; `leg` is "LEG-A", "LEG-B" or "". */
struct call_match {
	char caller[CONFIG_TEXT_BYTES];
	char called[CONFIG_TEXT_BYTES];
	char account[64];			/* rules only */
	char leg[16];				/* rules only */
	char header[64];			/* accounts only: a SIP header of the INVITE … */
	char value[CONFIG_TEXT_BYTES];		/* … and the pattern of its value */
	char metadata[64];			/* accounts only: a name in SIPREC metadata … */
	char metadata_value[CONFIG_TEXT_BYTES]; /* … and the pattern of what it says */
	unsigned int trunk_count;
	struct netprefix trunks[CONFIG_LIST_MAX];
};

/* Ordinary calls that legtap answers. */
struct call_config {
	struct call_match match;
};

enum digit_policy { DIGITS_TONE, DIGITS_NONE, DIGITS_SILENCE };

struct account_config {
	char id[64];
	struct call_match match;
	enum digit_policy digits;
	struct decimal rate_per_minute;
	char currency[8];	       /* ISO 4217 */
	unsigned int currency_digits;  /* 0 to 6 */
	unsigned int rounding_seconds; /* ≥ 1 */
	unsigned int minimum_seconds;
	char location[CONFIG_TEXT_BYTES]; /* default "bucket" or "bucket/prefix"; "": the
					     destination's own */
	unsigned int location_count;	  /* 0: all buckets are allowed */
	char locations[CONFIG_LIST_MAX][CONFIG_TEXT_BYTES];
};

enum listen_transport { LISTEN_UDP, LISTEN_TCP, LISTEN_TLS };

/* Where HEPv3, or SIP of recording sessions, is listened for. */
struct listen_address {
	enum listen_transport transport;
	struct netaddr address;
};

/* "udp", "tcp" or "tls". */
const char *listen_transport_name(enum listen_transport transport);

enum digest_algorithms { DIGEST_MD5 = 1, DIGEST_SHA256 = 2 };

enum rule_from {
	FROM_ANSWER,
	FROM_EARLY_MEDIA,
	FROM_MEDIA
}; /* FROM_MEDIA: --read's own rule only */

struct rule_config {
	struct call_match match;
	unsigned int tracks;		  /* mask; 0: the rule names none (BOTH, or --record's) */
	char location[CONFIG_TEXT_BYTES]; /* "bucket" or "bucket/prefix"; "": the account's default
					   */
	enum rule_from from;
};

struct config {
	char site[64];
	unsigned int port_count;
	struct dataplane_port_config ports[DATAPLANE_PORTS_MAX];
	struct {
		int control; /* -1: any */
		unsigned int rx_count;
		int rx[TOPOLOGY_RX_MAX];
		unsigned int writer_count;
		int writers[TOPOLOGY_WRITERS_MAX];
		unsigned int finishers; /* threads, any core */
	} cores;
	struct {
		unsigned int address_count;
		struct netprefix addresses[CONFIG_LIST_MAX];
		unsigned int sip_port_count;
		uint16_t sip_ports[DATAPLANE_SIP_PORTS_MAX];
	} sbc;
	char transaction_header[64];
	struct {
		unsigned int listen_count; /* 0: HEP is off */
		struct listen_address listen[CONFIG_HEP_LISTENERS_MAX];
		char key[64]; /* "": none is asked for */
		unsigned int allow_count;
		struct netprefix allow[CONFIG_LIST_MAX];
	} hep;
	struct {
		unsigned int listen_count; /* 0: SIPREC is off */
		struct listen_address listen[CONFIG_SIPREC_LISTENERS_MAX];
		unsigned int media_address_count; /* 0: those of listen */
		struct netprefix media_addresses[CONFIG_SIPREC_LISTENERS_MAX];
		unsigned int media_port_count;
		uint16_t media_ports[2];  /* first and last */
		unsigned int allow_count; /* 0: sbc.addresses */
		struct netprefix allow[CONFIG_LIST_MAX];
		struct {
			char certificate[CONFIG_TEXT_BYTES]; /* PEM, the chain */
			char key[CONFIG_TEXT_BYTES];
			char client_ca[CONFIG_TEXT_BYTES]; /* "": clients need no certificate */
			unsigned int minimum;		   /* 12 or 13 */
		} tls;
		struct {
			char users_file[CONFIG_TEXT_BYTES]; /* "": nobody is asked */
			char realm[64];
			unsigned int algorithms; /* mask of enum digest_algorithms */
		} digest;
		unsigned int record;	  /* tracks that are recorded where no rule fits; 0: none */
		unsigned int preferences; /* 1: what participants prefer is done */
	} siprec;
	unsigned int call_count; /* ordinary calls that are answered, with siprec's addresses */
	struct call_config *calls;
	unsigned int account_count; /* the first is always "default" */
	struct account_config *accounts;
	unsigned int rule_count;
	struct rule_config *rules;
	struct {
		char url[CONFIG_TEXT_BYTES]; /* "": no application */
		char id[64];
		char aws_account_id[16];
		char region[64];
	} application;
	struct {
		enum destination_type type;
		char directory[CONFIG_TEXT_BYTES]; /* DESTINATION_DIRECTORY: buckets are folders in
						      it */
		char bucket[CONFIG_TEXT_BYTES]; /* where neither rule, account nor action names one
						 */
		struct s3_config s3;
		uint32_t retry_first_ms;
		uint32_t retry_most_ms;
	} destination;
	bool encode_g711;
	struct {
		char path[CONFIG_TEXT_BYTES];
		uint32_t max_age_ms;
		uint32_t reserve_mib;
	} spool;
	char ledger[CONFIG_TEXT_BYTES]; /* folder: ledger.jsonl and recordings.jsonl */
	struct {
		char path[108];
		unsigned int mode; /* from octal text, "0660" */
		char group[64];	   /* "": the process's */
	} socket;
	struct {
		char listen[NETADDR_TEXT_BYTES]; /* "127.0.0.1:8080"; "": off */
		char keys_file[CONFIG_TEXT_BYTES];
		char region[64]; /* "": any */
	} aws;
	struct {
		uint32_t frequency_hz;
		uint32_t duration_ms;
		int32_t level_dbm0;
	} pause_tone;
	bool conceal;
	struct {
		uint32_t streams;
		uint32_t tracks;
		uint32_t buffer_mib;
		uint32_t legs;
		uint32_t media_timeout_s;
		uint32_t no_media_s;
		uint32_t fragments; /* IP fragments that wait at an rx core */
		uint32_t fragment_hold_ms;
		uint32_t unknown_hold_ms; /* how long first packets of unknown flows are kept */
		uint32_t unknown_packets; /* how many of one flow */
		uint32_t unknown_flows;	  /* held at once */
		uint32_t recordings_kept; /* ended ones that /v1/recordings still shows */
		uint32_t events;	  /* newest ones that /v1/events can still send */
		uint32_t application_requests; /* to the application, under way at once */
	} limits;
	enum log_level log_level;
};

/* Fills the defaults (port list empty, sbc empty, account default) into a structure that need not
 * be initialised. 0 or -ENOMEM. */
int config_defaults(struct config *c);

/* Reads and checks a file on top of the defaults: c comes from config_defaults, and is fit for
 * nothing but config_destroy after an error. 0, or -errno with a message that names path, key,
 * range and, for an unknown key, the nearest known one. `read_mode`: ports are not required
 * (--read, --check). */
int config_load(struct config *c, const char *path, bool read_mode, struct errmsg *e);

/* The same from memory; `text` is not changed and need not end with a NUL. */
int config_parse(
	struct config *c, const char *text, size_t bytes, bool read_mode, struct errmsg *e);

/* Frees what a configuration holds. NULL is legal. */
void config_destroy(struct config *c);

/* Whether an address is the SBC's. */
static inline bool config_is_sbc(const struct config *c, const struct netaddr *a)
{
	return netprefix_any_contains(c->sbc.addresses, c->sbc.address_count, a);
}

/* Prints the effective configuration as JSON that config_load takes. */
void config_print(const struct config *c, FILE *out);

/* Prints the table of keys as Markdown (docs/configuration.md is checked against it). */
void config_print_keys(FILE *out);

#endif
