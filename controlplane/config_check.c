/* What no single key can tell: names that must exist, limits that belong together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/account.h"
#include "controlplane/config_key.h"

#define MIB (1024ULL * 1024)

static int check_ports(const struct config *c, bool read_mode, struct errmsg *e)
{
	if (c->port_count == 0 && !read_mode)
		return errmsg_set(e, -EINVAL,
			"ports: no port is named; add for example "
			"\"ports\": [{\"device\": \"0000:03:00.0\"}] or "
			"[{\"device\": \"net_af_packet0,iface=eth1\"}]");
	for (unsigned int i = 0; i < c->port_count; i++)
		for (unsigned int j = 0; j < i; j++)
			if (strcmp(c->ports[i].device, c->ports[j].device) == 0)
				return errmsg_set(e, -EINVAL,
					"ports[%u].device: \"%s\" is also ports[%u]'s", i,
					c->ports[i].device, j);
	return 0;
}

/* An rx core polls without end: whatever else is pinned to it starves. */
static int check_rx_core(const struct config *c, unsigned int rx, struct errmsg *e)
{
	int core = c->cores.rx[rx];

	if (core == TOPOLOGY_ANY_CORE)
		return 0;
	for (unsigned int i = 0; i < rx; i++)
		if (c->cores.rx[i] == core)
			return errmsg_set(e, -EINVAL, "cores.rx: core %d is given twice", core);
	for (unsigned int i = 0; i < c->cores.writer_count; i++)
		if (c->cores.writers[i] == core)
			return errmsg_set(e, -EINVAL,
				"cores.writers[%u]: core %d is an rx core, which polls without "
				"end; -1 leaves the choice to the scheduler",
				i, core);
	if (c->cores.control == core)
		return errmsg_set(e, -EINVAL,
			"cores.control: core %d is an rx core, which polls without end; -1 leaves "
			"the choice to the scheduler",
			core);
	return 0;
}

static int check_cores(const struct config *c, struct errmsg *e)
{
	int err = 0;

	if (c->cores.rx_count == 0)
		return errmsg_set(e, -EINVAL, "cores.rx: at least one entry is needed");
	if (c->cores.writer_count == 0)
		return errmsg_set(e, -EINVAL, "cores.writers: at least one entry is needed");
	for (unsigned int i = 0; i < c->cores.rx_count && err == 0; i++)
		err = check_rx_core(c, i, e);
	return err;
}

static int check_destination(struct config *c, struct errmsg *e)
{
	if (c->destination.retry_first_ms > c->destination.retry_most_ms)
		return errmsg_set(e, -EINVAL,
			"destination.retry_first_s: longer than destination.retry_most_s");
	if (c->destination.type == DESTINATION_S3) {
		if (!*c->destination.s3.endpoint)
			return errmsg_set(e, -EINVAL,
				"destination.endpoint: needed with type \"s3\", for example "
				"\"https://s3.eu-central-1.amazonaws.com\"");
		if (!*c->destination.bucket)
			return errmsg_set(
				e, -EINVAL, "destination.bucket: needed with type \"s3\"");
	} else if (!*c->destination.bucket) {
		strcpy(c->destination.bucket, "recordings");
	}
	return 0;
}

static int check_hep(const struct config *c, struct errmsg *e)
{
	for (unsigned int i = 0; i < c->hep.listen_count; i++)
		if (c->hep.listen[i].transport == LISTEN_TLS)
			return errmsg_set(e, -EINVAL,
				"hep.listen[%u]: HEP is taken over UDP and TCP only; put stunnel "
				"before a tcp: address",
				i);
	return 0;
}

static int check_siprec_tls(const struct config *c, struct errmsg *e)
{
	for (unsigned int i = 0; i < c->siprec.listen_count; i++)
		if (c->siprec.listen[i].transport == LISTEN_TLS &&
			(!*c->siprec.tls.certificate || !*c->siprec.tls.key))
			return errmsg_set(e, -EINVAL,
				"siprec.listen[%u]: TLS needs siprec.tls.certificate and "
				"siprec.tls.key, PEM files",
				i);
	return 0;
}

