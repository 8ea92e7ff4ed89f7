/* The SDP parser: what real devices send, and what liars do. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "controlplane/sdp.h"
#include "controlplane/sip.h"
#include "udp_packets.h"

static struct leg_media media;

static int parse(const char *text)
{
	return sdp_parse(&media, text, strlen(text));
}

static void assert_address(unsigned int index, const char *expected)
{
	char text[NETADDR_TEXT_BYTES];

	assert_true(index < media.address_count);
	assert_string_equal(netaddr_format(&media.addresses[index], text), expected);
}

static void assert_codec(unsigned int index, unsigned int payload_type, const char *name,
	uint32_t clock_hz, unsigned int channels, const char *fmtp)
{
	const struct codec *c = &media.codecs[index];

	assert_true(index < media.codec_count);
	assert_int_equal(c->payload_type, payload_type);
	assert_string_equal(c->name, name);
	assert_int_equal(c->clock_hz, clock_hz);
	assert_int_equal(c->channels, channels);
	assert_string_equal(c->fmtp, fmtp);
}

static void an_ordinary_offer(void **state)
{
	assert_int_equal(parse("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n"
			       "t=0 0\r\nm=audio 49170 RTP/AVP 0 8 18 111 101\r\n"
			       "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n"
			       "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
			       "a=fmtp:18 annexb=no\r\na=ptime:30\r\na=rtcp-mux\r\n"),
		0);
	assert_int_equal(media.address_count, 1);
	assert_address(0, "192.0.2.1:49170");
	assert_int_equal(media.codec_count, 5);
	assert_codec(0, 0, "PCMU", 8000, 1, "");
	assert_codec(1, 8, "PCMA", 8000, 1, "");
	assert_codec(2, 18, "G729", 8000, 1, "annexb=no");
	assert_codec(3, 111, "OPUS", 48000, 2, "useinbandfec=1");
	assert_codec(4, 101, "TELEPHONE-EVENT", 8000, 1, "0-15");
	assert_int_equal(media.ptime_ms, 30);
	assert_true(media.sends);
	assert_true(media.receives);
}

static void static_payload_types_have_names(void **state)
{
	assert_int_equal(parse("v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 3 4 9 13 10 96"), 0);
	assert_int_equal(media.codec_count, 5); /* 96 is not explained */
	assert_codec(0, 3, "GSM", 8000, 1, "");
	assert_codec(1, 4, "G723", 8000, 1, "");
	assert_codec(2, 9, "G722", 8000, 1, "");
	assert_codec(3, 13, "CN", 8000, 1, "");
	assert_codec(4, 10, "L16", 44100, 2, "");
}

static void each_media_has_its_own_address(void **state)
{
	assert_int_equal(parse("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n"
			       "c=IN IP4 192.0.2.2\r\nm=video 5000 RTP/AVP 31\r\n"
			       "c=IN IP4 192.0.2.9\r\na=inactive\r\n"
			       "m=audio 0 RTP/AVP 8\r\nm=audio 6000/2 RTP/SAVP 8\r\n"
			       "m=audio 7000 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\n"),
		0);
	assert_int_equal(media.address_count, 3);
	assert_address(0, "192.0.2.2:4000");
	assert_address(1, "192.0.2.1:6000");
	assert_address(2, "[2001:db8::1]:7000");
	assert_int_equal(media.codec_count, 3);
	assert_true(media.sends);
}

#define KEY_LINE "AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n"

static void keys_of_srtp(void **state)
{
	assert_int_equal(parse("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/SAVP 0\r\n"
			       "a=crypto:1 " KEY_LINE "a=crypto:2 F8_128_HMAC_SHA1_80 inline:x\r\n"
			       "m=video 5000 RTP/SAVP 31\r\na=crypto:3 " KEY_LINE),
		0);
	assert_true(media.encrypted);
	assert_false(media.dtls);
	assert_true(media.unusable_key);
	assert_int_equal(media.keys.count, 1);
	assert_int_equal(media.keys.list[0].tag, 1);
	/* An offer of SRTP to those who want it. */
	assert_int_equal(parse("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n"
			       "a=crypto:1 " KEY_LINE),
		0);
	assert_true(media.encrypted);
	assert_int_equal(media.keys.count, 1);
	/* Keys by DTLS. */
	assert_int_equal(parse("v=0\r\nc=IN IP4 192.0.2.1\r\na=fingerprint:sha-256 00\r\n"
			       "m=audio 4000 RTP/SAVPF 0\r\n"),
		0);
	assert_true(media.encrypted && media.dtls);
	assert_int_equal(
		parse("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n"), 0);
	assert_true(media.encrypted && media.dtls);
	assert_int_equal(parse("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n"), 0);
	assert_false(media.encrypted || media.dtls || media.unusable_key);
}

