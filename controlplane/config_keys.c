/* The one table of configuration keys: parser, --check, refusal of unknown keys and
 * docs/configuration.md are made from it. The order is that of the printed configuration. */
#include <stdlib.h>
#include <string.h>

#include "controlplane/config_form.h"
#include "controlplane/config_key.h"

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)
#define LIST(type, member, count) \
	.offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member[0]), \
	.most = sizeof(((type *)NULL)->member) / sizeof(((type *)NULL)->member[0]), \
	.count_offset = offsetof(type, count)
#define RANGE(low, high) .minimum = (low), .maximum = (high)

static void *grow(void **list, unsigned int *count, unsigned int most, size_t size)
{
	char *longer;

	if (*count == most)
		return NULL;
	longer = realloc(*list, (*count + 1) * size);
	if (!longer)
		return NULL;
	*list = longer;
	return memset(longer + (*count)++ * size, 0, size);
}

static void *append_port(struct config *c)
{
	return c->port_count == DATAPLANE_PORTS_MAX ? NULL : &c->ports[c->port_count++];
}

static void *append_account(struct config *c)
{
	void *list = c->accounts;
	void *added = grow(&list, &c->account_count, CONFIG_ACCOUNTS_MAX, sizeof(c->accounts[0]));

	c->accounts = list;
	return added;
}

static void *append_rule(struct config *c)
{
	void *list = c->rules;
	void *added = grow(&list, &c->rule_count, CONFIG_RULES_MAX, sizeof(c->rules[0]));

	c->rules = list;
	return added;
}

static void *append_call(struct config *c)
{
	void *list = c->calls;
	void *added = grow(&list, &c->call_count, CONFIG_CALLS_MAX, sizeof(c->calls[0]));

	c->calls = list;
	return added;
}

static const void *port_at(const struct config *c, size_t i)
{
	return i < c->port_count ? &c->ports[i] : NULL;
}

static const void *account_at(const struct config *c, size_t i)
{
	return i < c->account_count ? &c->accounts[i] : NULL;
}

static const void *rule_at(const struct config *c, size_t i)
{
	return i < c->rule_count ? &c->rules[i] : NULL;
}

static const void *call_at(const struct config *c, size_t i)
{
	return i < c->call_count ? &c->calls[i] : NULL;
}

static const struct key_choice legs[] = {{"LEG-A", 0}, {"LEG-B", 0}, {NULL, 0}};
static const struct key_choice tracks[] = {{"BOTH", TRACKS_BOTH},
	{"INCOMING", TRACK_BIT(TRACK_INCOMING)}, {"OUTGOING", TRACK_BIT(TRACK_OUTGOING)},
	{NULL, 0}};
static const struct key_choice port_answers[] = {{"auto", PORT_ANSWERS_AUTO},
	{"always", PORT_ANSWERS_ALWAYS}, {"never", PORT_ANSWERS_NEVER}, {NULL, 0}};
static const struct key_choice siprec_records[] = {{"BOTH", TRACKS_BOTH},
	{"INCOMING", TRACK_BIT(TRACK_INCOMING)}, {"OUTGOING", TRACK_BIT(TRACK_OUTGOING)},
	{"none", 0}, {NULL, 0}};
static const struct key_choice preferences[] = {{"honour", 1}, {"ignore", 0}, {NULL, 0}};
static const struct key_choice digits[] = {
	{"tone", DIGITS_TONE}, {"none", DIGITS_NONE}, {"silence", DIGITS_SILENCE}, {NULL, 0}};
static const struct key_choice tls_versions[] = {{"1.2", 12}, {"1.3", 13}, {NULL, 0}};
static const struct key_choice digest_algorithms[] = {{"MD5", DIGEST_MD5},
	{"SHA-256", DIGEST_SHA256}, {"both", DIGEST_MD5 | DIGEST_SHA256}, {NULL, 0}};
static const struct key_choice starts[] = {
	{"answer", FROM_ANSWER}, {"early_media", FROM_EARLY_MEDIA}, {NULL, 0}};
static const struct key_choice destinations[] = {
	{"directory", DESTINATION_DIRECTORY}, {"s3", DESTINATION_S3}, {NULL, 0}};
static const struct key_choice encodings[] = {{"pcm16", false}, {"g711", true}, {NULL, 0}};
static const struct key_choice levels[] = {{"error", LOG_LEVEL_ERROR},
	{"warning", LOG_LEVEL_WARNING}, {"info", LOG_LEVEL_INFO}, {"debug", LOG_LEVEL_DEBUG},
	{NULL, 0}};

