"""Says of a tracked connection whether policy still allows it: it is asked about as if its first packet came now.

Every interface that the connection may belong to, and where nobody knows who began it either direction, is a packet of
its own. Only if policy denies all of them the connection is to be ended. Nothing here does anything.
"""

from __future__ import annotations

import enum
import socket
from collections.abc import Sequence
from typing import NamedTuple

from catflap.host.conntrack import Entry, FlowTuple
from catflap.policy.host_policy import HostPolicy
from catflap.recheck.surroundings import Surroundings, is_loopback
from catflap.verdict.evaluate import Evaluator
from catflap.verdict.packet import ConnectionState, Packet, Path
from catflap.verdict.result import Outcome, Verdict


class Decision(enum.Enum):
    """What is to become of a connection."""

    KEEP = enum.auto()
    END = enum.auto()
    UNSURE = enum.auto()  # and therefore kept


class Judgement(NamedTuple):
    """A decision; where it is to end the connection, the packet that is denied, and the verdict on it."""

    decision: Decision
    packet: Packet | None = None
    verdict: Verdict | None = None


class Judge:
    """Judges by one policy, in the surroundings of one host."""

    def __init__(self, policy: HostPolicy, surroundings: Surroundings) -> None:
        self._evaluator = Evaluator(policy)
        self._surroundings = surroundings

    def judge(self, entry: Entry) -> Judgement:
        """What is to become of a connection."""
        packets = first_packets(entry, self._surroundings)
        if packets is None:
            return Judgement(Decision.KEEP)
        if not packets:
            return Judgement(Decision.UNSURE)
        verdicts = [self._evaluator.evaluate(packet) for packet in packets]
        denied = sum(verdict.outcome is Outcome.DENY for verdict in verdicts)
        if not denied:
            return Judgement(Decision.KEEP)
        if denied < len(verdicts):
            return Judgement(Decision.UNSURE)
        return Judgement(Decision.END, packets[0], verdicts[0])


def first_packets(entry: Entry, here: Surroundings) -> tuple[Packet, ...] | None:
    """The packets that may have been the first one of a connection, in the order of likelihood.

    Returns:
        None for a connection that never leaves the host; an empty tuple where nobody knows.
    """
    if entry.zone:
        return ()
    as_seen = _packets(entry.original, entry.reply, entry, here)
    if not entry.picked_up or as_seen is None:
        return as_seen
    return _either_way(entry, as_seen, here)


def _either_way(entry: Entry, as_seen: tuple[Packet, ...], here: Surroundings) -> tuple[Packet, ...]:
    """A connection of which tracking does not know who began it: where this host serves, the peer has."""
    if here.serves(entry.reply.source, entry.reply.source_port):
        return as_seen
    other_way = _packets(entry.reply, entry.original, entry, here) or ()
    if here.serves(entry.original.source, entry.original.source_port):
        return other_way
    return (*as_seen, *other_way) if as_seen and other_way else ()


def _packets(
    original: FlowTuple, reply: FlowTuple, entry: Entry, here: Surroundings
) -> tuple[Packet, ...] | None:
    """The first packets if the side of ``original`` has begun. The other side is where the answers come from."""
    if is_loopback(original.source) or is_loopback(original.destination):
        return None
    if here.is_here(original.source):
        if here.is_here(reply.source):
            return None
        # Routing has chosen the interface before the host translates a destination of its own.
        leaving = here.leaving(original.source, original.destination)
        return tuple(_packet(Path.OUT, original, reply, entry, name) for name in sorted(leaving))
    if here.is_here(reply.source):
        arriving = here.arriving(original.source, original.destination, reply.source)
        return tuple(_packet(Path.IN, original, reply, entry, name) for name in sorted(arriving))
    passages = sorted(here.passing(original.source, reply.source))
    return tuple(_packet(Path.FORWARD, original, reply, entry, *passage) for passage in passages)


def _packet(
    path: Path, original: FlowTuple, reply: FlowTuple, entry: Entry, interface: str, out: str | None = None
) -> Packet:
    translated = (original.destination, original.destination_port) != (reply.source, reply.source_port)
    has_ports = original.destination_port is not None
    return Packet(
        path=path,
        interface=interface,
        out_interface=out,
        source=original.source,
        destination=reply.source,
        protocol=original.protocol,
        source_port=original.source_port,
        destination_port=reply.source_port,
        icmp_type=original.icmp_type,
        icmp_code=original.icmp_code,
        state=ConnectionState.RELATED if entry.related else ConnectionState.NEW,
        original_destination=original.destination if translated else None,
        original_destination_port=original.destination_port if translated and has_ports else None,
    )


def local_flow(entry: Entry, here: Surroundings) -> FlowTuple | None:
    """What a socket of this host sends of a connection; None where the connection has none here."""
    flows: Sequence[FlowTuple] = (entry.original, entry.reply)
    return next((flow for flow in flows if here.is_here(flow.source)), None)


def may_be_picked_up(entry: Entry) -> bool:
    """Whether the next packet of either side makes an entry of a connection whose entry was deleted (``tcp_loose``)."""
    return entry.original.protocol == socket.IPPROTO_TCP