static void directions_at_both_levels(void **state)
{
	static const struct {
		const char *session;
		const char *media;
		bool sends;
		bool receives;
	} rows[] = {
		{"", "", true, true},
		{"a=sendonly\r\n", "", true, false},
		{"a=recvonly\r\n", "", false, true},
		{"a=inactive\r\n", "", false, false},
		{"a=inactive\r\n", "a=sendrecv\r\n", true, true},
		{"", "a=sendonly\r\n", true, false},
		{"", "a=recvonly\r\n", false, true},
		{"", "a=inactive\r\n", false, false},
		{"", "c=IN IP4 0.0.0.0\r\n", false, false},
		{"", "c=IN IP6 ::\r\n", false, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text),
			"v=0\r\nc=IN IP4 192.0.2.1\r\n%sm=audio 4000 RTP/AVP 0\r\n%s",
			rows[i].session, rows[i].media);
		assert_int_equal(parse(text), 0);
		assert_int_equal(media.sends, rows[i].sends);
		assert_int_equal(media.receives, rows[i].receives);
	}
}

static void hold_by_address_leaves_none(void **state)
{
	assert_int_equal(parse("v=0\nc=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\n"), 0);
	assert_int_equal(media.address_count, 0);
	assert_int_equal(media.codec_count, 1);
	assert_int_equal(parse("v=0\nc=IN IP4 sbc.example.com\nm=audio 4000 RTP/AVP 0\n"), 0);
	assert_int_equal(media.address_count, 0);
	assert_true(media.receives);
}

#define ICE_LINES \
	"a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n" \
	"a=candidate:1 1 UDP 2130706431 192.168.1.5 4000 typ host\r\n" \
	"a=candidate:1 2 UDP 2130706430 192.168.1.5 4001 typ host\r\n" \
	"a=candidate:2 1 TCP 2105458943 192.168.1.5 9 typ host tcptype active\r\n" \
	"a=candidate:3 1 udp 2113937151 0b5f7e70-88a4.local 50000 typ host\r\n" \
	"a=candidate:4 1 UDP 1694498815 198.51.100.7 30000 typ srflx raddr 192.168.1.5 rport " \
	"4000\r\n" \
	"a=candidate:5 1 UDP 16777215 2001:db8::7 30002 typ relay raddr 192.0.2.1 rport 1\r\n"

static void candidates_are_addresses(void **state)
{
	assert_int_equal(
		parse("v=0\r\nc=IN IP4 198.51.100.7\r\nm=audio 30000 RTP/AVP 0\r\n" ICE_LINES
		      "a=remote-candidates:1 203.0.113.9 5000\r\na=rtcp:4001\r\n"
		      "a=candidate:\r\na=candidate:1 1 UDP 1 192.0.2.1 70000 typ host\r\n"
		      "m=video 30010 RTP/AVP 31\r\n"
		      "a=candidate:1 1 UDP 1 192.168.1.5 4010 typ host\r\n"),
		0);
	assert_int_equal(media.address_count, 3);
	assert_address(0, "192.168.1.5:4000");
	assert_address(1, "198.51.100.7:30000");
	assert_address(2, "[2001:db8::7]:30002");
}

/* As browsers do: the default address is not known yet. */
static void trickled_candidates_are_no_hold(void **state)
{
	assert_int_equal(
		parse("v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\n"
		      "c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=mid:0\r\n" ICE_LINES
		      "a=rtpmap:111 opus/48000/2\r\na=sendrecv\r\na=rtcp-mux\r\n"
		      "m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n"
		      "a=bundle-only\r\na=mid:1\r\n"),
		0);
	assert_int_equal(media.address_count, 3);
	assert_int_equal(media.codec_count, 2);
	assert_true(media.sends);
	assert_true(media.receives);
	assert_int_equal(parse("v=0\r\na=ice-ufrag:x\r\nc=IN IP4 0.0.0.0\r\n"
			       "m=audio 9 RTP/AVP 0\r\na=inactive\r\n"),
		0);
	assert_int_equal(media.address_count, 0);
	assert_false(media.sends);
}

