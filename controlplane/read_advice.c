#include "controlplane/read_advice.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/dialog.h"
#include "controlplane/media.h"
#include "dataplane/dataplane.h"

struct advice {
	const struct process *p;
	char *text;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static void add(struct advice *a, const char *fmt, ...)
{
	size_t used = strlen(a->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->text + used, a->size - used, fmt, ap);
	va_end(ap);
}

static uint64_t rx_count(const struct process *p, enum rx_counter which)
{
	uint64_t sum = 0;

	for (unsigned int rx = 0; rx < p->topology.rx_count; rx++)
		sum += counter_read(&dataplane_counters(p->control.dataplane, rx)[which]);
	return sum;
}

static bool is_separate(const struct config *c)
{
	for (unsigned int i = 0; i < c->port_count; i++)
		if (c->ports[i].separate)
			return true;
	return false;
}

static void add_tunnels(struct advice *a)
{
	uint64_t unknown = rx_count(a->p, RX_unknown_tunnel);
	uint64_t deep = rx_count(a->p, RX_too_deep);

	if (unknown | deep)
		add(a,
			"; %" PRIu64 " packets are in tunnels that are not followed "
			"(unknown_tunnel, too_deep): capture where they end",
			unknown + deep);
}

static void advise_no_sip(struct advice *a)
{
	uint64_t tls = dialog_count(a->p->control.dialogs, DIALOG_tls);

	add(a, "no SIP found: capture the signalling with the audio, on every interface and port "
	       "that it takes");
	if (tls)
		add(a,
			"; %" PRIu64 " connections are SIP over TLS, which can't be read off the "
			"wire: have the SBC tell of its calls by HEP or the SIP-events API",
			tls);
	add_tunnels(a);
}

static void advise_no_answer(struct advice *a)
{
	const struct dialogs *d = a->p->control.dialogs;
	uint64_t unseen = dialog_count(d, DIALOG_no_dialog);
	uint64_t between = dialog_count(d, DIALOG_sbc_to_sbc);

	add(a, "no answered call found in %" PRIu64 " SIP messages",
		dialog_count(d, DIALOG_messages));
	if (between)
		add(a,
			"; %" PRIu64 " INVITEs have an address of sbc.addresses at both ends: name "
			"only the SBC's there",
			between);
	if (unseen)
		add(a,
			"; %" PRIu64 " messages are of calls whose INVITE was not seen: begin the "
			"capture before the call, with both directions",
			unseen);
	if (dialog_count(d, DIALOG_malformed))
		add(a,
			"; %" PRIu64 " messages could not be read: capture whole packets (tcpdump "
			"-s 0)",
			dialog_count(d, DIALOG_malformed));
	add_tunnels(a);
}

static void advise_no_media(struct advice *a)
{
	const struct control *c = &a->p->control;
	uint64_t unexplained = rx_count(a->p, RX_unknown);

	add(a, "%u of %u answered calls without media", c->read_silent, c->read_answered);
	if (unexplained)
		add(a,
			": %" PRIu64 " RTP packets go to addresses that no SDP announced: does "
			"something between rewrite addresses (name the SBC's in sbc.addresses), or "
			"is their SIP not in the capture?",
			unexplained);
	else
		add(a, ": no RTP to the addresses of their SDP: capture the audio's interface, "
		       "too");
	if (is_separate(c->config))
		add(a, "; ports[].separate keeps out media of another VLAN or tunnel than its "
		       "SIP's: try without");
	if (media_count(c->media, MEDIA_foreign))
		add(a,
			"; %" PRIu64 " flows were kept out, for they come from elsewhere than SDP "
			"says",
			media_count(c->media, MEDIA_foreign));
	add_tunnels(a);
}

void read_advice(const struct process *p, char *text, size_t size)
{
	struct advice a = {p, text, size};

	text[0] = '\0';
	if (dialog_count(p->control.dialogs, DIALOG_messages) == 0)
		advise_no_sip(&a);
	else if (p->control.read_answered == 0)
		advise_no_answer(&a);
	else if (p->control.read_silent)
		advise_no_media(&a);
}
