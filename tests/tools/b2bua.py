#!/usr/bin/env python3
"""A small session border controller for tests: a B2BUA with a media relay (SIP over UDP, IPv4).

A call to a number that begins with `ivr` is answered here and hears a prompt (one leg). Any other
call is bridged to --next-hop, or where a --route says: a second dialog, RTP ports of its own on both
sides, packets relayed unchanged, Session-ID and P-Account copied across. Of several numbers with `~`
between them the next is called when the one before has hung up, while the caller stays. Prints
`ready`, then one JSON object for each call that has ended.
"""
import argparse
import asyncio
import json
import re
import signal
import uuid

from audio import prompt_payload

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "c": "content-type",
           "l": "content-length"}
COPIED = ("Session-ID", "P-Account")
T1_S = 0.5
PTIME_S = 0.02
SAMPLES = 160

ACK_AFTER_S = 0.1  # of the callee's answer, after the caller was answered


class Message:
    """A SIP message: first line, headers in order, body."""

    def __init__(self, first, headers=(), body=""):
        self.first = first
        self.headers = list(headers)
        self.body = body

    @classmethod
    def parse(cls, data):
        head, _, body = data.decode("latin-1").partition("\r\n\r\n")
        lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if ":" in line]
        return cls(lines[0], headers, body)

    def all(self, name):
        name = name.lower()
        return [v for k, v in self.headers if COMPACT.get(k.lower(), k.lower()) == name]

    def get(self, name, default=""):
        return next(iter(self.all(name)), default)

    @property
    def is_request(self):
        return not self.first.startswith("SIP/2.0")

    @property
    def method(self):
        return self.first.split(" ")[0] if self.is_request else self.get("CSeq").split()[-1]

    @property
    def status(self):
        return int(self.first.split(" ")[1])

    def encode(self):
        headers = self.headers + [("Content-Length", str(len(self.body)))]
        if self.body:
            headers.insert(-1, ("Content-Type", "application/sdp"))
        lines = [self.first] + [f"{k}: {v}" for k, v in headers]
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode("latin-1")


def tag_of(value):
    found = re.search(r";\s*tag=([^;\s]+)", value)
    return found.group(1) if found else ""


def uri_of(value):
    found = re.search(r"<([^>]+)>", value)
    return found.group(1) if found else value.split(";")[0].strip()


def user_of(uri):
    return re.sub(r"^sips?:|^tel:", "", uri).split("@")[0]


def sdp_media(body):
    """Where the sender of an SDP wants its audio: (address, port), or None."""
    address = re.search(r"^c=IN IP4 (\S+)", body, re.M)
    port = re.search(r"^m=audio (\d+)", body, re.M)
    return (address.group(1), int(port.group(1))) if address and port and int(port.group(1)) else None


def sdp_rewrite(body, address, port):
    body = re.sub(r"^(o=\S+ \S+ \S+ IN IP4) \S+", rf"\1 {address}", body, flags=re.M)
    body = re.sub(r"^c=IN IP4 \S+", f"c=IN IP4 {address}", body, flags=re.M)
    return re.sub(r"^m=audio \d+", f"m=audio {port}", body, flags=re.M)


class MediaPort(asyncio.DatagramProtocol):
    """One RTP port. What arrives goes out at the other port of the call, to its peer."""

    def __init__(self):
        self.peer = None
        self.other = None
        self.transport = None
        self.received = 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.received += 1
        if self.other is not None:
            self.other.send(data)

    def send(self, data):
        if self.peer:
            self.transport.sendto(data, self.peer)

    @property
    def port(self):
        return self.transport.get_extra_info("sockname")[1]


class Side:
    """One dialog of a call, as the B2BUA sees it."""

    def __init__(self, call_id, local, remote, peer):
        self.call_id = call_id
        self.local = local      # the From or To value that is ours, with tag
        self.remote = remote    # the participant's
        self.peer = peer        # where its requests go: (address, port)
        self.target = ""        # its Contact
        self.cseq = 1
        self.media = None
        self.invite = None      # as received (caller) or sent (callee)
        self.over = False


class Call:
    def __init__(self):
        self.caller = None
        self.callee = None      # the newest of the callees
        self.callees = []
        self.numbers = []       # that are yet to be called
        self.prompt = None
        self.answered = False
        self.cancelled = False

    def other(self, side):
        return self.callee if side is self.caller else self.caller


