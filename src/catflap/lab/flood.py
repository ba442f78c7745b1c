"""Many packets a second at a host, counted by its kernel before and after the firewall: what was lost, what leaked.

The counting rules are a table of their own, first and last on a packet's way. So queues that overflow on a busy machine
are not taken for losses of the firewall. No answer is ever sent: every packet is a new one for connection tracking.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Sequence
from typing import Final, Self

import msgspec

from catflap.lab.namespaces import Namespace

TABLE: Final = "inet packet-count"
_TICK: Final = 0.001  # seconds between two bursts
_BURST: Final = 200  # packets of a flow at once: the kernel queues at most 1,000 between two namespaces
_SETTLE: Final = 0.2  # seconds after the last packet, until it has arrived
_PAYLOAD: Final = bytes(18)  # makes the smallest frame of Ethernet


class Flow(msgspec.Struct, frozen=True):
    """UDP packets from a namespace to an address of the receiver; each flow of a flood has a port of its own."""

    source: Namespace
    destination: str
    port: int


class Count(msgspec.Struct, frozen=True):
    """What became of the packets of a flow: sent, met by the receiver before its firewall, and let through by it."""

    sent: int
    arrived: int
    passed: int

    @property
    def lost(self) -> int:
        """How many the firewall did not let through."""
        return self.arrived - self.passed


class Flood:
    """Sends while its context is entered, in a thread of its own; afterwards `counts` is final.

    Args:
        receiver: the host with the firewall.
        flows: what is sent to it.
        rate: packets per second of each flow; on a busy machine fewer are sent, see `Count.sent`.

    Raises:
        OSError: a port is in use, or there is no route.
        LabError: the kernel cannot count.
    """

    def __init__(self, receiver: Namespace, flows: Sequence[Flow], *, rate: int = 20_000) -> None:
        self._receiver = receiver
        self._flows = flows
        self._rate = rate
        self._sent = [0] * len(flows)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="catflap-flood", daemon=True)
        self.counts: tuple[Count, ...] = ()
        self.seconds = 0.0  # for how long it was sent

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opened:
            self._sinks = [opened.enter_context(_sink(self._receiver, flow.port)) for flow in self._flows]
            self._senders = [opened.enter_context(_sender(flow)) for flow in self._flows]
            self._receiver.run("nft", "-f", "-", stdin=_rules([flow.port for flow in self._flows]))
            opened.callback(self._receiver.run, "nft", "delete", "table", *TABLE.split())
            self._opened = opened.pop_all()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        with self._opened:
            time.sleep(_SETTLE)
            self.counts = self.now()

    def now(self) -> tuple[Count, ...]:
        """What has become of the packets so far; those that are on their way are in one count and not in the other."""
        listed = json.loads(self._receiver.run("nft", "-j", "list", "counters", "table", *TABLE.split()))
        packets = {
            item["counter"]["name"]: item["counter"]["packets"]
            for item in listed["nftables"]
            if "counter" in item
        }
        return tuple(
            Count(sent, packets[f"arrived_{flow.port}"], packets[f"passed_{flow.port}"])
            for flow, sent in zip(self._flows, self._sent, strict=True)
        )

    def _run(self) -> None:
        started = time.monotonic()
        while not self._stopping.wait(_TICK):
            due = int((time.monotonic() - started) * self._rate)
            for index, sender in enumerate(self._senders):
                for _ in range(min(due - self._sent[index], _BURST)):
                    with contextlib.suppress(
                        OSError
                    ):  # the sender's own interface is down: it counts as sent
                        sender.send(_PAYLOAD)
                    self._sent[index] += 1
        self.seconds = time.monotonic() - started


def _rules(ports: Sequence[int]) -> str:
    counters = "".join(f"counter arrived_{port} {{ }}\ncounter passed_{port} {{ }}\n" for port in ports)
    arrived, passed = (
        "".join(f"udp dport {port} counter name {word}_{port}\n" for port in ports)
        for word in ("arrived", "passed")
    )
    return (
        f"table {TABLE} {{\n{counters}"
        f"chain arrived {{\ntype filter hook prerouting priority -500;\n{arrived}}}\n"
        f"chain passed {{\ntype filter hook input priority 500;\n{passed}}}\n}}\n"
    )


def _sink(receiver: Namespace, port: int) -> socket.socket:
    """Takes the port, so that nothing answers that it is closed. Nobody reads it; what it cannot hold is dropped."""
    made = receiver.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    made.bind(("::", port))
    return made


def _sender(flow: Flow) -> socket.socket:
    family = socket.AF_INET6 if ":" in flow.destination else socket.AF_INET
    made = flow.source.socket(family, socket.SOCK_DGRAM)
    made.connect((flow.destination, flow.port))
    return made
