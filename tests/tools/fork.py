#!/usr/bin/env python3
"""An SBC that forks media: sends the RTP of captures by UDP, at their pace, each from a socket of its own.

fork.py [--packets N] FILE.pcap=ADDRESS:PORT...      N: only the first so many of each
"""
import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import capture  # noqa: E402


async def send(path, address, count):
    loop = asyncio.get_running_loop()
    host, _, port = address.rpartition(":")
    # Not connected: a host that answers "port unreachable" would cost a connected socket its next packet.
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("0.0.0.0", 0))
    packets = list(capture.rtp_packets(path))[:count]
    began = loop.time() - packets[0].time_s
    for packet in packets:
        await asyncio.sleep(max(0.0, began + packet.time_s - loop.time()))
        transport.sendto(packet.data, (host, int(port)))
    transport.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--packets", type=int)
    parser.add_argument("sends", nargs="+", metavar="FILE.pcap=ADDRESS:PORT")
    arguments = parser.parse_args()
    await asyncio.gather(*(send(*each.split("="), arguments.packets) for each in arguments.sends))


if __name__ == "__main__":
    asyncio.run(main())
