/* A SIP message (RFC 3261) as a recorder sees it: the few facts that dialogs are made of, checked,
 * and the headers for look-up. A pure function from bytes to a struct; any thread.
 *
 * Grammar is libre's; docs/sip_parser.md tells why, and how it fares on RFC 4475's messages. */
#ifndef LEGTAP_CONTROLPLANE_SIP_H
#define LEGTAP_CONTROLPLANE_SIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIP_BYTES_MAX 65535U /* of a message */
#define SIP_HEADERS_MAX 128  /* header fields; later ones are not seen */
#define SIP_STRINGS_BYTES 8192

enum sip_method {
	SIP_INVITE,
	SIP_ACK,
	SIP_BYE,
	SIP_CANCEL,
	SIP_PRACK,
	SIP_UPDATE,
	SIP_INFO,
	SIP_METHOD_OTHER,
};

/* Bytes in the message's memory; not NUL-terminated. */
struct sip_text {
	const char *data; /* NULL: absent */
	uint32_t bytes;
};

struct sip_header {
	struct sip_text name;
	struct sip_text value; /* folded lines as they stand */
};

/* Valid as long as the bytes that it was made from, and not to be copied: its strings lie in it. */
struct sip_message {
	bool request;
	enum sip_method method; /* of a response: its CSeq's */
	unsigned int status;	/* 100 to 699; 0 for a request */
	uint32_t cseq;
	const char *call_id;
	const char *from_uri; /* without display name and header parameters */
	const char *from_tag; /* "" when absent (RFC 2543) */
	const char *to_uri;
	const char *to_tag; /* "" when absent */
	const char *branch; /* of the first Via; "" when absent (RFC 2543) */
	struct sip_text sdp;
	struct sip_text body; /* whole; of type Content-Type */
	unsigned int header_count;
	struct sip_header headers[SIP_HEADERS_MAX];
	size_t strings_used;
	char strings[SIP_STRINGS_BYTES];
};

/* Parses one message; what follows it in the datagram is left alone. Lines may end in CRLF or LF,
 * Content-Length may be missing or wrong (the body is then what is there), of repeated headers the
 * first counts. The SDP is that of an application/sdp body, or of the first such part of a
 * multipart body (RFC 5621). 0, -EBADMSG (not SIP/2.0, a needed header missing or broken), or
 * -EMSGSIZE (longer than SIP_BYTES_MAX, or ids and URIs longer than SIP_STRINGS_BYTES together). */
int sip_parse(struct sip_message *out, const char *data, size_t bytes);

/* The first header of a name, its compact form included (RFC 3261, 7.3.3); .data NULL: none. */
struct sip_text sip_header(const struct sip_message *m, const char *name);

/* The same as a string in buf, folded lines joined by a space, cut at `size`. NULL: none. */
const char *sip_header_string(
	const struct sip_message *m, const char *name, char *buf, size_t size);

/* Seconds of Session-Expires (RFC 4028); 0: none. */
uint32_t sip_session_expires_s(const struct sip_message *m);

#endif
