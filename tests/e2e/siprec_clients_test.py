"""Recording sessions as SBCs open them, by SIPp: the message shapes of Oracle, Cisco, AudioCodes and Ribbon, and RFC 8068's
call flows. What each participant says and hears is compared with the senders' samples."""
import array

from harness import capture, wait, wav
from harness.case import Case
from harness.daemon import Legtapd, configuration
from harness.hosts import PROBE, SBC, Hosts
from harness.paths import SIPP_AUDIO, TOOLS
from harness.recording_client import Client, Party, description, draft_metadata, media_line, rfc_metadata

INCOMING, OUTGOING = 0, 1
PACKETS = 60
SPOKEN_MS = PACKETS * 20 + 4000  # a busy machine takes its time to start the sender


class Oracle(Client):
    """Associations in the participants; Acme Packet's extension data; TCP is recommended."""
    boundary = "unique-boundary-1"
    headers = "Require: siprec\nSupported: 100rel\nUser-Agent: acme"

    @staticmethod
    def metadata(*parties, **keywords):
        def extra(party):
            return "<extensiondata xmlns:apkt=\"http://acmepacket.com/siprec/extensiondata\">" \
                   f"<apkt:callingParty>{'true' if party.number == 2 else 'false'}</apkt:callingParty>" \
                   "<apkt:in-realm>core</apkt:in-realm></extensiondata>"
        return draft_metadata(*parties, extra=extra, **keywords)


class Cisco(Client):
    """CUBE: dispositions on both parts, Session-ID, RFC 7865's shape."""
    boundary = "uniqueBoundary"
    sdp_disposition = "Content-Disposition: session;handling=required\n"
    headers = ("Require: siprec\nSupported: timer,resource-priority,replaces\nMin-SE: 1800\n"
               "Session-ID: 3e8df4e9750b588fab0a671254d4c89b;remote=00000000000000000000000000000000\n"
               "User-Agent: Cisco-SIPGateway/IOS-17.6\nSession-Expires: 1800;refresher=uac")
    metadata = staticmethod(rfc_metadata)


class AudioCodes(Client):
    """Its older format: no +xml, addresses of record without a scheme, a group, Avaya's identifier beside."""
    boundary = "boundary_ac1fffff85b"
    metadata_type = "application/rs-metadata"
    headers = "Require: siprec\nSupported: replaces,resource-priority,sdp-anat\nUser-Agent: Mediant SBC/v.7.20A"

    @staticmethod
    def metadata(*parties, **keywords):
        return draft_metadata(
            *parties, group="00000000-0000-0000-0000-00003a36c4e3", **keywords, session_extra="<ac:AvayaUCID "
            "xmlns:ac=\"AudioCodes\" xmlns=\"urn:ietf:params:xml:ns:Avaya\">FA080019001038F725B3</ac:AvayaUCID>")


class Ribbon(Client):
    """RFC 7865's shape, with what it makes of SIP headers beside."""
    boundary = "sonus-content-delim"
    headers = "Require: siprec\nSupported: timer\nAllow: INVITE,ACK,CANCEL,BYE,OPTIONS,UPDATE"

    @staticmethod
    def metadata(*parties, **keywords):
        return rfc_metadata(*parties, **keywords, extra="<callData><fromheader>sip:tenant7@example.net</fromheader>"
                                                        "<gcid>12345</gcid></callData>\n")


def sound(path, packets=PACKETS):
    chosen = list(capture.rtp_packets(path))[:packets]
    return wav.decode(chosen[0].payload_type, b"".join(p.payload for p in chosen))