static void many_candidates_leave_room_for_the_default(void **state)
{
	char many[8192] = "v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\n";

	for (int i = 0; i < 40; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many),
			"a=candidate:%d 1 UDP 1 192.168.1.5 %d typ host\n", i, 5000 + i);
	assert_int_equal(parse(many), 0);
	assert_address(media.address_count - 1, "192.0.2.1:4000");
}

static void line_ends_of_all_kinds(void **state)
{
	static const char *const ends[] = {"\r\n", "\n", "\r", "\n\n", " \r\n"};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		const char *e = ends[i];
		char text[256];

		snprintf(text, sizeof(text),
			"v=0%so=- 1 1 IN IP4 192.0.2.1%sc=IN IP4 192.0.2.1%sm=audio 4000 RTP/AVP "
			"96%sa=rtpmap:96 AMR/8000%sa=sendonly",
			e, e, e, e, e);
		assert_int_equal(parse(text), 0);
		assert_address(0, "192.0.2.1:4000");
		assert_codec(0, 96, "AMR", 8000, 1, "");
		assert_false(media.receives);
	}
}

/* A fax takes the audio's place; then the audio comes back. */
static void rejected_and_added_again(void **state)
{
	assert_int_equal(parse("v=0\nc=IN IP4 192.0.2.1\nm=audio 0 RTP/AVP 0\n"
			       "m=image 5000 udptl t38\n"),
		0);
	assert_int_equal(media.address_count, 0);
	assert_int_equal(media.codec_count, 0);
	assert_false(media.sends);
	assert_int_equal(parse("v=0\nc=IN IP4 192.0.2.1\nm=audio 4002 RTP/AVP 8\n"
			       "m=image 0 udptl t38\n"),
		0);
	assert_address(0, "192.0.2.1:4002");
	assert_true(media.sends);
}

static void lies_do_no_harm(void **state)
{
	char many[8192] = "v=0\nc=IN IP4 192.0.2.1\n";

	assert_int_equal(parse(""), -EBADMSG);
	assert_int_equal(parse("o=- 1 1 IN IP4 192.0.2.1\n"), -EBADMSG);
	assert_int_equal(
		parse("v=0\nm=audio 70000 RTP/AVP 0\nm=audio -1 RTP/AVP 0\nm=audio\nm=\n"
		      "m=audio 4000\nm=audio 4000 udptl t38\na=\na=rtpmap:\nc=\nc=IN\n\nx"),
		0);
	assert_int_equal(media.address_count, 0);
	assert_int_equal(media.codec_count, 0);
	assert_int_equal(
		parse("v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0 128 8\na=rtpmap:0 x\n"
		      "a=rtpmap:0 way-too-long-a-name-for-any-codec/8000\na=rtpmap:0 PCMU/\n"),
		0);
	assert_int_equal(media.codec_count, 1); /* the list ends at what is no payload type */
	assert_codec(0, 0, "PCMU", 8000, 1, "");
	for (int i = 0; i < 60; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many),
			"m=audio %d RTP/AVP 0 8\n", 4000 + i);
	assert_int_equal(parse(many), 0);
	assert_int_equal(media.address_count, LEG_ADDRESSES_MAX);
	assert_int_equal(media.codec_count, LEG_CODECS_MAX);
}

static void cut_descriptions_do_no_harm(void **state)
{
	static const char text[] =
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1/127\r\n"
		"m=audio 49170/2 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
		"a=fmtp:101 0-15\r\na=ptime:20\r\na=sendonly\r\n";

	for (size_t cut = 0; cut < sizeof(text); cut++) {
		char *copy = malloc(cut ? cut : 1);

		memcpy(copy, text, cut);
		(void)sdp_parse(&media, copy, cut);
		free(copy);
	}
	assert_address(0, "192.0.2.1:49170");
}

struct ports {
	const char *file;
	unsigned int checked;
};

