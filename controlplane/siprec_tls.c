#include "controlplane/siprec_tls.h"

#include <errno.h>
#include <stdint.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <re.h>

#define CHAIN_MAX 10 /* certificates between a client and its authority */

static const char *reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text ? text : "unreadable";
}

static int load_files(const struct config *c, SSL_CTX *ctx, struct errmsg *e)
{
	const char *certificate = c->siprec.tls.certificate;
	const char *key = c->siprec.tls.key;
	const char *ca = c->siprec.tls.client_ca;
	STACK_OF(X509_NAME) * names;

	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
		return errmsg_set(
			e, -EINVAL, "siprec.tls.certificate: %s: %s", certificate, reason());
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		return errmsg_set(e, -EINVAL,
			"siprec.tls.key: %s: %s; it must be the certificate's, in PEM, without "
			"a passphrase",
			key, reason());
	if (!*ca)
		return 0;
	names = SSL_load_client_CA_file(ca);
	if (!names || SSL_CTX_load_verify_file(ctx, ca) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return errmsg_set(e, -EINVAL, "siprec.tls.client_ca: %s: %s", ca, reason());
	}
	SSL_CTX_set_client_CA_list(ctx, names);
	return 0;
}

/* A passphrase can't be asked for. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	return -1;
}

int siprec_tls_load(const struct config *c, SSL_CTX **out, struct errmsg *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int err;

	*out = NULL;
	if (!ctx)
		return errmsg_set(e, -ENOMEM, "no memory for TLS");
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	err = load_files(c, ctx, e);
	if (err != 0) {
		SSL_CTX_free(ctx);
		return err;
	}
	*out = ctx;
	return 0;
}

int siprec_tls_apply(struct tls *tls, SSL_CTX *files, const struct config *c)
{
	static const unsigned char id[] = "legtap";
	SSL_CTX *ctx = tls_openssl_context(tls);
	STACK_OF(X509) *chain = NULL;

	SSL_CTX_get0_chain_certs(files, &chain);
	if (SSL_CTX_use_cert_and_key(ctx, SSL_CTX_get0_certificate(files),
		    SSL_CTX_get0_privatekey(files), chain, 1) != 1 ||
		SSL_CTX_set_min_proto_version(
			ctx, c->siprec.tls.minimum == 13 ? TLS1_3_VERSION : TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1) != 1)
		return -EIO;
	if (!*c->siprec.tls.client_ca)
		return 0;
	SSL_CTX_set1_cert_store(ctx, SSL_CTX_get_cert_store(files));
	SSL_CTX_set_client_CA_list(ctx, SSL_dup_CA_list(SSL_CTX_get_client_CA_list(files)));
	SSL_CTX_set_verify_depth(ctx, CHAIN_MAX);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}
