/* callgen: makes captures of complete calls, SIP and RTP, whose audio can be recomputed, and the
 * truth about them. The same options make the same capture. */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callplan.h"
#include "callsip.h"
#include "calltruth.h"
#include "capturefile.h"
#include "frame.h"
#include "noise.h"
#include "wrap.h"

#define EXIT_USAGE 2
#define RTP_HEADER_BYTES 12
#define SAMPLES_MAX 960 /* of a packet: 120 ms */

struct arguments {
	struct callplan_options plan;
	bool pcapng;
	const char *out;
	const char *truth;
	const char *wrap; /* NULL: in nothing */
};

enum argument {
	ARG_CALLS = 1,
	ARG_LEGS,
	ARG_SECONDS,
	ARG_LAW,
	ARG_LOSS,
	ARG_REORDER,
	ARG_DUPLICATE,
	ARG_JITTER,
	ARG_STAGGER,
	ARG_PTIME,
	ARG_IPV6,
	ARG_VLAN,
	ARG_WRAP,
	ARG_SEED,
	ARG_EARLY_MEDIA,
	ARG_LATE_OFFER,
	ARG_SRTP,
	ARG_NO_BYE,
	ARG_OVERTAKE,
	ARG_FORMAT,
	ARG_OUT,
	ARG_TRUTH,
	ARG_HELP,
};

static const struct option options[] = {
	{"calls", required_argument, NULL, ARG_CALLS},
	{"legs", required_argument, NULL, ARG_LEGS},
	{"seconds", required_argument, NULL, ARG_SECONDS},
	{"law", required_argument, NULL, ARG_LAW},
	{"loss", required_argument, NULL, ARG_LOSS},
	{"reorder", required_argument, NULL, ARG_REORDER},
	{"duplicate", required_argument, NULL, ARG_DUPLICATE},
	{"jitter-ms", required_argument, NULL, ARG_JITTER},
	{"stagger-ms", required_argument, NULL, ARG_STAGGER},
	{"ptime", required_argument, NULL, ARG_PTIME},
	{"ipv6", no_argument, NULL, ARG_IPV6},
	{"vlan", required_argument, NULL, ARG_VLAN},
	{"wrap", required_argument, NULL, ARG_WRAP},
	{"seed", required_argument, NULL, ARG_SEED},
	{"early-media", no_argument, NULL, ARG_EARLY_MEDIA},
	{"late-offer", no_argument, NULL, ARG_LATE_OFFER},
	{"srtp", no_argument, NULL, ARG_SRTP},
	{"no-bye", no_argument, NULL, ARG_NO_BYE},
	{"overtake-ms", required_argument, NULL, ARG_OVERTAKE},
	{"format", required_argument, NULL, ARG_FORMAT},
	{"out", required_argument, NULL, ARG_OUT},
	{"truth", required_argument, NULL, ARG_TRUTH},
	{"help", no_argument, NULL, ARG_HELP},
	{0},
};

static const char help[] =
	"callgen --out FILE --truth FILE [options]\n"
	"  --calls N         calls (1)\n"
	"  --legs 1|2        caller and SBC, or also SBC and callee (1)\n"
	"  --seconds S       from answer to BYE (10)\n"
	"  --law L           pcmu, pcma, or mixed: by leg (pcmu)\n"
	"  --loss P          percent of RTP packets lost (0)\n"
	"  --reorder P       percent late by one or two packets (0)\n"
	"  --duplicate P     percent that arrive twice (0)\n"
	"  --jitter-ms N     most delay of a packet (0)\n"
	"  --stagger-ms N    between the starts of calls (20)\n"
	"  --ptime N         milliseconds of audio in a packet, 10 to 120 (20)\n"
	"  --ipv6            instead of IPv4\n"
	"  --vlan N[,M]      one tag, or an outer and an inner one\n"
	"  --wrap A[,B...]   all frames in A, around B: vlan, qinq, mpls, pw (MPLS pseudowire), "
	"pppoe,\n"
	"                    gre, gre-key, nvgre, erspan1, erspan2, erspan3, vxlan, geneve,\n"
	"                    vxlan-gpe, vntag, etag, ip, ip6\n"
	"  --seed N          another one makes other calls (1)\n"
	"  --early-media     183 with SDP, and audio from it on\n"
	"  --late-offer      the offer in the 200, the answer in the ACK\n"
	"  --srtp            announces RTP/SAVP; the audio itself is as ever\n"
	"  --no-bye          the calls just stop\n"
	"  --overtake-ms N   audio comes so much before its signalling, up to 100 (0)\n"
	"  --format F        pcap or pcapng (pcap)\n"
	"The SBC is 10.0.0.1 or 2001:db8::1, callers are in 10.1/16 or 2001:db8:1::,\n"
	"callees in 10.2/16 or 2001:db8:2::.\n";