/* The audio ports that tshark reads, in the last column of captures_sip.tsv. */
static void expected_ports(const char *file, unsigned int frame, char *out, size_t size)
{
	char path[512];
	char line[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s/captures_sip.tsv", getenv("LEGTAP_TEST_DATA"));
	f = fopen(path, "r");
	assert_non_null(f);
	out[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		char *cell = strchr(line, '\t');

		if (!cell || strncmp(line, file, strlen(file)) != 0 ||
			strtoul(cell + 1, NULL, 10) != frame)
			continue;
		cell = strrchr(line, '\t') + 1;
		for (cell = strstr(cell, "audio:"); cell; cell = strstr(cell + 1, "audio:"))
			if (atoi(cell + 6) > 0)
				snprintf(out + strlen(out), size - strlen(out), "%d ",
					atoi(cell + 6));
	}
	fclose(f);
}

static void check_packet(void *arg, const struct udp_packet *p)
{
	static struct sip_message message;
	struct ports *c = arg;
	char expected[256];
	char found[256] = "";

	if (sip_parse(&message, p->payload, p->bytes) != 0 || !message.sdp.data)
		return;
	assert_int_equal(sdp_parse(&media, message.sdp.data, message.sdp.bytes), 0);
	expected_ports(c->file, p->frame, expected, sizeof(expected));
	for (unsigned int i = 0; i < media.address_count; i++)
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%u ",
			media.addresses[i].port);
	assert_true(media.codec_count > 0);
	if (media.address_count > 0) /* c=0.0.0.0 leaves none */
		assert_string_equal(found, expected);
	c->checked++;
}

