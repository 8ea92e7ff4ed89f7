"""Recording sessions as SBCs open them, by SIPp: the message shapes of Oracle, Cisco, AudioCodes and Ribbon, and RFC 8068's
call flows. What each participant says and hears is compared with the senders' samples."""
import array

from harness import wait
from harness.hosts import SBC
from harness.recording_client import Client, Party, description, draft_metadata, media_line, rfc_metadata
from harness.siprec_case import INCOMING, OUTGOING, PACKETS, SiprecCase


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


class SiprecClientsTest(SiprecCase):
    changes = {
        "accounts": [
            {"id": "avaya", "match": {"metadata": "AvayaUCID", "metadata_value": "FA08*"}},
            {"id": "tenant7", "match": {"metadata": "fromheader", "metadata_value": "sip:tenant7@*"}},
            {"id": "realm", "match": {"metadata": "in-realm", "metadata_value": "core"}}],
        "calls": [{"match": {"called": "line*"}}]}

    # --- SBCs ---

    def test_sbcs(self):
        """All at once."""
        running, everybody, accounts = {}, [], {}
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
            running[name] = self.play(client, name, transport)
            everybody += [ann, bob]
            accounts |= {ann.aor: account, bob.aor: account}
        for name, process in running.items():
            self.finish(process, name)
        recordings = self.recording_of(*everybody)
        self.assertEqual({r["participant"]: r["account"] for r in recordings}, accounts)
        for ann, bob in zip(recordings[::2], recordings[1::2]):
            self.assert_pair([ann, bob])
            self.assertEqual(ann["transaction_id"], bob["transaction_id"])
        self.assertEqual(len({r["transaction_id"] for r in recordings}), 4)
        self.assert_at_rest()

    def test_cisco_names_participants_in_headers(self):
        """The messages of the capture cisco_sip_recording_ora: no metadata, but a header for each participant."""
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
        self.assert_pair(self.recording_of(Party(1, "sip:1234@192.0.2.48"), Party(2, "sip:911@192.0.2.63")))
        self.assert_at_rest()

    # --- RFC 8068 ---

    def test_hold_and_resume(self):
        """3.2: inactive and without streams in the metadata, then as before."""
        ann, bob = self.pair("hold")
        client = Client()
        client.invite(self.two_lines(), rfc_metadata(ann, bob, call="hold"), 2)
        self.talk(client)
        client.invite(description(media_line(1, "inactive"), media_line(2, "inactive", 6002), version=2),
                      rfc_metadata(Party(1, ann.aor), Party(2, bob.aor), call="hold", mode="partial"), 2,
                      patterns=["a=inactive[^~]*a=inactive"])
        client.pause(100)
        client.invite(self.two_lines(3), rfc_metadata(ann, bob, call="hold", mode="partial"), 2)
        client.media((self.bob, 1), (self.ann, 2), packets=PACKETS)
        client.bye()
        self.run_client(client, "hold")
        of_ann, of_bob = self.recording_of(ann, bob)
        for channel, first, second in ((INCOMING, self.ann, self.bob), (OUTGOING, self.bob, self.ann)):
            for sound in first, second:
                self.assert_hears(of_ann, channel, sound)
                self.assert_hears(of_bob, 1 - channel, sound)
        self.assert_at_rest()

    def test_transfer(self):
        """3.3: Bob hands the call to Carol, who speaks on a stream of her own; Bob leaves. One transaction."""
        ann, bob = self.pair("transfer")
        carol = Party(3, "sip:carol@transfer", [3], [1])
        client = Client()
        client.invite(self.two_lines(), rfc_metadata(ann, bob, call="transfer"), 2)
        self.talk(client)
        client.invite(description(media_line(1), ["m=audio 0 RTP/AVP 8"], media_line(3, port=6004), version=2),
                      rfc_metadata(carol, Party(1, ann.aor, [1], [3]), call="transfer", mode="partial", left=[bob]), 3)
        client.media((self.bob, 1), (self.ann, 3), packets=PACKETS)
        client.bye()
        self.run_client(client, "transfer")
        of_ann, of_bob, of_carol = self.recording_of(ann, bob, carol)
        self.assert_hears(of_bob, INCOMING, self.bob)
        self.assert_hears(of_bob, OUTGOING, self.ann)
        self.assert_hears(of_carol, INCOMING, self.ann)
        self.assert_hears(of_carol, OUTGOING, self.bob)
        for channel in (INCOMING, OUTGOING):
            self.assert_hears(of_ann, channel, self.ann)
            self.assert_hears(of_ann, channel, self.bob)
        self.assertLess(of_bob["stop"], of_ann["stop"])
        self.assertEqual(len({r["transaction_id"] for r in (of_ann, of_bob, of_carol)}), 1)
        self.assert_at_rest()

    def test_conference(self):
        """3.5: three who speak at once: each hears the sum of the others."""
        parties = [Party(n, f"sip:p{n}@conference", [n], [k for k in (1, 2, 3) if k != n]) for n in (1, 2, 3)]
        client = Client()
        client.invite(description(*(media_line(n, port=6000 + 2 * n) for n in (1, 2, 3))),
                      rfc_metadata(*parties, call="conference"), 3)
        client.media((self.ann, 1), (self.bob, 2), (self.ann, 3), packets=PACKETS)
        client.bye()
        self.run_client(client, "conference")
        recordings = self.recording_of(*parties)
        said = [self.track(recording, INCOMING) for recording in recordings]
        for n, path in enumerate((self.ann, self.bob, self.ann)):
            self.assert_hears(recordings[n], INCOMING, path)
            self.assert_sum(self.track(recordings[n], OUTGOING), said[:n] + said[n + 1:])
            [outgoing] = [t for t in recordings[n]["tracks"] if t["track"] == "OUTGOING"]
            self.assertEqual((outgoing["received"], len(outgoing["streams"])), (2 * PACKETS, 2))
        self.assert_at_rest()

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
        ann, bob = self.pair("offerless")
        client = Client()
        client.invite(self.two_lines(), rfc_metadata(ann, bob, call="offerless"), 2)
        client.invite(lines=2, patterns=["a=recvonly[^~]*a=label:1[^~]*a=recvonly[^~]*a=label:2"],
                      answer=description(media_line(1), media_line(2, "inactive", 6002), version=2))
        self.talk(client)
        client.bye()
        playing = self.play(client, "offerless")
        wait.until(lambda: [leg for leg in self.legs(ann, bob) or () if leg["on_hold"]], "a leg on hold")
        self.finish(playing, "offerless")
        self.assert_hears(self.recording_of(ann, bob)[0], INCOMING, self.ann)
        self.assert_at_rest()

    # --- a=record, a=recordpref ---

    def test_what_is_recorded_is_told(self):
        """Preferences: Ann wants a pause, Bob nothing. Actions on both are told by UPDATE, and to one by INVITE."""
        for method, allow in (("UPDATE", "INVITE,ACK,CANCEL,BYE,UPDATE"), ("INVITE", "INVITE,ACK,CANCEL,BYE")):
            with self.subTest(method):
                name = f"told_{method.lower()}"
                ann, bob = Party(1, f"sip:ann@{name}", [1], [2]), Party(2, f"sip:bob@{name}", [2])
                sdp = self.two_lines(extra=["a=recordpref:pause"])
                client = Client()
                client.headers += f"\nSupported: record-aware\nAllow: {allow}"
                client.invite(sdp, rfc_metadata(ann, bob, call=name), 2,
                              patterns=["a=record:paused[^~]*a=label:1[^~]*a=record:on[^~]*a=label:2"])
                client.told(method, ["a=record:on[^~]*a=label:1"], sdp)
                client.told(method, ["a=record:off[^~]*a=label:1"], sdp)
                client.bye()
                told = self.daemon.get("/v1/status")["siprec"]["told"]
                playing = self.play(client, name)
                leg = wait.until(lambda: self.legs(ann), "Ann's leg")[0]["call_id"]
                for heard, command in enumerate(("resume", "stop"), 1):  # what changes at once is told at once
                    status, _, stderr = self.daemon.ctl(command, leg)
                    self.assertEqual(status, 0, stderr)
                    wait.until(lambda: self.daemon.get("/v1/status")["siprec"]["told"] >= told + heard, "a message")
                self.finish(playing, name)
                self.recording_of(ann, bob)
                self.assert_at_rest()

    def test_recordpref_off(self):
        """Who prefers not to be recorded is not; an action may do so all the same."""
        ann, bob = self.pair("pref")
        client = Client()
        client.invite(self.two_lines(extra=["a=recordpref:off"]), rfc_metadata(ann, bob, call="pref"), 2,
                      patterns=["a=record:"])
        self.talk(client)
        client.bye()
        self.run_client(client, "pref")
        [recording] = self.recording_of(bob)
        self.assert_hears(recording, INCOMING, self.bob)
        self.assertNotIn(ann.aor, {r["participant"] for r in self.daemon.recordings()})
        self.assert_at_rest()

    # --- Ordinary calls ---

    def test_ordinary_calls(self):
        caller = Client()
        caller.headers, caller.contact, caller.user, caller.called = "Supported: timer", "", "dave", "line1"
        caller.invite(description(media_line(None, "sendrecv")), lines=1, patterns=["a=recvonly"])
        caller.media((self.ann, 1), packets=PACKETS)
        caller.bye()
        self.run_client(caller, "call")
        [recording] = self.recording_of(Party(1, f"sip:dave@{SBC}"))
        self.assert_hears(recording, INCOMING, self.ann)
        self.assert_hears(recording, OUTGOING, None)
        other = Client()
        other.headers, other.contact, other.called = "Supported: timer", "", "somebody"
        other.refused(403, description(media_line(None, "sendrecv")))
        self.run_client(other, "refused")
        self.assert_at_rest()