static double number(const char *name, const char *text, double least, double most)
{
	char *end;
	double n;

	errno = 0;
	n = strtod(text, &end);
	if (errno || end == text || *end || !(n >= least && n <= most))
		errx(EXIT_USAGE, "--%s %s: from %g to %g", name, text, least, most);
	return n;
}

static uint32_t whole(const char *name, const char *text, uint32_t least, uint32_t most)
{
	double n = number(name, text, least, most);

	if (n != floor(n))
		errx(EXIT_USAGE, "--%s %s: not a whole number", name, text);
	return (uint32_t)n;
}

static int choice(const char *name, const char *text, const char *const choices[])
{
	for (int i = 0; choices[i]; i++) {
		if (strcmp(text, choices[i]) == 0)
			return i;
	}
	errx(EXIT_USAGE, "--%s %s: no such choice", name, text);
}

static void read_vlans(struct callplan_options *o, char *text)
{
	char *rest = text;

	o->vlan_count = 0;
	for (char *tag = strsep(&rest, ","); tag; tag = strsep(&rest, ",")) {
		if (o->vlan_count == CALLPLAN_VLANS_MAX)
			errx(EXIT_USAGE, "--vlan: at most %d tags", CALLPLAN_VLANS_MAX);
		o->vlans[o->vlan_count++] = (uint16_t)whole("vlan", tag, 1, 4094);
	}
}

static uint64_t read_seed(const char *text)
{
	char *end;
	uint64_t seed = strtoull(text, &end, 0);

	if (end == text || *end)
		errx(EXIT_USAGE, "--seed %s: not a number", text);
	return seed;
}

/* Options that say how the network is. */
static bool set_network(struct callplan_options *o, int argument, char *text)
{
	switch (argument) {
	case ARG_LOSS:
		o->loss = number("loss", text, 0, 100);
		return true;
	case ARG_REORDER:
		o->reorder = number("reorder", text, 0, 100);
		return true;
	case ARG_DUPLICATE:
		o->duplicate = number("duplicate", text, 0, 100);
		return true;
	case ARG_JITTER:
		o->jitter_ms = whole("jitter-ms", text, 0, 10000);
		return true;
	case ARG_IPV6:
		o->ipv6 = true;
		return true;
	case ARG_VLAN:
		read_vlans(o, text);
		return true;
	default:
		return false;
	}
}

/* Options that say how the calls are. */
static bool set_calls(struct callplan_options *o, int argument, const char *text)
{
	switch (argument) {
	case ARG_CALLS:
		o->calls = whole("calls", text, 1, CALLPLAN_CALLS_MAX);
		return true;
	case ARG_LEGS:
		o->legs = whole("legs", text, 1, 2);
		return true;
	case ARG_SECONDS:
		o->seconds = number("seconds", text, 0.1, 86400);
		return true;
	case ARG_LAW:
		o->law = (enum law_choice)choice(
			"law", text, (const char *const[]){"pcmu", "pcma", "mixed", NULL});
		return true;
	case ARG_STAGGER:
		o->stagger_ms = whole("stagger-ms", text, 0, 3600000);
		return true;
	case ARG_PTIME:
		o->ptime_ms = whole("ptime", text, 10, 120);
		return true;
	case ARG_SEED:
		o->seed = read_seed(text);
		return true;
	default:
		return false;
	}
}

/* Options that say in what order things happen. */
static bool set_flow(struct callplan_options *o, int argument, const char *text)
{
	switch (argument) {
	case ARG_EARLY_MEDIA:
		o->early_media = true;
		return true;
	case ARG_LATE_OFFER:
		o->late_offer = true;
		return true;
	case ARG_SRTP:
		o->srtp = true;
		return true;
	case ARG_NO_BYE:
		o->no_bye = true;
		return true;
	case ARG_OVERTAKE:
		o->overtake_ms = whole("overtake-ms", text, 0, 100);
		return true;
	default:
		return false;
	}
}