const struct config_key config_keys[] = {
	{"site", KEY_TEXT, FIELD(struct config, site), .fallback = "\"default\"",
		.form = &form_name,
		.help = "Goes into every CallId and TransactionId. Boxes that watch the same calls "
			"share it, so that they agree on the ids; others must differ."},
	{"ports", KEY_OBJECTS, .most = DATAPLANE_PORTS_MAX, .append = append_port, .at = port_at,
		.help = "The ports that receive the mirrored traffic. legtapd needs at least one; "
			"`--read` and `--check` need none."},
	{"ports[].device", KEY_TEXT, FIELD(struct dataplane_port_config, device), .required = true,
		.form = &form_device,
		.help = "A PCI address (`0000:03:00.0`) or a DPDK vdev string "
			"(`net_af_packet0,iface=mirror0`)."},
	{"ports[].rx_queues", KEY_INTEGER, FIELD(struct dataplane_port_config, rx_queues),
		.fallback = "0", RANGE(0, TOPOLOGY_RX_MAX), .unit = "queues",
		.help = "Receive queues. 0: one for each rx core, as far as the driver has them."},
	{"ports[].frame_bytes", KEY_INTEGER, FIELD(struct dataplane_port_config, frame_bytes),
		.fallback = "9216", RANGE(1518, 16384), .unit = "bytes",
		.help = "The longest frame that the port takes, jumbo frames included."},
	{"ports[].separate", KEY_BOOLEAN, FIELD(struct dataplane_port_config, separate),
		.fallback = "false",
		.help = "Media is matched only in the encapsulation (VLAN, VNI, session) that its "
			"SIP came in. With --read the first port's counts."},
	{"ports[].answers", KEY_CHOICE, FIELD(struct dataplane_port_config, answers),
		.fallback = "\"auto\"", .choices = port_answers,
		.help = "For which of `siprec.media_addresses` legtap itself answers ARP, "
			"neighbour "
			"discovery and ping at this port. `auto`: those that no interface of the "
			"kernel's has. `always`: these, and all of them where the kernel does not "
			"see "
			"the port (any but `net_af_packet`). `never` suits a port that only shows "
			"a "
			"mirror."},
	{"cores", KEY_OBJECT, .help = "Which CPU core runs which thread."},
	{"cores.control", KEY_INTEGER, FIELD(struct config, cores.control), .fallback = "-1",
		RANGE(-1, CONFIG_CORE_MAX), .unit = "core",
		.help = "The core of the control thread. -1: wherever the scheduler likes."},
	{"cores.rx", KEY_CORES, LIST(struct config, cores.rx, cores.rx_count), .fallback = "[-1]",
		RANGE(-1, CONFIG_CORE_MAX), .unit = "cores",
		.help = "One rx thread for each entry. They poll without end: give each a core of "
			"its own. -1: wherever the scheduler likes."},
	{"cores.writers", KEY_CORES, LIST(struct config, cores.writers, cores.writer_count),
		.fallback = "[-1]", RANGE(-1, CONFIG_CORE_MAX), .unit = "cores",
		.help = "One writer thread for each entry. -1: wherever the scheduler likes."},
	{"cores.finishers", KEY_INTEGER, FIELD(struct config, cores.finishers), .fallback = "1",
		RANGE(1, TOPOLOGY_FINISHERS_MAX), .unit = "threads",
		.help = "Threads that render and deliver files, at low priority, on any core."},
	{"sbc", KEY_OBJECT, .help = "The session border controller whose traffic is mirrored."},
	{"sbc.addresses", KEY_PREFIXES, LIST(struct config, sbc.addresses, sbc.address_count),
		.fallback = "[]", .unit = "addresses",
		.help = "Its IPv4 and IPv6 addresses or prefixes (`10.0.0.0/24`). A call that "
			"passes none of them is one leg per dialog, with the caller as "
			"participant."},
	{"sbc.sip_ports", KEY_UDP_PORTS, LIST(struct config, sbc.sip_ports, sbc.sip_port_count),
		.fallback = "[5060]", RANGE(1, 65535), .unit = "ports",
		.help = "Where SIP is looked for, over UDP, TCP and WebSocket. An empty list: on "
			"any port, by its content (`--read` always does), and over TCP on 5060."},
	{"transaction", KEY_OBJECT, .help = "How the legs of one call are found to be one."},
	{"transaction.header", KEY_TEXT, FIELD(struct config, transaction_header),
		.fallback = "\"Session-ID\"", .form = &form_header,
		.help = "The SIP header that the SBC copies from leg to leg. Of `Session-ID` (RFC "
			"7989) either half may match. Empty: no header ties legs."},
	{"hep", KEY_OBJECT,
		.help = "SIP that SBCs and proxies send as HEPv3, where their signalling is not on "
			"the mirror (see hep.md)."},
	{"hep.listen", KEY_LISTENERS, LIST(struct config, hep.listen, hep.listen_count),
		.fallback = "[]", .unit = "addresses",
		.help = "Where HEPv3 is listened for: `udp:127.0.0.1:9060`, `tcp:[::1]:9060`. "
			"Empty: "
			"nowhere."},
	{"hep.key", KEY_TEXT, FIELD(struct config, hep.key), .fallback = "\"\"",
		.help = "The authentication key that every message must bear. Empty: none is asked "
			"for."},
	{"hep.allow", KEY_PREFIXES, LIST(struct config, hep.allow, hep.allow_count),
		.fallback = "[\"127.0.0.0/8\", \"::1\"]", .unit = "addresses",
		.help = "Addresses or prefixes that may send. Whoever may, can begin and end calls "
			"in legtap's eyes."},
	{"siprec", KEY_OBJECT,
		.help = "The recording sessions (SIPREC) that SBCs open to legtap (see "
			"siprec.md)."},
	{"siprec.listen", KEY_LISTENERS, LIST(struct config, siprec.listen, siprec.listen_count),
		.fallback = "[]", .unit = "addresses",
		.help = "Where their SIP is listened for, by ordinary sockets: "
			"`udp:192.0.2.40:5060`, `tcp:192.0.2.40:5060`, `tls:192.0.2.40:5061`. "
			"Empty: nowhere."},
	{"siprec.tls", KEY_OBJECT,
		.help = "SIP over TLS. SIGHUP reads the files again; connections that are open "
			"keep what they have."},
	{"siprec.tls.certificate", KEY_TEXT, FIELD(struct config, siprec.tls.certificate),
		.fallback = "\"\"",
		.help = "The certificate, and those that lead to its authority: a PEM file. Needed "
			"with `tls:` in `siprec.listen`."},
	{"siprec.tls.key", KEY_TEXT, FIELD(struct config, siprec.tls.key), .fallback = "\"\"",
		.help = "Its private key: a PEM file, without a passphrase. Needed with "
			"`certificate`."},
	{"siprec.tls.client_ca", KEY_TEXT, FIELD(struct config, siprec.tls.client_ca),
		.fallback = "\"\"",
		.help = "Authorities, a PEM file: a client must present a certificate that one of "
			"them has signed. Empty: clients need none."},
	{"siprec.tls.minimum", KEY_CHOICE, FIELD(struct config, siprec.tls.minimum),
		.fallback = "\"1.2\"", .choices = tls_versions,
		.help = "The oldest version of TLS that is spoken."},
	{"siprec.digest", KEY_OBJECT,
		.help = "Digest authentication (RFC 3261, 8760) of the requests of recording "
			"sessions."},
	{"siprec.digest.users_file", KEY_TEXT, FIELD(struct config, siprec.digest.users_file),
		.fallback = "\"\"",
		.help = "Who may send: a file of lines `user:realm:hash`, as htdigest(1) writes, "
			"the "
			"hash MD5 or SHA-256 of `user:realm:password`, with mode 0640 or 0600. "
			"Read at start, and again at SIGHUP. Empty: nobody is asked."},
	{"siprec.digest.realm", KEY_TEXT, FIELD(struct config, siprec.digest.realm),
		.fallback = "\"legtap\"", .form = &form_name,
		.help = "The realm that clients are asked for, and whose lines of the file count."},
	{"siprec.digest.algorithm", KEY_CHOICE, FIELD(struct config, siprec.digest.algorithms),
		.fallback = "\"MD5\"", .choices = digest_algorithms,
		.help = "What clients are offered. `both`, SHA-256 first, suits those that read "
			"more than one challenge (RFC 8760)."},
	{"siprec.media_addresses", KEY_PREFIXES,
		LIST(struct config, siprec.media_addresses, siprec.media_address_count),
		.fallback = "[]", .unit = "addresses",
		.help = "Addresses of legtap's ports that the media is sent to. Empty: those of "
			"`siprec.listen`. For those that the kernel does not have, legtap answers "
			"ARP and ping itself (`ports[].answers`), also when nothing is listened "
			"at."},
	{"siprec.media_ports", KEY_UDP_PORTS,
		LIST(struct config, siprec.media_ports, siprec.media_port_count),
		.fallback = "[40000, 59999]", RANGE(1024, 65535), .unit = "UDP ports",
		.help = "The first and the last port that media is received at; each stream takes "
			"an even one."},
	{"siprec.allow", KEY_PREFIXES, LIST(struct config, siprec.allow, siprec.allow_count),
		.fallback = "[]", .unit = "addresses",
		.help = "Addresses or prefixes that may open recording sessions. Empty: "
			"`sbc.addresses`."},
	{"siprec.record", KEY_CHOICE, FIELD(struct config, siprec.record), .fallback = "\"BOTH\"",
		.choices = siprec_records,
		.help = "What is recorded of a session's legs from their start, where no rule "
			"fits."},
	{"siprec.preferences", KEY_CHOICE, FIELD(struct config, siprec.preferences),
		.fallback = "\"honour\"", .choices = preferences,
		.help = "Whether what a participant prefers (`a=recordpref`) is done: `off` (no "
			"recording by itself, one that runs is stopped), `pause`, `on`. Actions "
			"outrank it."},
	{"calls", KEY_OBJECTS, .most = CONFIG_CALLS_MAX, .append = append_call, .at = call_at,
		.help = "Ordinary calls (an INVITE that opens no recording session) that legtap "
			"answers and records at the addresses of `siprec.listen`: those that an "
			"entry fits. Others are refused."},
	{"calls[].match", KEY_OBJECT,
		.help = "Which calls the entry is for. What is not given matches all."},
	{"calls[].match.caller", KEY_TEXT, FIELD(struct call_config, match.caller),
		.fallback = "\"\"",
		.help = "Pattern (`*`, `?`, `[…]`) of the user part of the From URI."},
	{"calls[].match.called", KEY_TEXT, FIELD(struct call_config, match.called),
		.fallback = "\"\"", .help = "The same for the To URI."},
	{"calls[].match.trunk", KEY_PREFIXES,
		LIST(struct call_config, match.trunks, match.trunk_count), .fallback = "[]",
		.unit = "addresses",
		.help = "Addresses or prefixes that the INVITE comes from; of those that "
			"`siprec.allow` lets in."},
	{"accounts", KEY_OBJECTS, .most = CONFIG_ACCOUNTS_MAX - 1, .append = append_account,
		.at = account_at,
		.help = "Who is billed. A leg belongs to the first account whose `match` fits, in "
			"the order of the file, else to `default`. `default` always exists, with "
			"the defaults below; an entry with that id sets it anew."},
	{"accounts[].id", KEY_TEXT, FIELD(struct account_config, id), .required = true,
		.form = &form_name, .help = "The account's name, in the ledger and in reports."},
	{"accounts[].match", KEY_OBJECT,
		.help = "Which legs belong to the account. What is not given matches all."},
	{"accounts[].match.caller", KEY_TEXT, FIELD(struct account_config, match.caller),
		.fallback = "\"\"",
		.help = "Pattern (`*`, `?`, `[…]`) of the user part of the caller's URI: "
			"`+4930*`."},
	{"accounts[].match.called", KEY_TEXT, FIELD(struct account_config, match.called),
		.fallback = "\"\"", .help = "The same for the called party's URI."},
	{"accounts[].match.trunk", KEY_PREFIXES,
		LIST(struct account_config, match.trunks, match.trunk_count), .fallback = "[]",
		.unit = "addresses",
		.help = "Addresses or prefixes of the participant's signalling."},
	{"accounts[].match.header", KEY_TEXT, FIELD(struct account_config, match.header),
		.fallback = "\"\"", .form = &form_header,
		.help = "A header of the INVITE; `value` says what must be in it."},
	{"accounts[].match.value", KEY_TEXT, FIELD(struct account_config, match.value),
		.fallback = "\"\"", .help = "Pattern of that header's whole value."},
	{"accounts[].match.metadata", KEY_TEXT, FIELD(struct account_config, match.metadata),
		.fallback = "\"\"",
		.help = "Something that the metadata of a recording session says: `aor`, `name` or "
			"`participant_id` of any participant, `session_id`, `group_id`, "
			"`sip_session_id`, or an element or attribute of extension data, by its "
			"name without namespace."},
	{"accounts[].match.metadata_value", KEY_TEXT,
		FIELD(struct account_config, match.metadata_value), .fallback = "\"\"",
		.help = "Pattern of its whole text. Empty: whatever it says."},
	{"accounts[].digits", KEY_CHOICE, FIELD(struct account_config, digits),
		.fallback = "\"tone\"", .choices = digits,
		.help = "What becomes of telephone events (RFC 4733) in recordings: `tone` renders "
			"them as DTMF; `none` keeps them from spool, file, sidecar and log; "
			"`silence` the audio of their direction, too, until 200 ms after the "
			"last."},
	{"accounts[].rate_per_minute", KEY_DECIMAL, FIELD(struct account_config, rate_per_minute),
		.fallback = "0", .unit = "currency units a minute",
		.help = "A number or a text, kept exactly as written, with at most 12 digits after "
			"the point."},
	{"accounts[].currency", KEY_TEXT, FIELD(struct account_config, currency),
		.fallback = "\"XXX\"", .form = &form_currency,
		.help = "ISO 4217. `XXX` means that there is none, and goes with a rate of 0 "
			"only."},
	{"accounts[].currency_digits", KEY_INTEGER, FIELD(struct account_config, currency_digits),
		.fallback = "2", RANGE(0, 6), .unit = "digits",
		.help = "Digits after the point to which each usage is rounded, half up."},
	{"accounts[].rounding_seconds", KEY_INTEGER, FIELD(struct account_config, rounding_seconds),
		.fallback = "1", RANGE(1, 86400), .unit = "seconds",
		.help = "Each usage counts up to a whole multiple of this. 60: full minutes."},
	{"accounts[].minimum_seconds", KEY_INTEGER, FIELD(struct account_config, minimum_seconds),
		.fallback = "0", RANGE(0, 86400), .unit = "seconds",
		.help = "Each usage counts for at least this."},
	{"accounts[].location", KEY_LOCATION, FIELD(struct account_config, location),
		.fallback = "\"\"",
		.help = "Where recordings go when neither rule nor action says. Empty: to "
			"`destination.bucket`."},
	{"accounts[].locations", KEY_BUCKETS,
		LIST(struct account_config, locations, location_count), .fallback = "[]",
		.unit = "buckets",
		.help = "The buckets that the account may use. An empty list: all of them."},
	{"rules", KEY_OBJECTS, .most = CONFIG_RULES_MAX, .append = append_rule, .at = rule_at,
		.help = "Which legs are recorded by themselves: by the first rule that fits."},
	{"rules[].match", KEY_OBJECT,
		.help = "Which legs the rule is for. What is not given matches all."},
	{"rules[].match.caller", KEY_TEXT, FIELD(struct rule_config, match.caller),
		.fallback = "\"\"",
		.help = "Pattern (`*`, `?`, `[…]`) of the user part of the caller's URI."},
	{"rules[].match.called", KEY_TEXT, FIELD(struct rule_config, match.called),
		.fallback = "\"\"", .help = "The same for the called party's URI."},
	{"rules[].match.account", KEY_TEXT, FIELD(struct rule_config, match.account),
		.fallback = "\"\"", .help = "The id of an account."},
	{"rules[].match.trunk", KEY_PREFIXES,
		LIST(struct rule_config, match.trunks, match.trunk_count), .fallback = "[]",
		.unit = "addresses",
		.help = "Addresses or prefixes of the participant's signalling."},
	{"rules[].match.leg", KEY_CHOICE_TEXT, FIELD(struct rule_config, match.leg),
		.choices = legs,
		.help = "`LEG-A` is a transaction's first leg, `LEG-B` any other."},
	{"rules[].Track", KEY_CHOICE, FIELD(struct rule_config, tracks), .choices = tracks,
		.help = "What is recorded. Not given: BOTH, or what `--record` says."},
	{"rules[].Destination", KEY_DESTINATION, FIELD(struct rule_config, location),
		.fallback = "\"\"",
		.help = "`{\"Type\":\"S3\",\"Location\":\"bucket/prefix\"}`, or the location "
			"alone. "
			"Not given: the account's."},
	{"rules[].from", KEY_CHOICE, FIELD(struct rule_config, from), .fallback = "\"answer\"",
		.choices = starts,
		.help = "When the recording begins: when the leg is answered, or with the first "
			"answer that has SDP."},
	{"application", KEY_OBJECT,
		.help = "The application that is asked what to do with a call."},
	{"application.url", KEY_TEXT, FIELD(struct config, application.url), .fallback = "\"\"",
		.form = &form_url,
		.help = "Where invocation events are posted to (docs/application.md): the Invoke "
			"address of a Lambda function, that of a runtime emulator, or any web "
			"server. Empty: there is no application, and the events go into the event "
			"log alone."},
	{"application.id", KEY_TEXT, FIELD(struct config, application.id), .fallback = "\"legtap\"",
		.form = &form_name,
		.help = "`SipMediaApplicationId` in its events, and its name in the API."},
	{"application.aws_account_id", KEY_TEXT, FIELD(struct config, application.aws_account_id),
		.fallback = "\"000000000000\"", .form = &form_account_id,
		.help = "`AwsAccountId` in its events."},
	{"application.region", KEY_TEXT, FIELD(struct config, application.region),
		.fallback = "\"us-east-1\"", .form = &form_name,
		.help = "`AwsRegion` in its events."},
	{"destination", KEY_OBJECT, .help = "Where finished files are delivered to."},
	{"destination.type", KEY_CHOICE, FIELD(struct config, destination.type),
		.fallback = "\"directory\"", .choices = destinations,
		.help = "A folder of this machine, or an S3 object store."},
	{"destination.path", KEY_TEXT, FIELD(struct config, destination.directory),
		.fallback = "\"/var/lib/legtap/buckets\"", .form = &form_path,
		.help = "With `directory`: the folder whose folders are the buckets."},
	{"destination.bucket", KEY_TEXT, FIELD(struct config, destination.bucket),
		.form = &form_bucket,
		.help = "The bucket of recordings for which neither action, rule nor account names "
			"one. Not given: `recordings` with `directory`; with `s3` it must be "
			"given, for bucket names belong to somebody."},
	{"destination.endpoint", KEY_TEXT, FIELD(struct config, destination.s3.endpoint),
		.fallback = "\"\"", .form = &form_url,
		.help = "With `s3`, required: `https://s3.eu-central-1.amazonaws.com`, "
			"`http://127.0.0.1:9000`."},
	{"destination.region", KEY_TEXT, FIELD(struct config, destination.s3.region),
		.fallback = "\"us-east-1\"", .form = &form_name,
		.help = "With `s3`: the region that requests are signed for."},
	{"destination.path_style", KEY_BOOLEAN, FIELD(struct config, destination.s3.path_style),
		.fallback = "false",
		.help = "With `s3`: the bucket stands in the path of the address, not in its host "
			"name. Most stores other than AWS want this."},
	{"destination.credentials_file", KEY_TEXT,
		FIELD(struct config, destination.s3.credentials_file), .fallback = "\"\"",
		.help = "With `s3`: a file in the format of `~/.aws/credentials`. Empty: "
			"`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` of "
			"the environment."},
	{"destination.ca_file", KEY_TEXT, FIELD(struct config, destination.s3.ca_file),
		.fallback = "\"\"",
		.help = "With `s3`: certificates that the store's is checked against. Empty: the "
			"system's."},
	{"destination.retry_first_s", KEY_SECONDS, FIELD(struct config, destination.retry_first_ms),
		.fallback = "1", RANGE(100, 3600000), .unit = "seconds",
		.help = "The pause after a delivery that failed; each further one doubles it."},
	{"destination.retry_most_s", KEY_SECONDS, FIELD(struct config, destination.retry_most_ms),
		.fallback = "300", RANGE(100, 86400000), .unit = "seconds",
		.help = "The longest such pause. Deliveries are tried until they succeed."},
	{"wav", KEY_OBJECT, .help = "The format of the files."},
	{"wav.encoding", KEY_CHOICE, FIELD(struct config, encode_g711), .fallback = "\"pcm16\"",
		.choices = encodings,
		.help = "16-bit PCM, or G.711 as received (WAV formats 6 and 7)."},
	{"spool", KEY_OBJECT,
		.help = "The local disk area where tracks are written while they are live."},
	{"spool.path", KEY_TEXT, FIELD(struct config, spool.path),
		.fallback = "\"/var/lib/legtap/spool\"", .form = &form_path,
		.help = "Its folder, on a fast disk of its own. One legtapd a spool."},
	{"spool.max_age", KEY_SECONDS, FIELD(struct config, spool.max_age_ms), .fallback = "5",
		RANGE(100, 60000), .unit = "seconds",
		.help = "Audio is on the disk at most so long after it arrived: what a crash of "
			"the machine can cost."},
	{"spool.reserve_mib", KEY_INTEGER, FIELD(struct config, spool.reserve_mib),
		.fallback = "1024", RANGE(0, INT32_MAX), .unit = "MiB",
		.help = "With less free space than this the spool is announced to run full."},
	{"ledger", KEY_TEXT, FIELD(struct config, ledger), .fallback = "\"/var/lib/legtap/ledger\"",
		.form = &form_path,
		.help = "The folder of `ledger.jsonl`, which accounts are billed from (see "
			"ledger.md), and of `recordings.jsonl`."},
	{"admin", KEY_OBJECT, .help = "The admin API."},
	{"admin.socket", KEY_OBJECT, .help = "Its Unix socket."},
	{"admin.socket.path", KEY_TEXT, FIELD(struct config, socket.path),
		.fallback = "\"/run/legtap/legtap.sock\"", .form = &form_path,
		.help = "The socket's path, at most 107 bytes."},
	{"admin.socket.mode", KEY_MODE, FIELD(struct config, socket.mode), .fallback = "\"0660\"",
		.help = "Its permissions, octal. Whoever may write to it may record and bill."},
	{"admin.socket.group", KEY_TEXT, FIELD(struct config, socket.group), .fallback = "\"\"",
		.form = &form_group, .help = "Its group. Empty: the process's."},
	{"admin.aws", KEY_OBJECT,
		.help = "UpdateSipMediaApplicationCall, and nothing else, for AWS SDKs (see "
			"application.md)."},
	{"admin.aws.listen", KEY_TEXT, FIELD(struct config, aws.listen), .fallback = "\"\"",
		.form = &form_loopback,
		.help = "Where HTTP is listened for: the clients' `endpoint_url` without its "
			"`http://`. Empty: nowhere. For clients on other machines put a proxy with "
			"TLS in front of it that passes `Host` on."},
	{"admin.aws.keys_file", KEY_TEXT, FIELD(struct config, aws.keys_file), .fallback = "\"\"",
		.help = "Whose requests are taken: a file in the format of `~/.aws/credentials`, "
			"each section an access key id and its secret, with mode 0640 or 0600. "
			"Read "
			"at start. Needed with `listen`."},
	{"admin.aws.region", KEY_TEXT, FIELD(struct config, aws.region), .fallback = "\"\"",
		.form = &form_region,
		.help = "The region that requests must be signed for. Empty: any."},
	{"pause_tone", KEY_OBJECT, .help = "The tone that marks a pause and a resume in a file."},
	{"pause_tone.frequency_hz", KEY_INTEGER, FIELD(struct config, pause_tone.frequency_hz),
		.fallback = "1400", RANGE(200, 3400), .unit = "Hz", .help = "Its frequency."},
	{"pause_tone.duration_ms", KEY_INTEGER, FIELD(struct config, pause_tone.duration_ms),
		.fallback = "200", RANGE(0, 2000), .unit = "ms",
		.help = "Its length, at most half the pause. 0: no tone."},
	{"pause_tone.level_dbm0", KEY_INTEGER, FIELD(struct config, pause_tone.level_dbm0),
		.fallback = "-20", RANGE(-60, 3), .unit = "dBm0", .help = "Its level."},
	{"render", KEY_OBJECT, .help = "How tracks become a file."},
	{"render.conceal", KEY_BOOLEAN, FIELD(struct config, conceal), .fallback = "false",
		.help = "Lost audio is concealed by the codec's own means, and each stretch listed "
			"in the sidecar. Off: it is silence, and nothing in the file is "
			"invented."},
	{"limits", KEY_OBJECT,
		.help = "Bounds of memory and time. Beyond them is counted and told; nothing "
			"grows. The defaults suit a machine with 2 cores and 4 GiB."},
	{"limits.streams", KEY_INTEGER, FIELD(struct config, limits.streams), .fallback = "1048576",
		RANGE(1024, 16777216), .unit = "streams",
		.help = "RTP streams in the table: known, unknown and recorded. About 100 bytes "
			"each, taken when they are used."},
	{"limits.tracks", KEY_INTEGER, FIELD(struct config, limits.tracks), .fallback = "20000",
		RANGE(16, 1000000), .unit = "tracks",
		.help = "Tracks that are recorded at once; a leg with BOTH has two."},
	{"limits.buffer_mib", KEY_INTEGER, FIELD(struct config, limits.buffer_mib),
		.fallback = "512", RANGE(1, 65536), .unit = "MiB",
		.help = "Memory for audio on its way to the disk, taken at start, on huge pages "
			"where there are. Twice `limits.tracks` chunks of 4 to 64 KiB must fit; "
			"the default gives 20,000 tracks 8 KiB each."},
	{"limits.legs", KEY_INTEGER, FIELD(struct config, limits.legs), .fallback = "50000",
		RANGE(16, 4000000), .unit = "legs",
		.help = "Legs in memory, those included that ended in the last 32 seconds. About "
			"10 "
			"KiB each, taken when they are used."},
	{"limits.media_timeout_s", KEY_INTEGER, FIELD(struct config, limits.media_timeout_s),
		.fallback = "300", RANGE(5, 86400), .unit = "seconds",
		.help = "A leg without a packet in either direction for so long has ended, unless "
			"it is on hold or within its session timer."},
	{"limits.no_media_s", KEY_INTEGER, FIELD(struct config, limits.no_media_s),
		.fallback = "10", RANGE(1, 3600), .unit = "seconds",
		.help = "An answered track that is not on hold is reported after so long without a "
			"packet."},
	{"limits.unknown_hold_ms", KEY_INTEGER, FIELD(struct config, limits.unknown_hold_ms),
		.fallback = "1000", RANGE(0, 60000), .unit = "ms",
		.help = "The first packets of a flow that no SIP explains yet are kept for so "
			"long."},
	{"limits.unknown_packets", KEY_INTEGER, FIELD(struct config, limits.unknown_packets),
		.fallback = "50", RANGE(1, 10000), .unit = "packets",
		.help = "So many of each such flow."},
	{"limits.unknown_flows", KEY_INTEGER, FIELD(struct config, limits.unknown_flows),
		.fallback = "512", RANGE(1, 1000000), .unit = "flows",
		.help = "So many such flows at once. They wait in the ports' packet buffers, whose "
			"number bounds them too."},
	{"limits.fragments", KEY_INTEGER, FIELD(struct config, limits.fragments),
		.fallback = "2048", RANGE(0, 65536), .unit = "fragments",
		.help = "IP fragments that wait at each rx core for the rest of their packets "
			"(longer than 2 KiB: as many as it has 2 KiB); beyond, the oldest packet's "
			"go, counted as `drop_fragments_full`. About 4 KiB each, the half of it "
			"taken at start. 0: none are put together."},
	{"limits.fragment_hold_ms", KEY_INTEGER, FIELD(struct config, limits.fragment_hold_ms),
		.fallback = "2000", RANGE(10, 60000), .unit = "ms",
		.help = "The fragments of a packet wait for so long, from the first of them on; "
			"then they are counted as `fragment_timeout`."},
	{"limits.recordings_kept", KEY_INTEGER, FIELD(struct config, limits.recordings_kept),
		.fallback = "10000", RANGE(0, 1000000), .unit = "recordings",
		.help = "Ended recordings that `/v1/recordings` still shows, the newest."},
	{"limits.events", KEY_INTEGER, FIELD(struct config, limits.events), .fallback = "10000",
		RANGE(100, 10000000), .unit = "events",
		.help = "The newest events, which `/v1/events` can still send to a client that "
			"comes late or is slow. At most 2 KiB each on the average."},
	{"limits.application_requests", KEY_INTEGER,
		FIELD(struct config, limits.application_requests), .fallback = "256",
		RANGE(1, 10000), .unit = "requests",
		.help = "Requests to the application that are under way at once; further ones "
			"wait. Each takes one connection."},
	{"log", KEY_OBJECT, .help = "What is written to stderr."},
	{"log.level", KEY_CHOICE, FIELD(struct config, log_level), .fallback = "\"info\"",
		.choices = levels, .help = "The least important lines that are written."},
};

const size_t config_key_count = sizeof(config_keys) / sizeof(config_keys[0]);
