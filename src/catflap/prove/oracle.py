"""The other answer: from documents to a policy as the agent would, and from a packet to what the evaluator says.

What the kernel alone can know (the connection's state, whether a destination was translated) is taken from its answer;
what it did with the packet is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from catflap.agent.config import Source, Value, resolve
from catflap.agent.settings import policy_settings
from catflap.model import decode
from catflap.model.decoded import Problem
from catflap.model.resources import ICMPV6
from catflap.policy import HostPolicy, PolicyEngine, Settings
from catflap.prove import pools
from catflap.prove.kernel import Fate, Journey, Place
from catflap.prove.observer import Seen
from catflap.prove.sample import Fault, Sample
from catflap.prove.topology import (
    ETHERNET,
    LOOPBACK,
    ROUTES,
    TRANSLATED_PROTOCOLS,
    TRANSLATIONS,
    Target,
    addresses,
    peer_mac_of,
)
from catflap.prove.world import World
from catflap.verdict.packet import ConnectionState, Packet, Path

# The kernel never tracks these messages of ICMPv6.
_NEVER_TRACKED: Final = frozenset((130, 131, 132, 133, 134, 135, 136, 137, 143))
_STATES: Final = {
    Seen.NEW: ConnectionState.NEW,
    Seen.ESTABLISHED: ConnectionState.ESTABLISHED,
    Seen.RELATED: ConnectionState.RELATED,
    Seen.INVALID: ConnectionState.INVALID,
}


class Follower:
    """An agent without its loop: takes worlds one after the other and applies only what differs."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._engine = PolicyEngine(Settings(pools.THIS_HOST))
        self._engine.set_interfaces(addresses())
        self._entries: dict[str, object] = {}
        self.problems: dict[str, tuple[Problem, ...]] = {}

    def follow(self, world: World) -> HostPolicy:
        """What the host enforces in this world."""
        if world.restart:
            self._start()
        self._engine.settings = settings_of(world)
        for path in self._entries.keys() - world.entries.keys():
            self._apply(path, None)
        for path, value in world.entries.items():
            if self._entries.get(path) != value:
                self._apply(path, msgspec.json.encode(value))
        self._entries = dict(world.entries)
        return self._engine.host_policy()

    def _apply(self, path: str, raw: bytes | None) -> None:
        decoded = decode(path, raw)
        self.problems[path] = decoded.problems
        self._engine.apply(decoded.changes)


def settings_of(world: World) -> Settings:
    """What the agent's configuration says about policy."""
    values = {"FelixHostname": pools.THIS_HOST, **world.configuration}
    source = Source(tuple(Value(name, raw, "world") for name, raw in values.items()), in_store=False)
    return policy_settings(resolve((source,))[0])


class Question(msgspec.Struct, frozen=True):
    """A packet for the evaluator, and what the kernel did with it."""

    packet: Packet
    journey: Journey


def questions(sample: Sample, fate: Fate) -> Iterator[Question]:
    """A packet that the host sends to itself is asked about twice: on its way out, and on its way in."""
    if fate.sent:
        yield Question(_sent(sample, fate, fate.sent), fate.sent)
    if fate.received:
        received = _received if sample.interface else _received_over_loopback
        yield Question(received(sample, fate, fate.received), fate.received)


def _sent(sample: Sample, fate: Fate, journey: Journey) -> Packet:
    """The interface is the one that routing chose before the destination was translated."""
    packet = _packet(sample, fate, Path.OUT, _route(sample.destination))
    return _translated(packet, _translation(sample, fate, journey))


def _received(sample: Sample, fate: Fate, journey: Journey) -> Packet:
    translation = _translation(sample, fate, journey)
    out_interface = _route(translation.address if translation else sample.destination)
    path = Path.IN if out_interface == LOOPBACK else Path.FORWARD
    packet = _translated(_packet(sample, fate, path, sample.interface or LOOPBACK), translation)
    return replace(packet, out_interface=out_interface) if path is Path.FORWARD else packet


def _received_over_loopback(sample: Sample, fate: Fate, _: Journey) -> Packet:
    """Where its destination was translated, it was so on its way out: nobody on its way in sees another one."""
    packet = _packet(sample, fate, Path.IN, LOOPBACK)
    target = _target(sample) if fate.translated else None
    return replace(packet, destination=target.address, destination_port=target.port) if target else packet


def _route(destination: str) -> str:
    return ROUTES.get(destination, ETHERNET[0])


def _translated(packet: Packet, translation: Target | None) -> Packet:
    if translation is None:
        return packet
    return replace(
        packet,
        destination=translation.address,
        destination_port=translation.port,
        original_destination=packet.destination,
        original_destination_port=packet.destination_port,
    )


def _packet(sample: Sample, fate: Fate, path: Path, interface: str) -> Packet:
    return Packet(
        path=path,
        interface=interface,
        source=sample.source,
        destination=sample.destination,
        protocol=sample.protocol,
        source_port=sample.source_port,
        destination_port=sample.destination_port,
        icmp_type=sample.icmp_type,
        icmp_code=sample.icmp_code,
        state=_state(sample, fate, path),
        hop_limit=sample.hop_limit,
        source_mac=_mac(sample, path),
    )


def _mac(sample: Sample, path: Path) -> str | None:
    if sample.interface is None or path is Path.OUT:
        return None
    return sample.source_mac or peer_mac_of(sample.interface)


def _state(sample: Sample, fate: Fate, path: Path) -> ConnectionState:
    """What the kernel saw; of a packet that policy keeps from being tracked, what it would have seen.

    A packet that was not tracked on its way out over loopback is never tracked, and as good as new on its way in.
    """
    if fate.state in _STATES:
        return _STATES[fate.state]
    if sample.interface is None and path is not Path.OUT:
        return ConnectionState.NEW
    if sample.protocol == ICMPV6 and sample.icmp_type in _NEVER_TRACKED:
        return ConnectionState.NEW
    if sample.fault is Fault.FLAGS:
        return ConnectionState.INVALID
    if sample.known:
        return ConnectionState.RELATED if sample.quotes else ConnectionState.ESTABLISHED
    return ConnectionState.NEW


def _translation(sample: Sample, fate: Fate, journey: Journey) -> Target | None:
    """What the destination became, or would have become had the packet not been dropped before."""
    dropped_before = journey.dropped in (Place.RAW, Place.MANGLE) and fate.state is not Seen.UNTRACKED
    return _target(sample) if fate.translated or dropped_before else None


def _target(sample: Sample) -> Target | None:
    if sample.protocol not in TRANSLATED_PROTOCOLS or sample.destination_port is None:
        return None
    return TRANSLATIONS.get(Target(sample.destination, sample.destination_port))
