#include "controlplane/config_form.h"

#include <string.h>

#include "common/netaddr.h"

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool consists_of(const char *text, const char *characters)
{
	return text[strspn(text, characters)] == '\0';
}

static bool name_fits(const char *text)
{
	return *text && consists_of(text, LOWER UPPER DIGITS "._-@:+");
}

static bool header_fits(const char *text)
{
	return consists_of(text, LOWER UPPER DIGITS "-.!%*_+`'~"); /* RFC 3261, token */
}

static bool currency_fits(const char *text)
{
	return strlen(text) == 3 && consists_of(text, UPPER);
}

static bool url_fits(const char *text)
{
	const char *host = text;

	if (!*text)
		return true;
	if (strncmp(text, "http://", 7) == 0)
		host += 7;
	else if (strncmp(text, "https://", 8) == 0)
		host += 8;
	return host > text && *host && *host != '/' && !strpbrk(host, " \"<>");
}

static bool account_id_fits(const char *text)
{
	return strlen(text) == 12 && consists_of(text, DIGITS);
}

static bool not_empty(const char *text)
{
	return *text != '\0';
}

bool bucket_name_fits(const char *name)
{
	size_t length = strlen(name);
	struct netaddr address;

	if (length < 3 || length > 63 || !consists_of(name, LOWER DIGITS ".-"))
		return false;
	if (strchr(".-", name[0]) || strchr(".-", name[length - 1]) || strstr(name, ".."))
		return false;
	return netaddr_parse(name, &address) != 0;
}

static bool group_fits(const char *text)
{
	return !*text || name_fits(text);
}

static bool loopback_fits(const char *text)
{
	static const uint8_t ipv6_loopback[16] = {[15] = 1};
	struct netaddr a;

	if (!*text)
		return true;
	if (netaddr_parse_port(text, &a) != 0 || a.port == 0)
		return false;
	return a.family == 4 ? a.ip[0] == 127
			     : memcmp(a.ip, ipv6_loopback, sizeof(ipv6_loopback)) == 0;
}

const struct key_form form_name = {name_fits, "letters, digits and `._-@:+`"};
const struct key_form form_device = {not_empty, "a PCI address or vdev string"};
const struct key_form form_header = {header_fits, "a header's name, or empty"};
const struct key_form form_currency = {currency_fits, "three capital letters (ISO 4217)"};
const struct key_form form_url = {url_fits, "`http://…` or `https://…`, or empty"};
const struct key_form form_account_id = {account_id_fits, "12 digits"};
const struct key_form form_path = {not_empty, "a path"};
const struct key_form form_bucket = {
	bucket_name_fits, "a bucket name: 3 to 63 of `a-z`, `0-9`, `.` and `-`"};
const struct key_form form_group = {group_fits, "a group's name, or empty"};
const struct key_form form_loopback = {loopback_fits,
	"a loopback address with its port (`127.0.0.1:8080`, `[::1]:8080`), or empty"};
const struct key_form form_region = {group_fits, "letters, digits and `._-@:+`, or empty"};
