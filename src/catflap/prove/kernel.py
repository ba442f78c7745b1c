"""The kernel's answer: enforces a policy in a network namespace, sends packets there, and says how far each came."""

from __future__ import annotations

import contextlib
import enum
import socket
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Self

import msgspec

from catflap.lab.namespaces import Lab
from catflap.nft import Enforcer
from catflap.nft.libnftables import LibNftables
from catflap.nft.style import DEFAULT_STYLE, RuleStyle
from catflap.policy.host_policy import HostPolicy
from catflap.prove import observer
from catflap.prove.conntrack import Tracking
from catflap.prove.frames import MAX_NUMBER, frame, packets
from catflap.prove.observer import Seen
from catflap.prove.sample import Sample
from catflap.prove.topology import CABLES, ProofNetwork, mac_of, peer_mac_of

_FAMILY: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_PATIENCE: Final = 2.0  # seconds for packets to arrive; they take microseconds
_PACE: Final = 0.001
_OUTPUT_JSON: Final = 1 << 4  # NFT_CTX_OUTPUT_JSON


class ProverError(Exception):
    """The prover itself failed, so nothing is proved. The text says what and why."""


class Place(enum.StrEnum):
    """Where the kernel dropped a packet."""

    RAW = "raw"
    MANGLE = "mangle"
    ROUTING = "routing"  # not by policy: there is no way for it
    FILTER = "filter"


class Journey(msgspec.Struct, frozen=True):
    """How far a packet came on one path. ``dropped`` is None where it survived all of policy."""

    dropped: Place | None
    forwarded: bool = False


class Fate(msgspec.Struct, frozen=True):
    """What the kernel did with a sample: as a received packet, as one that it sends, or (over loopback) both.

    ``state`` is the set of the connection state that the kernel saw, None where it dropped the packet before looking.
    """

    received: Journey | None
    sent: Journey | None
    state: Seen | None
    translated: bool
    answered: bool


class _ListingNft(LibNftables):
    """Lists any table, where the port knows policy's only."""

    def listing(self, table: str) -> bytes:
        """A table as JSON."""
        output, failure = self._execute(f"list table {table}", flags=_OUTPUT_JSON)
        if failure is not None:
            raise ProverError(f"table {table} cannot be listed: {failure}")
        return output


class KernelHost:
    """A host in a namespace. Entering it makes everything, leaving it takes everything away.

    Raises:
        LabError: On entering: network namespaces are not permitted here.
    """

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            network = ProofNetwork.build(stack.enter_context(Lab()))
            with network.host.entered():
                self._nft = _ListingNft()
            stack.callback(self._nft.close)
            self._tracking = Tracking(network.host)
            stack.callback(self._tracking.close)
            self._cables = {name: _cable(network, name, stack) for name in CABLES}
            self._raw = {version: _raw(network, version, stack) for version in (4, 6)}
            self._nft.run(observer.table_text())
            self._stack = stack.pop_all()
        self._enforcer = Enforcer(self._nft)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def enforce(self, policy: HostPolicy, style: RuleStyle = DEFAULT_STYLE) -> None:
        """Bring the kernel to this policy, from whatever it enforces now, with rules in this style.

        Raises:
            EnforceError: It refused.
        """
        self._enforcer.style = style
        self._enforcer.enforce(policy)

    def start_anew(self) -> None:
        """Take away all of policy, so that the next is installed as the first ever."""
        self._enforcer.enforce(HostPolicy())
        self.restart()

    def restart(self) -> None:
        """Forget what was enforced, as an agent that starts does: it finds it in the kernel."""
        self._enforcer = Enforcer(self._nft)

    def fates(self, samples: Sequence[Sample]) -> list[Fate]:
        """Send these packets, at most `MAX_NUMBER` of them, and see what becomes of each.

        Raises:
            ProverError: A packet did not arrive at all.
        """
        if len(samples) > MAX_NUMBER:
            raise ValueError(f"{len(samples)} packets at once, at most {MAX_NUMBER}")
        self._tracking.clear()
        self._tracking.add(sample.known for sample in samples if sample.known)
        self._nft.run(observer.clear_text())
        numbered = dict(enumerate(samples, start=1))
        for number, sample in numbered.items():
            self._send(sample, number)
        sets = self._arrived(numbered)
        return [_fate(number, sample, sets) for number, sample in numbered.items()]

    def _send(self, sample: Sample, number: int) -> None:
        name = sample.interface
        for packet in packets(sample, number):
            if name is not None:
                self._cables[name].send(frame(sample, packet, peer_mac_of(name), mac_of(name)))
                continue
            with contextlib.suppress(PermissionError):  # dropped on its way out
                self._raw[sample.ip_version].sendto(packet, (sample.destination, 0))

    def _arrived(self, numbered: Mapping[int, Sample]) -> Mapping[Seen, AbstractSet[int]]:
        """The sets once every packet has met the first chain. Sending and receiving are one step but for bad luck."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            sets = observer.read_sets(self._nft.listing(observer.TABLE))
            missing = numbered.keys() - sets[Seen.ARRIVED] - sets[Seen.SENT]
            if not missing:
                return sets
            if time.monotonic() > deadline:
                first = numbered[min(missing)]
                raise ProverError(f"{len(missing)} packets did not arrive at the host, such as {first}")
            time.sleep(_PACE)


def _cable(network: ProofNetwork, name: str, stack: contextlib.ExitStack) -> socket.socket:
    made = stack.enter_context(network.peer.socket(socket.AF_PACKET, socket.SOCK_RAW))
    made.bind((name, 0))
    made.settimeout(_PATIENCE)
    return made


def _raw(network: ProofNetwork, version: int, stack: contextlib.ExitStack) -> socket.socket:
    """A socket that sends packets with the IP header that they bring."""
    made = stack.enter_context(network.host.socket(_FAMILY[version], socket.SOCK_RAW, socket.IPPROTO_RAW))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, observer.OWN_MARK)
    made.settimeout(_PATIENCE)
    return made


_RECEIVED: Final = (
    (Seen.PAST_RAW, Place.RAW),
    (Seen.PAST_MANGLE, Place.MANGLE),
    (Seen.ROUTING, Place.ROUTING),
)
_SENT: Final = ((Seen.SENT_PAST_RAW, Place.RAW), (Seen.LEFT, Place.FILTER))


def _fate(number: int, sample: Sample, sets: Mapping[Seen, AbstractSet[int]]) -> Fate:
    seen = frozenset(name for name, numbers in sets.items() if number in numbers)
    return Fate(
        received=_received(seen) if Seen.ARRIVED in seen else None,
        sent=_sent(seen) if sample.interface is None else None,
        state=next((state for state in observer.STATES if state in seen), None),
        translated=Seen.TRANSLATED in seen,
        answered=Seen.ANSWERED in seen,
    )


def _received(seen: AbstractSet[Seen]) -> Journey:
    for reached, place in _RECEIVED:
        if reached not in seen:
            return Journey(place)
    if Seen.FORWARD in seen:
        return Journey(None if Seen.FORWARDED in seen else Place.FILTER, forwarded=True)
    if Seen.INPUT in seen:
        return Journey(None if Seen.DELIVERED in seen else Place.FILTER)
    return Journey(Place.ROUTING)


def _sent(seen: AbstractSet[Seen]) -> Journey:
    return Journey(next((place for reached, place in _SENT if reached not in seen), None))