class B2bua(asyncio.DatagramProtocol):
    def __init__(self, options):
        self.options = options
        self.address = options.address
        self.next_port = options.media_port
        self.sides = {}        # Call-ID → (call, side)
        self.replies = {}      # transaction → last response, for retransmissions
        self.pending = {}      # (Call-ID, method) → task that retransmits
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    # --- sending ---

    def send(self, message, peer):
        self.transport.sendto(message.encode(), peer)

    def send_surely(self, key, message, peer):
        self.settle(key)
        self.pending[key] = asyncio.ensure_future(self.retransmit(message, peer))

    async def retransmit(self, message, peer):
        pause = T1_S
        while pause < 32:
            self.send(message, peer)
            await asyncio.sleep(pause)
            pause *= 2

    def settle(self, key):
        task = self.pending.pop(key, None)
        if task:
            task.cancel()

    def reply(self, request, peer, status, side=None, body=""):
        to = request.get("To")
        if side is not None and not tag_of(to):
            to = side.local
        headers = [("Via", v) for v in request.all("Via")]
        headers += [("From", request.get("From")), ("To", to), ("Call-ID", request.get("Call-ID")),
                    ("CSeq", request.get("CSeq")), ("Contact", self.contact())]
        headers += self.copied(request)
        response = Message(f"SIP/2.0 {status}", headers, body)
        self.replies[self.transaction(request)] = response
        if request.method == "INVITE" and int(status.split()[0]) >= 200:
            self.send_surely((request.get("Call-ID"), "ACK"), response, peer)
        else:
            self.send(response, peer)

    def request(self, side, method, via=None, cseq=None, body="", extra=()):
        branch = via or f"SIP/2.0/UDP {self.address}:{self.options.port};branch=z9hG4bK{uuid.uuid4().hex}"
        target = side.target or uri_of(side.remote)
        headers = [("Via", branch), ("From", side.local), ("To", side.remote), ("Call-ID", side.call_id),
                   ("CSeq", f"{cseq or side.cseq} {method}"), ("Max-Forwards", "70"),
                   ("Contact", self.contact()), *extra]
        return Message(f"{method} {target} SIP/2.0", headers, body)

    def contact(self):
        return f"<sip:sbc@{self.address}:{self.options.port}>"

    @staticmethod
    def copied(message):
        return [(name, message.get(name)) for name in COPIED if message.get(name)]

    @staticmethod
    def transaction(request):
        return (request.get("Via"), request.get("CSeq"))

    # --- receiving ---

    def datagram_received(self, data, addr):
        try:
            message = Message.parse(data)
            if message.is_request:
                self.on_request(message, addr)
            else:
                self.on_response(message, addr)
        except (ValueError, IndexError, KeyError) as error:
            print(json.dumps({"malformed": str(error)}), flush=True)

    def on_request(self, request, addr):
        known = self.replies.get(self.transaction(request))
        if known is not None and request.method != "ACK":
            self.send(known, addr)
            return
        call, side = self.sides.get(request.get("Call-ID"), (None, None))
        if call is None and request.method == "INVITE":
            asyncio.ensure_future(self.on_invite(request, addr))
        elif call is None:
            self.reply(request, addr, "481 Call/Transaction Does Not Exist")
        elif request.method == "ACK":
            self.on_ack(call, side)
        elif request.method == "BYE":
            self.on_bye(call, side, request, addr)
        elif request.method == "CANCEL":
            self.on_cancel(call, request, addr)
        else:
            self.reply(request, addr, "488 Not Acceptable Here")

    async def on_invite(self, request, addr):
        call = Call()
        local = f"{request.get('To')};tag={uuid.uuid4().hex[:12]}"
        side = Side(request.get("Call-ID"), local, request.get("From"), addr)
        side.invite, side.target = request, uri_of(request.get("Contact"))
        call.caller = side
        self.sides[side.call_id] = (call, side)
        self.reply(request, addr, "100 Trying")
        side.media = await self.open_media()
        side.media.peer = sdp_media(request.body)
        if user_of(request.first.split(" ")[1]).startswith("ivr"):
            self.answer(call, request.body)
        else:
            call.numbers = user_of(request.first.split(" ")[1]).split("~")
            await self.dial(call)

    async def open_media(self):
        loop = asyncio.get_running_loop()
        port, self.next_port = self.next_port, self.next_port + 2
        _, media = await loop.create_datagram_endpoint(MediaPort, local_addr=(self.address, port))
        return media

    def answer(self, call, body):
        """Answers the caller with an SDP that is rewritten to our own port."""
        call.answered = True
        side = call.caller
        sdp = sdp_rewrite(body, self.address, side.media.port)
        self.reply(side.invite, side.peer, "200 OK", side, sdp)

    async def dial(self, call):
        """Calls the next number."""
        request = call.caller.invite
        number = call.numbers.pop(0)
        hop = self.options.route.get(number, self.options.next_hop)
        to = f"<sip:{number}@{hop[0]}>"
        origin = uri_of(request.get("From"))
        local = f"<sip:{user_of(origin)}@{self.address}>;tag={uuid.uuid4().hex[:12]}"
        side = Side(f"{uuid.uuid4().hex}@{self.address}", local, to, hop)
        side.media = await self.open_media()
        side.media.other, call.caller.media.other = call.caller.media, side.media
        call.callee = side
        call.callees.append(side)
        self.sides[side.call_id] = (call, side)
        body = sdp_rewrite(request.body, self.address, side.media.port)
        side.invite = self.request(side, "INVITE", body=body, extra=self.copied(request))
        self.send_surely((side.call_id, "INVITE"), side.invite, side.peer)

    def on_ack(self, call, side):
        self.settle((side.call_id, "ACK"))
        if call.callee is None and call.answered and call.prompt is None and not side.over:
            call.prompt = asyncio.ensure_future(self.play_prompt(side.media))

    async def play_prompt(self, media):
        """A-law, 20 ms a packet, paced by the loop's clock."""
        payload = prompt_payload()
        loop = asyncio.get_running_loop()
        due, sequence, ssrc = loop.time(), 1, uuid.uuid4().int & 0xFFFFFFFF
        while True:
            at = (sequence - 1) * SAMPLES % len(payload)
            header = b"\x80\x08" + sequence.to_bytes(2, "big") + \
                (sequence * SAMPLES & 0xFFFFFFFF).to_bytes(4, "big") + ssrc.to_bytes(4, "big")
            media.send(header + payload[at:at + SAMPLES])
            sequence = sequence % 65535 + 1
            due += PTIME_S
            await asyncio.sleep(max(0.0, due - loop.time()))

    def on_bye(self, call, side, request, addr):
        self.reply(request, addr, "200 OK")
        side.over = True
        self.settle((side.call_id, "ACK"))
        if side is call.callee and call.numbers and not call.caller.over:
            call.caller.media.other = None
            asyncio.ensure_future(self.dial(call))
            return
        other = call.other(side)
        if other is not None and not other.over:
            other.over = True
            other.cseq += 1
            self.send_surely((other.call_id, "BYE"), self.request(other, "BYE"), other.peer)
        self.finish(call)

    def on_cancel(self, call, request, addr):
        self.reply(request, addr, "200 OK")
        callee = call.callee
        if call.answered or callee is None:
            return
        call.cancelled = True
        cancel = self.request(callee, "CANCEL", via=callee.invite.get("Via"), cseq=callee.cseq)
        cancel.first = callee.invite.first.replace("INVITE", "CANCEL", 1)
        self.send_surely((callee.call_id, "CANCEL"), cancel, callee.peer)

    def on_response(self, response, addr):
        call, side = self.sides.get(response.get("Call-ID"), (None, None))
        if call is None:
            return
        self.settle((side.call_id, response.method))
        if response.method != "INVITE":
            return
        if response.status >= 300:
            self.on_refused(call, side, response)
        elif response.status >= 200:
            self.on_answered(call, side, response)
        elif response.status > 100:
            self.on_progress(call, side, response)

    def on_progress(self, call, side, response):
        media = sdp_media(response.body)
        body = ""
        if media:
            side.media.peer = media
            body = sdp_rewrite(response.body, self.address, call.caller.media.port)
        if not call.answered:
            self.reply(call.caller.invite, call.caller.peer, response.first[8:], call.caller, body)

    def on_answered(self, call, side, response):
        side.remote = response.get("To")
        side.target = uri_of(response.get("Contact")) or side.target
        side.media.peer = sdp_media(response.body)
        if not call.answered:
            self.answer(call, response.body)
        # The callee speaks from its ACK on, and the caller's leg is to be answered by then.
        asyncio.get_running_loop().call_later(ACK_AFTER_S, self.send, self.request(side, "ACK", cseq=1), side.peer)

    def on_refused(self, call, side, response):
        side.remote = response.get("To")
        ack = self.request(side, "ACK", via=side.invite.get("Via"), cseq=1)
        ack.first = side.invite.first.replace("INVITE", "ACK", 1)
        self.send(ack, side.peer)
        if not side.over:
            side.over = call.caller.over = True
            self.reply(call.caller.invite, call.caller.peer, response.first[8:], call.caller)
            self.finish(call)

    # --- the end of a call ---

    def finish(self, call):
        if call.prompt:
            call.prompt.cancel()
        sides = [call.caller, *call.callees]
        print(json.dumps({"legs": [{"sip_call_id": s.call_id, "received": s.media.received} for s in sides],
                          "answered": call.answered}), flush=True)
        for side in sides:
            side.media.transport.close()


def end_of(text):
    host, _, port = text.partition(":")
    return host, int(port or 5060)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--address", required=True, help="IPv4 address of the SBC")
    parser.add_argument("--port", type=int, default=5060)
    parser.add_argument("--media-port", type=int, default=20000, help="first RTP port, counted up by 2")
    parser.add_argument("--next-hop", required=True, type=end_of, help="ADDRESS:PORT that calls are bridged to")
    parser.add_argument("--route", action="append", default=[], help="NUMBER=ADDRESS:PORT: where that number is")
    options = parser.parse_args()
    routes = (route.partition("=") for route in options.route)
    options.route = {number: end_of(end) for number, _, end in routes}
    return options


async def main():
    options = parse_options()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await loop.create_datagram_endpoint(lambda: B2bua(options), local_addr=(options.address, options.port))
    print("ready", flush=True)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(main())
