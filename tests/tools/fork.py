#!/usr/bin/env python3
"""An SBC that forks media: sends the RTP of captures by UDP, at their pace, each from a socket of its own.

fork.py [--packets N] FILE.pcap=ADDRESS:PORT...      N: only the first so many of each
fork.py --serve ADDRESS:PORT                         for SIPp, as the other end of its -3pcc

A SIPp call asks for media by <sendCmd>, and goes on by <recvCmd> when the last packet has left, however long that took,
and has been heard to its end:

    Call-ID: [call_id]
    Send: PACKETS FILE.pcap=ADDRESS#LINE...
    m=audio 40000 RTP/AVP 8...

LINE: the number of an m= line of the description that follows, whose port it is. The answer has the Call-ID, and `Late-ms`: by how much the latest packet missed its time. Prints `ready` when it listens.
"""
import argparse
import asyncio
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import capture  # noqa: E402

END = b"\x1b"  # of SIPp's commands
HEARD_S = 0.4   # a packet's own time, and that of a busy machine to take it off the wire: what SIP ends, ends at once


async def send(path, address, count):
    """By how many seconds its latest packet was late."""
    loop, late = asyncio.get_running_loop(), 0.0
    host, _, port = address.rpartition(":")
    # Not connected: a host that answers "port unreachable" would cost a connected socket its next packet.
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("0.0.0.0", 0))
    packets = list(capture.rtp_packets(path))[:count]
    began = loop.time() - packets[0].time_s
    for packet in packets:
        await asyncio.sleep(max(0.0, began + packet.time_s - loop.time()))
        transport.sendto(packet.data, (host, int(port)))
        late = max(late, loop.time() - began - packet.time_s)
    transport.close()
    return late


async def send_all(sends, count):
    """Until the last packet has been heard. By how many seconds the latest one was late."""
    late = max(await asyncio.gather(*(send(*each.split("="), count) for each in sends)))
    await asyncio.sleep(HEARD_S)
    return late


async def serve_call(reader, writer):
    """The commands of one SIPp."""
    try:
        while True:
            command = (await reader.readuntil(END)).decode()
            call_id = re.search(r"Call-ID: *(\S+)", command)[1]
            count, *sends = re.search(r"Send: *(.*\S)", command)[1].split()
            ports = re.findall(r"^m=\w+ (\d+)", command, re.M)
            late = await send_all([re.sub(r"#(\d+)$", lambda m: f":{ports[int(m[1]) - 1]}", each) for each in sends],
                                  int(count))
            writer.write(f"Call-ID: {call_id}\r\nLate-ms: {late * 1000:.0f}\r\n\r\n".encode() + END)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def serve(address):
    host, _, port = address.rpartition(":")
    server = await asyncio.start_server(serve_call, host, int(port))
    print("ready", flush=True)
    await server.serve_forever()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--packets", type=int)
    parser.add_argument("--serve", metavar="ADDRESS:PORT")
    parser.add_argument("sends", nargs="*", metavar="FILE.pcap=ADDRESS:PORT")
    arguments = parser.parse_args()
    if arguments.serve:
        await serve(arguments.serve)
    else:
        await send_all(arguments.sends, arguments.packets)


if __name__ == "__main__":
    asyncio.run(main())