class SiprecClientsTest(Case):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(Hosts(self.folder))
        self.hosts.start_callee(1).terminate()  # for its capture
        self.ann, self.bob = SIPP_AUDIO, self.folder / "callee.pcap"

    def start(self, **changes):
        config = configuration(self.folder, **{
            "ports": [{"device": "net_af_packet0,iface=eth0"}], "rules": [],
            "siprec": {"listen": [f"udp:{PROBE}:5060", f"tcp:{PROBE}:5060"], "media_ports": [40000, 40099]},
            **changes})
        return self.enterContext(Legtapd(self.hosts, self.folder, config))

    def play(self, client, name, transport="u1"):
        scenario = client.write(self.folder / f"{name}.xml")
        return self.hosts.run("sbc", "sipp", "-sf", scenario, "-i", SBC, "-p", 5060, "-t", transport, "-m", 1,
                              "-key", "fork", TOOLS / "fork.py", "-nostdin", "-timeout", "60s", "-trace_err",
                              f"{PROBE}:5060", log=f"{name}.log")

    def finish(self, client):
        self.assertEqual(client.wait(60), 0, "\n".join(
            path.read_text(errors="replace")[-3000:] for path in self.folder.glob("*err*.log")))

    def run_client(self, client, name, transport="u1"):
        self.finish(self.play(client, name, transport))

    def track(self, recording, channel):
        return wav.Wav(self.folder / "delivered" / recording["file"]).channels[channel]

    def assert_hears(self, recording, channel, path, packets=PACKETS):
        samples = self.track(recording, channel)
        if path is None:
            self.assertTrue(wav.is_silent(samples))
        else:
            self.assertGreaterEqual(wav.find(samples, sound(path, packets)), 0,
                                    f"{recording['participant']}: {path.name} is not there sample for sample")

    def by_participant(self, daemon, count):
        return {r["participant"]: r for r in daemon.wait_recordings(count)}

    def assert_at_rest(self, daemon):
        status = daemon.account()
        self.assertEqual((status["siprec"]["sessions"], status["siprec"]["ports_used"]), (0, 0))

    def talk(self, client):
        client.media((self.ann, 1), (self.bob, 2), packets=PACKETS)
        client.pause(SPOKEN_MS)

    # --- SBCs ---

    def test_sbcs(self):
        daemon = self.start(accounts=[
            {"id": "avaya", "match": {"metadata": "AvayaUCID", "metadata_value": "FA08*"}},
            {"id": "tenant7", "match": {"metadata": "fromheader", "metadata_value": "sip:tenant7@*"}},
            {"id": "realm", "match": {"metadata": "in-realm", "metadata_value": "core"}}])
        accounts = {}
        for kind, transport, account in ((Oracle, "t1", "realm"), (Cisco, "u1", "default"),
                                         (AudioCodes, "t1", "avaya"), (Ribbon, "t1", "tenant7")):
            name = kind.__name__.lower()
            aor = f"{name}-%s@example.net" if kind is AudioCodes else f"sip:{name}-%s@example.net"
            ann, bob = Party(1, aor % "ann", [1], [2]), Party(2, aor % "bob", [2], [1])
            client = kind()
            client.invite(description(media_line(1), media_line(2, port=6002)), kind.metadata(ann, bob, call=name), 2,
                          patterns=["a=recvonly[^~]*a=label:1[^~]*a=recvonly[^~]*a=label:2"])
            self.talk(client)
            client.bye()
            self.run_client(client, name, transport)
            accounts |= {ann.aor: account, bob.aor: account}
        recordings = self.by_participant(daemon, 8)
        self.assertEqual({r["participant"]: r["account"] for r in recordings.values()}, accounts)
        for participant, recording in recordings.items():
            said, heard = (self.ann, self.bob) if "-ann" in participant else (self.bob, self.ann)
            self.assert_hears(recording, INCOMING, said)
            self.assert_hears(recording, OUTGOING, heard)
        self.assertEqual(len({r["transaction_id"] for r in recordings.values()}), 4)
        self.assert_at_rest(daemon)

    def test_cisco_names_participants_in_headers(self):
        """The messages of the capture cisco_sip_recording_ora: no metadata, but a header for each participant."""
        daemon = self.start()
        client = Client()
        client.headers = ("X-Cisco-Recording-Participant: sip:1234@192.0.2.48;media-index=\"0\"\n"
                          "X-Cisco-Recording-Participant: sip:911@192.0.2.63;media-index=\"1\"\n"
                          "Cisco-Guid: 1105917738-1959334377-2684127762-1015028268\n"
                          "Session-ID: 3e8df4e9750b588fab0a671254d4c89b;remote=00000000000000000000000000000000\n"
                          "Supported: 100rel,timer,resource-priority,replaces,sdp-anat\nSession-Expires: 1800")
        client.contact = ""
        client.invite(description(media_line(None), media_line(None, port=6002), name="CiscoSystemsSIP-GW-UserAgent"),
                      lines=2)
        self.talk(client)
        client.bye()
        self.run_client(client, "ora")
        recordings = self.by_participant(daemon, 2)
        self.assertEqual(set(recordings), {"sip:1234@192.0.2.48", "sip:911@192.0.2.63"})
        self.assert_hears(recordings["sip:1234@192.0.2.48"], INCOMING, self.ann)
        self.assert_hears(recordings["sip:1234@192.0.2.48"], OUTGOING, self.bob)
        self.assert_hears(recordings["sip:911@192.0.2.63"], INCOMING, self.bob)
        self.assert_hears(recordings["sip:911@192.0.2.63"], OUTGOING, self.ann)
        self.assert_at_rest(daemon)

    # --- RFC 8068 ---

    def test_hold_and_resume(self):
        """3.2: inactive and without streams in the metadata, then as before."""
        daemon = self.start()
        ann, bob = Party(1, "sip:ann@x", [1], [2]), Party(2, "sip:bob@x", [2], [1])
        client = Client()
        client.invite(description(media_line(1), media_line(2, port=6002)), rfc_metadata(ann, bob), 2)
        self.talk(client)
        client.invite(description(media_line(1, "inactive"), media_line(2, "inactive", 6002), version=2),
                      rfc_metadata(Party(1, "sip:ann@x"), Party(2, "sip:bob@x"), mode="partial"), 2,
                      patterns=["a=inactive[^~]*a=inactive"])
        client.pause(300)
        client.invite(description(media_line(1), media_line(2, port=6002), version=3),
                      rfc_metadata(ann, bob, mode="partial"), 2)
        client.media((self.bob, 1), (self.ann, 2), packets=PACKETS)
        client.pause(SPOKEN_MS)
        client.bye()
        self.run_client(client, "hold")
        recordings = self.by_participant(daemon, 2)
        for channel, first, second in ((INCOMING, self.ann, self.bob), (OUTGOING, self.bob, self.ann)):
            self.assert_hears(recordings["sip:ann@x"], channel, first)
            self.assert_hears(recordings["sip:ann@x"], channel, second)
        self.assert_at_rest(daemon)

    def test_transfer(self):
        """3.3: Bob hands the call to Carol, who speaks on a stream of her own; Bob leaves. One transaction."""
        daemon = self.start()
        ann, bob = Party(1, "sip:ann@x", [1], [2]), Party(2, "sip:bob@x", [2], [1])
        client = Client()
        client.invite(description(media_line(1), media_line(2, port=6002)), rfc_metadata(ann, bob), 2)
        self.talk(client)
        carol = Party(3, "sip:carol@x", [3], [1])
        client.invite(description(media_line(1), ["m=audio 0 RTP/AVP 8"], media_line(3, port=6004), version=2),
                      rfc_metadata(carol, Party(1, "sip:ann@x", [1], [3]), mode="partial", left=[bob]), 3)
        client.media((self.bob, 1), (self.ann, 3), packets=PACKETS)
        client.pause(SPOKEN_MS)
        client.bye()
        self.run_client(client, "transfer")
        recordings = self.by_participant(daemon, 3)
        self.assert_hears(recordings["sip:bob@x"], INCOMING, self.bob)
        self.assert_hears(recordings["sip:bob@x"], OUTGOING, self.ann)
        self.assert_hears(recordings["sip:carol@x"], INCOMING, self.ann)
        self.assert_hears(recordings["sip:carol@x"], OUTGOING, self.bob)
        for channel in (INCOMING, OUTGOING):
            self.assert_hears(recordings["sip:ann@x"], channel, self.ann)
            self.assert_hears(recordings["sip:ann@x"], channel, self.bob)
        self.assertLess(recordings["sip:bob@x"]["stop"], recordings["sip:ann@x"]["stop"])
        self.assertEqual(len({r["transaction_id"] for r in recordings.values()}), 1)
        self.assert_at_rest(daemon)

    def test_conference(self):
        """3.5: three who speak at once: each hears the sum of the others."""
        daemon = self.start()
        parties = [Party(n, f"sip:p{n}@x", [n], [k for k in (1, 2, 3) if k != n]) for n in (1, 2, 3)]
        client = Client()
        client.invite(description(*(media_line(n, port=6000 + 2 * n) for n in (1, 2, 3))), rfc_metadata(*parties), 3)
        client.media((self.ann, 1), (self.bob, 2), (self.ann, 3), packets=PACKETS)
        client.pause(SPOKEN_MS)
        client.bye()
        self.run_client(client, "conference")
        recordings = self.by_participant(daemon, 3)
        said = {n: self.track(recordings[f"sip:p{n}@x"], INCOMING) for n in (1, 2, 3)}
        for n, path in ((1, self.ann), (2, self.bob), (3, self.ann)):
            self.assert_hears(recordings[f"sip:p{n}@x"], INCOMING, path)
            self.assert_sum(self.track(recordings[f"sip:p{n}@x"], OUTGOING), [said[k] for k in said if k != n])
            [outgoing] = [t for t in recordings[f"sip:p{n}@x"]["tracks"] if t["track"] == "OUTGOING"]
            self.assertEqual((outgoing["received"], len(outgoing["streams"])), (2 * PACKETS, 2))
        self.assert_at_rest(daemon)

    def assert_sum(self, heard, said):
        """The files begin at different nanoseconds: each voice may stand a sample earlier or later."""
        frames = min(len(heard), *(len(voice) for voice in said))

        def shifted(voice, by):
            return [voice[i + by] if 0 <= i + by < len(voice) else 0 for i in range(frames)]

        for first in (0, 1, -1):
            for second in (0, 1, -1):
                total = array.array("h", (max(-32768, min(32767, a + b)) for a, b in zip(
                    shifted(said[0], first), shifted(said[1], second))))
                if total[8:-8] == heard[8:frames - 8]:
                    return
        self.fail("what is heard is not the sum of what is said")

    def test_offerless(self):
        """A re-INVITE without an offer gets legtap's; the client's answer puts the second stream on hold."""
        daemon = self.start()
        ann, bob = Party(1, "sip:ann@x", [1], [2]), Party(2, "sip:bob@x", [2], [1])
        client = Client()
        client.invite(description(media_line(1), media_line(2, port=6002)), rfc_metadata(ann, bob), 2)
        client.invite(lines=2, patterns=["a=recvonly[^~]*a=label:1[^~]*a=recvonly[^~]*a=label:2"],
                      answer=description(media_line(1), media_line(2, "inactive", 6002), version=2))
        self.talk(client)
        client.bye()
        playing = self.play(client, "offerless")
        wait.until(lambda: [call for call in daemon.calls() if call["on_hold"]], "a leg on hold")
        self.finish(playing)
        recordings = self.by_participant(daemon, 2)
        self.assert_hears(recordings["sip:ann@x"], INCOMING, self.ann)
        self.assert_at_rest(daemon)

    # --- a=record, a=recordpref ---

    def test_what_is_recorded_is_told(self):
        """Preferences: Ann wants a pause, Bob nothing. Actions on both are told by UPDATE, and to one by INVITE."""
        daemon, told = self.start(), 0
        for method, allow in (("UPDATE", "INVITE,ACK,CANCEL,BYE,UPDATE"), ("INVITE", "INVITE,ACK,CANCEL,BYE")):
            with self.subTest(method):
                call = method.lower()
                ann, bob = Party(1, f"sip:ann@{call}", [1], [2]), Party(2, f"sip:bob@{call}", [2])
                sdp = description(media_line(1, extra=["a=recordpref:pause"]), media_line(2, port=6002))
                client = Client()
                client.headers += f"\nSupported: record-aware\nAllow: {allow}"
                client.invite(sdp, rfc_metadata(ann, bob, call=call), 2,
                              patterns=["a=record:paused[^~]*a=label:1[^~]*a=record:on[^~]*a=label:2"])
                client.told(method, ["a=record:on[^~]*a=label:1"], sdp)
                client.told(method, ["a=record:off[^~]*a=label:1"], sdp)
                client.pause(200)
                client.bye()
                playing = self.play(client, f"told_{call}")
                [leg] = wait.until(lambda: [c["call_id"] for c in daemon.calls() if c["participant"] == ann.aor],
                                   "Ann's leg")
                heard = 0
                for command in ("resume", "stop"):
                    status, _, stderr = daemon.ctl(command, leg)
                    self.assertEqual(status, 0, stderr)
                    heard += 1  # changes that follow each other at once are told together
                    wait.until(lambda: daemon.get("/v1/status")["siprec"]["told"] >= told + heard, "a message")
                self.finish(playing)
                told += 2
        daemon.wait_recordings(4)
        self.assert_at_rest(daemon)

    def test_recordpref_off(self):
        """Who prefers not to be recorded is not; an action may do so all the same."""
        daemon = self.start()
        ann, bob = Party(1, "sip:ann@x", [1], [2]), Party(2, "sip:bob@x", [2], [1])
        client = Client()
        client.invite(description(media_line(1, extra=["a=recordpref:off"]), media_line(2, port=6002)),
                      rfc_metadata(ann, bob), 2, patterns=["a=record:"])
        self.talk(client)
        client.bye()
        self.run_client(client, "pref")
        recordings = self.by_participant(daemon, 1)
        self.assertEqual(set(recordings), {"sip:bob@x"})
        self.assert_hears(recordings["sip:bob@x"], INCOMING, self.bob)
        self.assert_at_rest(daemon)

    # --- Ordinary calls ---

    def test_ordinary_calls(self):
        daemon = self.start(calls=[{"match": {"called": "line*"}}])
        caller = Client()
        caller.headers, caller.contact, caller.user, caller.called = "Supported: timer", "", "dave", "line1"
        caller.invite(description(media_line(None, "sendrecv")), lines=1, patterns=["a=recvonly"])
        caller.media((self.ann, 1), packets=PACKETS)
        caller.pause(SPOKEN_MS)
        caller.bye()
        self.run_client(caller, "call")
        [recording] = daemon.wait_recordings(1)
        self.assertEqual(recording["participant"], f"sip:dave@{SBC}")
        self.assert_hears(recording, INCOMING, self.ann)
        self.assert_hears(recording, OUTGOING, None)
        other = Client()
        other.headers, other.contact, other.called = "Supported: timer", "", "somebody"
        other.refused(403, description(media_line(None, "sendrecv")))
        self.run_client(other, "refused")
        self.assert_at_rest(daemon)