static void captured_descriptions_are_read_as_tshark_does(void **state)
{
	static const char *const files[] = {"cisco_dtmf_relay_noasymm.pcapng",
		"cisco_dtmf_relay_sip_rfc4733.pcapng", "cisco_rtp_sip_g711alaw_30ms.pcapng",
		"cisco_rtp_sip_g722_h264.pcapng", "cisco_rtp_sip_ilbc_20ms_15dot2kbps.pcapng",
		"cisco_sip_cpa.pcapng", "cisco_sip_recording_ora.pcapng",
		"cisco_sip_session_refresh_422.pcapng", "isa_linphone_g711a_short.pcap"};
	const char *folder = captures_folder();

	if (!folder) {
		print_message("no captures beside the source tree\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct ports c = {.file = files[i]};
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		assert_true(udp_packets_read(path, check_packet, &c) > 0);
		assert_true(c.checked >= 2);
	}
}

/* --- Bundles (RFC 9143) --- */

#define SESSION "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define AUDIO_0 "m=audio 0 RTP/AVP 0 96\r\na=rtpmap:96 opus/48000/2\r\na=mid:a\r\n"
#define VIDEO "m=video 5004 RTP/AVP 31 97\r\na=rtpmap:97 h264/90000\r\na=mid:v\r\n"

static void bundle_only_audio_is_where_its_group_is(void **state)
{
	assert_int_equal(
		parse(SESSION "a=group:BUNDLE v a\r\n" VIDEO AUDIO_0 "a=bundle-only\r\n"), 0);
	assert_int_equal(media.address_count, 1);
	assert_address(0, "192.0.2.1:5004");
	assert_int_equal(media.codec_count, 2);
	assert_codec(1, 96, "OPUS", 48000, 2, "");
	/* Before it, with an address of its own; after a group that it is not of. */
	assert_int_equal(parse(SESSION "a=group:BUNDLE x y\r\na=group:BUNDLE a v\r\n" AUDIO_0
				       "a=bundle-only\r\n" VIDEO "c=IN IP4 192.0.2.9\r\n"),
		0);
	assert_int_equal(media.address_count, 1);
	assert_address(0, "192.0.2.9:5004");
}

static void a_bundle_brings_its_candidates(void **state)
{
	assert_int_equal(
		parse(SESSION "a=group:BUNDLE v a\r\nm=video 9 RTP/AVP 97\r\nc=IN IP4 0.0.0.0\r\n"
			      "a=mid:v\r\na=ice-ufrag:x\r\n"
			      "a=candidate:1 1 UDP 2130706431 192.0.2.4 49170 typ host\r\n" AUDIO_0
			      "a=bundle-only\r\na=sendonly\r\n"),
		0);
	assert_int_equal(media.address_count, 1);
	assert_address(0, "192.0.2.4:49170");
	assert_true(media.sends);
	assert_false(media.receives);
}

/* Port 0 alone is a line that was rejected. */
static void what_is_not_bundled_stays_rejected(void **state)
{
	static const char *const rejected[] = {
		SESSION "a=group:BUNDLE v a\r\n" VIDEO AUDIO_0,
		SESSION VIDEO AUDIO_0 "a=bundle-only\r\n",
		SESSION "a=group:BUNDLE v x\r\n" VIDEO AUDIO_0 "a=bundle-only\r\n",
		SESSION "a=group:BUNDLE a\r\n" VIDEO AUDIO_0 "a=bundle-only\r\n",
		SESSION "a=group:BUNDLE v a\r\n" AUDIO_0
			"m=video 5004 RTP/AVP 31\r\na=bundle-only\r\n",
		SESSION "a=group:BUNDLE v a\r\nm=audio 0 RTP/AVP 0\r\na=bundle-only\r\n" VIDEO,
		SESSION "a=group:LS v a\r\n" VIDEO AUDIO_0 "a=bundle-only\r\n",
	};

	for (size_t i = 0; i < sizeof(rejected) / sizeof(rejected[0]); i++) {
		assert_int_equal(parse(rejected[i]), 0);
		assert_int_equal(media.address_count, 0);
		assert_int_equal(media.codec_count, 0);
	}
}

static void other_media_is_noted_by_name(void **state)
{
	assert_int_equal(parse(SESSION "m=audio 4000 RTP/AVP 0\r\n" VIDEO
				       "m=text 5006 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n"
				       "m=application 5008 UDP/BFCP *\r\na=rtpmap:97 no/1\r\n"
				       "m=video 5010 RTP/AVP 97\r\n"),
		0);
	assert_int_equal(media.codec_count, 1);
	assert_int_equal(media.other_count, 4);
	assert_int_equal(media.others[0].payload_type, 31);
	assert_string_equal(media.others[0].name, "VIDEO 31");
	assert_string_equal(media.others[1].name, "VIDEO H264");
	assert_string_equal(media.others[2].name, "TEXT T140");
	assert_string_equal(media.others[3].name, "VIDEO 97");
}

/* Each word of a group costs a pass over the description, so there is an end to them. */
static void a_group_of_thousands_costs_no_minutes(void **state)
{
	static char sdp[64 << 10];
	uint64_t began_ns = clock_now_ns();
	int n = snprintf(sdp, sizeof(sdp), SESSION "a=group:BUNDLE x");

	for (unsigned int i = 0; i < 10000; i++)
		n += snprintf(sdp + n, sizeof(sdp) - (size_t)n, " a");
	n += snprintf(sdp + n, sizeof(sdp) - (size_t)n, "\r\n");
	for (unsigned int i = 0; i < 700; i++)
		n += snprintf(sdp + n, sizeof(sdp) - (size_t)n,
			"m=audio 0 RTP/AVP 0\r\na=mid:x\r\na=bundle-only\r\n");
	assert_int_equal(parse(sdp), 0);
	assert_int_equal(media.address_count, 0);
	assert_true(clock_now_ns() - began_ns < 1000000000ULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ordinary_offer),
		cmocka_unit_test(static_payload_types_have_names),
		cmocka_unit_test(each_media_has_its_own_address),
		cmocka_unit_test(keys_of_srtp),
		cmocka_unit_test(directions_at_both_levels),
		cmocka_unit_test(hold_by_address_leaves_none),
		cmocka_unit_test(candidates_are_addresses),
		cmocka_unit_test(trickled_candidates_are_no_hold),
		cmocka_unit_test(many_candidates_leave_room_for_the_default),
		cmocka_unit_test(line_ends_of_all_kinds),
		cmocka_unit_test(rejected_and_added_again),
		cmocka_unit_test(lies_do_no_harm),
		cmocka_unit_test(cut_descriptions_do_no_harm),
		cmocka_unit_test(captured_descriptions_are_read_as_tshark_does),
		cmocka_unit_test(bundle_only_audio_is_where_its_group_is),
		cmocka_unit_test(a_bundle_brings_its_candidates),
		cmocka_unit_test(what_is_not_bundled_stays_rejected),
		cmocka_unit_test(other_media_is_noted_by_name),
		cmocka_unit_test(a_group_of_thousands_costs_no_minutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