static void set(struct arguments *a, int argument, char *text)
{
	if (set_network(&a->plan, argument, text) || set_calls(&a->plan, argument, text) ||
		set_flow(&a->plan, argument, text))
		return;
	switch (argument) {
	case ARG_FORMAT:
		a->pcapng = choice("format", text, (const char *const[]){"pcap", "pcapng", NULL});
		return;
	case ARG_OUT:
		a->out = text;
		return;
	case ARG_WRAP:
		a->wrap = text;
		return;
	case ARG_TRUTH:
		a->truth = text;
		return;
	case ARG_HELP:
		fputs(help, stdout);
		exit(0);
	default:
		fputs(help, stderr);
		exit(EXIT_USAGE);
	}
}

static void read_arguments(struct arguments *a, int argc, char **argv)
{
	int argument;

	*a = (struct arguments){.plan = {.calls = 1,
					.legs = 1,
					.seconds = 10,
					.stagger_ms = 20,
					.ptime_ms = 20,
					.seed = 1}};
	while ((argument = getopt_long(argc, argv, "", options, NULL)) != -1)
		set(a, argument, optarg);
	if (optind < argc || !a->out || !a->truth) {
		fputs(help, stderr);
		exit(EXIT_USAGE);
	}
	if (a->plan.early_media && a->plan.late_offer)
		errx(EXIT_USAGE, "--early-media needs the offer that --late-offer puts off");
}

static void put_be(uint8_t *p, uint32_t v, int bytes)
{
	while (bytes--) {
		p[bytes] = (uint8_t)v;
		v >>= 8;
	}
}

static void frame_rtp(struct frame *f, struct framing *framing, const struct callplan *p,
	const struct plan_stream *s, uint32_t k)
{
	const struct plan_leg *l = s->leg;
	uint8_t packet[RTP_HEADER_BYTES + SAMPLES_MAX];

	packet[0] = 0x80;
	packet[1] = (uint8_t)(l->payload_type | (k == 0 ? 0x80 : 0));
	put_be(packet + 2, (uint16_t)(s->sequence + k), 2);
	put_be(packet + 4, s->timestamp + k * p->samples_per_packet, 4);
	put_be(packet + 8, s->ssrc, 4);
	noise_codes(s->key, (uint64_t)k * p->samples_per_packet, packet + RTP_HEADER_BYTES,
		p->samples_per_packet);
	frame_udp(f, framing, s->direction ? &l->sbc_rtp : &l->participant_rtp,
		s->direction ? &l->participant_rtp : &l->sbc_rtp, packet,
		RTP_HEADER_BYTES + p->samples_per_packet);
}

static void frame_sip(struct frame *f, struct framing *framing, const struct callplan *p,
	const struct plan_leg *l, enum sip_kind kind)
{
	bool from_participant = callsip_from_participant(l, kind);
	char text[CALLSIP_BYTES_MAX];
	size_t bytes = callsip_write(&p->options, l, kind, text);

	frame_udp(f, framing, from_participant ? &l->participant_sip : &l->sbc_sip,
		from_participant ? &l->sbc_sip : &l->participant_sip, text, bytes);
}

static void write_capture(const struct callplan *p, const struct arguments *a)
{
	struct capturefile *c = capturefile_create(a->out, a->pcapng);
	struct framing framing = {.vlan_count = p->options.vlan_count, .vlans = p->options.vlans};
	struct frame f;

	for (size_t i = 0; i < p->event_count; i++) {
		const struct plan_event *e = &p->events[i];

		if (e->source & PLAN_SIP)
			frame_sip(&f, &framing, p, &p->legs[e->source & ~PLAN_SIP],
				(enum sip_kind)e->item);
		else
			frame_rtp(&f, &framing, p, &p->streams[e->source], e->item);
		wrap_frame(&f, a->wrap);
		capturefile_write(c, e->time_us, f.data, f.bytes);
	}
	capturefile_close(c);
}

int main(int argc, char **argv)
{
	struct arguments a;
	struct callplan plan;

	read_arguments(&a, argc, argv);
	if (callplan_create(&plan, &a.plan) < 0)
		errx(1, "no memory for the plan");
	write_capture(&plan, &a);
	calltruth_write(&plan, a.truth);
	printf("%zu frames, %u legs, %u streams\n", plan.event_count, plan.leg_count,
		plan.stream_count);
	callplan_destroy(&plan);
	return 0;
}
