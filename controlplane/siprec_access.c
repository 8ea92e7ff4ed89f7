#include "controlplane/siprec_access.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/ssl.h>

#include "common/log.h"
#include "controlplane/digest.h"
#include "controlplane/netaddr_sa.h"
#include "controlplane/siprec_dialog.h"
#include "controlplane/siprec_tls.h"
#include "controlplane/worker.h"

/* What was read from the files; one at a time is under way. */
struct files {
	const struct config *config;
	struct siprec_access *access;
	struct digest_users *users;
	SSL_CTX *tls;
	int err;
	struct errmsg why;
};

struct siprec_access {
	struct siprec_server *server;
	struct digest *digest; /* NULL: nobody is asked */
	struct tls *tls;       /* NULL: no TLS */
	struct workers *workers;
	bool reloading;
};

/* --- Files --- */

static bool has_tls(const struct config *c)
{
	for (unsigned int i = 0; i < c->siprec.listen_count; i++)
		if (c->siprec.listen[i].transport == LISTEN_TLS)
			return true;
	return false;
}

static int load_users(const struct config *c, struct digest_users **out, struct errmsg *e)
{
	struct digest_users *users = malloc(sizeof(*users));
	int err;

	if (!users)
		return errmsg_set(e, -ENOMEM, "no memory for siprec.digest.users_file");
	err = digest_users_load(c->siprec.digest.users_file, c->siprec.digest.realm, users, e);
	if (err)
		free(users);
	else
		*out = users;
	return err;
}

/* Any thread; may block. */
static void load(void *arg)
{
	struct files *f = arg;
	const struct config *c = f->config;

	if (has_tls(c))
		f->err = siprec_tls_load(c, &f->tls, &f->why);
	if (f->err == 0 && *c->siprec.digest.users_file)
		f->err = load_users(c, &f->users, &f->why);
}

static int apply(struct siprec_access *a, struct files *f)
{
	const struct config *c = f->config;
	int err = f->err;

	if (err == 0 && f->tls) {
		err = siprec_tls_apply(a->tls, f->tls, c);
		if (err)
			errmsg_set(&f->why, err, "siprec.tls: OpenSSL refuses the certificate");
	}
	if (err == 0 && f->users && a->digest) {
		digest_set_users(a->digest, f->users);
		f->users = NULL;
	} else if (err == 0 && f->users) {
		err = digest_create(
			&a->digest, c->siprec.digest.realm, c->siprec.digest.algorithms, f->users);
		if (err)
			errmsg_set(&f->why, err, "siprec.digest: no memory or random numbers");
		else
			f->users = NULL;
	}
	SSL_CTX_free(f->tls);
	free(f->users);
	return err;
}

static void loaded(void *arg)
{
	struct files *f = arg;

	f->access->reloading = false;
	if (apply(f->access, f) == 0)
		log_info("siprec", "certificates and users were read again");
	else
		log_warning(
			"siprec", "the certificates and users from before stay: %s", f->why.text);
	free(f);
}

void siprec_access_reload(struct siprec_access *a)
{
	struct files *f = a->reloading ? NULL : calloc(1, sizeof(*f));

	if (!f)
		return;
	f->config = a->server->control->config;
	f->access = a;
	a->reloading = workers_start(a->workers, load, loaded, f) == 0;
	if (!a->reloading)
		free(f);
}

/* --- Its life --- */

static void on_workers(int flags, void *arg)
{
	struct siprec_access *a = arg;

	workers_poll(a->workers);
}

int siprec_access_create(struct siprec_access **out, struct siprec_server *server, struct errmsg *e)
{
	struct siprec_access *a = calloc(1, sizeof(*a));
	struct files f = {.config = server->control->config, .access = a};
	int err;

	if (!a)
		return errmsg_set(e, -ENOMEM, "no memory for the SIPREC server");
	a->server = server;
	err = workers_create(&a->workers);
	if (err == 0)
		err = -fd_listen(workers_fd(a->workers), FD_READ, on_workers, a);
	if (err == 0 && has_tls(f.config))
		err = -tls_alloc(&a->tls, TLS_METHOD_SSLV23, NULL, NULL);
	if (err) {
		errmsg_set(e, err, "no memory for the SIPREC server");
	} else {
		load(&f);
		err = apply(a, &f);
		if (err)
			*e = f.why;
	}
	if (err)
		siprec_access_destroy(a);
	else
		*out = a;
	return err;
}