/* Others can be told only a whole one. */
static int check_media_addresses(const struct config *c, struct errmsg *e)
{
	for (unsigned int i = 0; i < c->siprec.media_address_count; i++) {
		const struct netprefix *p = &c->siprec.media_addresses[i];

		if (p->bits != (p->address.family == 6 ? 128 : 32) ||
			netaddr_is_unspecified(&p->address))
			return errmsg_set(e, -EINVAL,
				"siprec.media_addresses[%u]: an address is needed, not a prefix",
				i);
	}
	return 0;
}

/* SIP and media need addresses that others can be told: whole ones. */
static int check_siprec(const struct config *c, struct errmsg *e)
{
	const uint16_t *ports = c->siprec.media_ports;

	if (c->siprec.listen_count == 0 && c->call_count > 0)
		return errmsg_set(e, -EINVAL,
			"calls: nothing is answered while siprec.listen names no address");
	if (check_media_addresses(c, e) != 0)
		return -EINVAL;
	if (c->siprec.listen_count == 0)
		return 0;
	for (unsigned int i = 0; i < c->siprec.listen_count; i++)
		if (netaddr_is_unspecified(&c->siprec.listen[i].address))
			return errmsg_set(e, -EINVAL,
				"siprec.listen[%u]: an address of this machine is needed, which "
				"the SBC can be told, not 0.0.0.0 or ::",
				i);
	if (c->siprec.media_port_count != 2 || ((ports[0] + 1U) & ~1U) > ports[1])
		return errmsg_set(e, -EINVAL,
			"siprec.media_ports: the first and the last port are needed, with an even "
			"one among them: [40000, 59999]");
	if (c->siprec.allow_count == 0 && c->sbc.address_count == 0)
		return errmsg_set(e, -EINVAL,
			"siprec.allow: nobody may open recording sessions: neither it nor "
			"sbc.addresses names an address");
	return check_siprec_tls(c, e);
}

static int check_limits(const struct config *c, struct errmsg *e)
{
	uint64_t needed = 2ULL * c->limits.tracks * CHUNK_BYTES_MIN;

	if (c->limits.buffer_mib * MIB < needed)
		return errmsg_set(e, -EINVAL,
			"limits.buffer_mib: %u is too little for limits.tracks %u, which needs "
			"%llu",
			c->limits.buffer_mib, c->limits.tracks,
			(unsigned long long)((needed + MIB - 1) / MIB));
	if (c->limits.tracks > TRACK_SLOTS_MAX)
		return errmsg_set(e, -EINVAL, "limits.tracks: at most %u", TRACK_SLOTS_MAX);
	return 0;
}

static int check_match(const struct account_config *a, unsigned int place, struct errmsg *e)
{
	const struct call_match *m = &a->match;

	if (strcmp(a->id, "default") == 0 &&
		(*m->caller || *m->called || *m->header || *m->value || m->trunk_count))
		return errmsg_set(e, -EINVAL,
			"accounts[%u].match: \"default\" takes every leg that no other account "
			"matches; it can have no match of its own",
			place);
	if (!*m->header != !*m->value)
		return errmsg_set(e, -EINVAL,
			"accounts[%u].match: header and value go together; %s is missing", place,
			*m->header ? "value" : "header");
	return 0;
}

/* Where an account's recordings go by default must be among what it may use. */
static int check_location(const struct config *c, const struct account_config *a,
	unsigned int place, struct errmsg *e)
{
	char bucket[DESTINATION_BUCKET_BYTES];
	char prefix[DESTINATION_KEY_BYTES];

	snprintf(bucket, sizeof(bucket), "%s", c->destination.bucket);
	if (*a->location && location_parse(a->location, bucket, prefix, e) != 0)
		return -EINVAL;
	if (location_allowed(a, bucket))
		return 0;
	return errmsg_set(e, -EINVAL,
		"accounts[%u].locations: its default bucket \"%s\" (%s) is not in the list", place,
		bucket, *a->location ? "location" : "destination.bucket");
}

