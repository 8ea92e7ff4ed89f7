"""Rule 1: every packet, frame and chunk is accounted for, by name, at every stage.

Works on what both the admin API's status and the summary of --read give (Legtapd.status, Reading.summary):
{"threads": [{"name", "kind", "tid", "core"}], "ports": [{"received", "missed", "errors", "no_mbuf"}],
 "rx": [{counters}], "writers": [{counters}], "rings": {(rx, writer): chunks}}. Which counters enter a stage
and which are an outcome is read from common/counters.h, the one table of them.
"""
import re

from .paths import ROOT


def _table(macro):
    text = (ROOT / "common" / "counters.h").read_text()
    body = re.search(rf"#define {macro}\(X\)(.*?)\n\n", text, re.S).group(1)
    return dict(re.findall(r"X\((\w+), (IN|OUT|HELD|NOTE),", body))


RX = _table("RX_COUNTERS")
WRITER = _table("WRITER_COUNTERS")


def _sum(counters, table, kind):
    return sum(counters[name] for name, its_kind in table.items() if its_kind == kind)


def rx_problems(status):
    for index, counters in enumerate(status["rx"]):
        entered, left = _sum(counters, RX, "IN"), _sum(counters, RX, "OUT") + _sum(counters, RX, "HELD")
        if entered != left:
            yield f"rx{index}: {entered} packets came in, {left} are accounted for: {counters}"


def writer_problems(status):
    for index, counters in enumerate(status["writers"]):
        entered, left = _sum(counters, WRITER, "IN"), _sum(counters, WRITER, "OUT")
        if entered != left:
            yield f"writer{index}: {entered} chunks came in, {left} are accounted for: {counters}"


def hand_over_problems(status):
    handed = sum(c["chunks"] for c in status["rx"])
    taken = sum(c["chunks_in"] for c in status["writers"])
    if handed != taken:
        yield f"rx cores handed over {handed} chunks, writers took {taken}"
    recorded = sum(c["recorded"] + c.get("rtcp_recorded", 0) for c in status["rx"])
    in_chunks = sum(c["frames_in"] for c in status["writers"])
    if recorded != in_chunks:
        yield f"rx cores recorded {recorded} packets, writers got {in_chunks}"


def loss_problems(status):
    """What must be 0 where nothing may be lost."""
    for port in status["ports"]:
        for name in ("missed", "errors", "no_mbuf"):
            if port.get(name):
                yield f"port {port.get('device')}: {name} {port[name]}"
    for stage in ("rx", "writers"):
        for index, counters in enumerate(status[stage]):
            for name, value in counters.items():
                if name.startswith("drop_") and value:
                    yield f"{stage} {index}: {name} {value}"


def work_problems(status):
    """Each thread of the pipeline has worked: no path of its own for --read."""
    threads = status["threads"]
    for kind in ("rx", "writer"):
        if not [t for t in threads if t["kind"] == kind and t["tid"] > 0]:
            yield f"no {kind} thread in status"
    for index, counters in enumerate(status["rx"]):
        for name in ("polled", "chunks", "recorded"):
            if not counters[name]:
                yield f"rx{index}: {name} is 0"
    for (rx, writer), chunks in status["rings"].items():
        if not chunks:
            yield f"no chunk went from {rx} to {writer}"
    written = sum(c["writes_fixed"] + c["writes_plain"] + c["writes_buffered"] for c in status["writers"])
    if not written:
        yield "no writes"


def problems(status):
    """All violations of Rule 1 in a status taken at rest."""
    return [*rx_problems(status), *writer_problems(status), *hand_over_problems(status)]