void siprec_access_destroy(struct siprec_access *a)
{
	if (!a)
		return;
	if (a->workers)
		fd_close(workers_fd(a->workers));
	workers_destroy(a->workers);
	digest_destroy(a->digest);
	mem_deref(a->tls);
	free(a);
}

struct tls *siprec_access_tls(const struct siprec_access *a)
{
	return a->tls;
}

/* --- Requests --- */

static bool may_send(const struct config *c, const struct netaddr *from)
{
	bool own = c->siprec.allow_count > 0;
	const struct netprefix *list = own ? c->siprec.allow : c->sbc.addresses;
	unsigned int count = own ? c->siprec.allow_count : c->sbc.address_count;

	return netprefix_any_contains(list, count, from);
}

struct credentials {
	struct siprec_access *access;
	const struct sip_msg *message;
	struct netaddr from;
	uint64_t now_s;
	enum digest_verdict verdict;
};

/* Of several headers the first one that says anything of our realm counts. */
static bool judge(const struct sip_hdr *h, const struct sip_msg *m, void *arg)
{
	struct credentials *c = arg;

	c->verdict = digest_check(
		c->access->digest, &c->from, c->now_s, m->met.p, m->met.l, h->val.p, h->val.l);
	return c->verdict != DIGEST_MISSING;
}

/* OPTIONS tells nothing, and is what SBCs ask whether somebody is there. */
static bool is_authentic(
	struct siprec_access *a, const struct sip_msg *m, const struct netaddr *from)
{
	struct siprec_server *s = a->server;
	struct credentials c = {.access = a,
		.message = m,
		.from = *from,
		.now_s = s->control->now_ns / 1000000000,
		.verdict = DIGEST_MISSING};
	char challenge[DIGEST_CHALLENGE_BYTES];
	char text[NETADDR_TEXT_BYTES];

	if (!a->digest || pl_strcmp(&m->met, "OPTIONS") == 0)
		return true;
	(void)sip_msg_hdr_apply(m, true, SIP_HDR_AUTHORIZATION, judge, &c);
	if (c.verdict == DIGEST_FITS)
		return true;
	if (c.verdict == DIGEST_WRONG && s->counts[SIPREC_refused_credentials]++ == 0)
		log_warning("siprec",
			"%s: %.*s with wrong credentials: unknown user, or wrong password (told "
			"once)",
			netaddr_format(from, text), (int)m->met.l, m->met.p);
	s->counts[SIPREC_challenged] += c.verdict != DIGEST_WRONG;
	digest_challenge(a->digest, from, c.now_s, c.verdict == DIGEST_STALE, challenge);
	(void)sip_treplyf(NULL, NULL, s->sip, m, false, 401, "Unauthorized",
		"%sContent-Length: 0\r\n\r\n", challenge);
	return false;
}

bool siprec_access_allows(struct siprec_access *a, const struct sip_msg *m)
{
	struct siprec_server *s = a->server;
	struct netaddr from = netaddr_from_sa(&m->src);
	bool ack = pl_strcmp(&m->met, "ACK") == 0;
	char text[NETADDR_TEXT_BYTES];

	if (may_send(s->control->config, &from))
		return ack || is_authentic(a, m, &from); /* RFC 3261, 22.1 */
	if (ack)
		return false;
	if (s->counts[SIPREC_refused_address]++ == 0)
		log_warning("siprec", "%s may not send: it is not in siprec.allow (told once)",
			netaddr_format(&from, text));
	(void)sip_treply(NULL, s->sip, m, 403, "Forbidden");
	return false;
}