/* `place` is the entry's in the file. */
static int check_account(
	const struct config *c, unsigned int index, unsigned int place, struct errmsg *e)
{
	const struct account_config *a = &c->accounts[index];
	int err;

	for (unsigned int i = 1; i < index; i++)
		if (strcmp(c->accounts[i].id, a->id) == 0)
			return errmsg_set(e, -EINVAL,
				"accounts[%u].id: \"%s\" is also accounts[%u]'s", place, a->id,
				i - 1);
	if (a->rate_per_minute.units != 0 && strcmp(a->currency, "XXX") == 0)
		return errmsg_set(e, -EINVAL,
			"accounts[%u].currency: a rate other than 0 needs a currency", place);
	err = check_match(a, place, e);
	return err ? err : check_location(c, a, place, e);
}

/* The file's "default", if there is one, takes the place of the built-in one. */
static void settle_default(struct config *c)
{
	for (unsigned int i = 1; i < c->account_count; i++) {
		if (strcmp(c->accounts[i].id, "default") != 0)
			continue;
		c->accounts[0] = c->accounts[i];
		c->account_count--;
		memmove(&c->accounts[i], &c->accounts[i + 1],
			(c->account_count - i) * sizeof(c->accounts[0]));
		return;
	}
}

static int check_accounts(struct config *c, struct errmsg *e)
{
	int err = 0;

	for (unsigned int i = 1; i < c->account_count && err == 0; i++)
		err = check_account(c, i, i - 1, e);
	if (err == 0)
		settle_default(c);
	return err;
}

static int check_rule(const struct config *c, unsigned int index, struct errmsg *e)
{
	const struct rule_config *r = &c->rules[index];
	const struct account_config *a;
	char bucket[DESTINATION_BUCKET_BYTES];
	char prefix[DESTINATION_KEY_BYTES];

	if (!*r->match.account)
		return 0;
	a = account_by_id(c, r->match.account);
	if (!a)
		return errmsg_set(e, -EINVAL, "rules[%u].match.account: there is no account \"%s\"",
			index, r->match.account);
	if (!*r->location)
		return 0;
	if (location_parse(r->location, bucket, prefix, e) != 0)
		return -EINVAL;
	if (!location_allowed(a, bucket))
		return errmsg_set(e, -EINVAL,
			"rules[%u].Destination: the bucket \"%s\" is not in the locations of "
			"account \"%s\"",
			index, bucket, a->id);
	return 0;
}

static int check_rules(const struct config *c, struct errmsg *e)
{
	int err = 0;

	for (unsigned int i = 0; i < c->rule_count && err == 0; i++)
		err = check_rule(c, i, e);
	return err;
}

static int check_aws(const struct config *c, struct errmsg *e)
{
	if (c->aws.listen[0] && !c->aws.keys_file[0])
		return errmsg_set(e, -EINVAL,
			"admin.aws.keys_file: needed with admin.aws.listen, for requests are "
			"signed: a file in the format of ~/.aws/credentials");
	return 0;
}

int config_check(struct config *c, bool read_mode, struct errmsg *e)
{
	int err = check_ports(c, read_mode, e);

	if (err == 0)
		err = check_cores(c, e);
	if (err == 0)
		err = check_destination(c, e);
	if (err == 0)
		err = check_limits(c, e);
	if (err == 0)
		err = check_hep(c, e);
	if (err == 0)
		err = check_siprec(c, e);
	if (err == 0)
		err = check_accounts(c, e);
	if (err == 0)
		err = check_aws(c, e);
	return err ? err : check_rules(c, e);
}
