"""Which host endpoint polices which interface.

One decision for both IP versions. Of several claims to one interface an exact name beats a pattern, which beats an
expected address, which beats ``*``; then the lowest id wins. The losers are reported, and take over when the winner
goes. (The old system decided for each IP version apart and did not see conflicts by name: deleting one of two endpoints
left the interface open.)

Workload interfaces are never decided here, and the loopback interface only by its exact name: a host whose processes
cannot talk to each other is broken, and no pattern or address says clearly enough that this is wanted.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from catflap.model.resources import HostEndpoint, ResourceKey
from catflap.policy.endpoints import describe
from catflap.policy.host_policy import LOOPBACK, is_pattern

ANY_INTERFACE = "*"


class ClaimKind(enum.IntEnum):
    """How an endpoint asks for an interface, the strongest first."""

    NAME = 0
    PATTERN = 1
    EXPECTED_IP = 2
    ANY = 3


_BECAUSE: Mapping[ClaimKind, str] = {
    ClaimKind.NAME: "names {}",
    ClaimKind.PATTERN: "has the pattern {}",
    ClaimKind.EXPECTED_IP: "expects {} there",
    ClaimKind.ANY: "has {}, for interfaces that nothing else polices",
}


class Claim(msgspec.Struct, frozen=True, order=True):
    """An endpoint's claim to an interface; the least one wins. ``by`` is the name, pattern or address that makes it."""

    kind: ClaimKind
    name: str
    endpoint: ResourceKey
    by: str

    def __str__(self) -> str:
        return f"host endpoint {self.name}, which {_BECAUSE[self.kind].format(self.by)}"


class Candidates(msgspec.Struct, frozen=True):
    """The endpoint that polices an interface, if there is one, and those that would, the next in line first."""

    winner: Claim | None = None
    losers: tuple[Claim, ...] = ()


class Interfaces:
    """The endpoints of one host against its interfaces.

    Args:
        endpoints: the endpoints of this host only.
        addresses: the addresses of each existing interface, by interface name.
        workload_prefixes: names that begin so are workload interfaces; host endpoints never police them.
        masters: the bridge or bond of each interface that is a port of one.
    """

    def __init__(
        self,
        endpoints: Mapping[ResourceKey, HostEndpoint],
        addresses: Mapping[str, AbstractSet[str]],
        workload_prefixes: tuple[str, ...],
        masters: Mapping[str, str] | None = None,
    ) -> None:
        self._addresses = addresses
        self._masters = masters or {}
        self._prefixes = workload_prefixes
        self._names: dict[str, list[Claim]] = {}
        self._patterns: dict[str, list[Claim]] = {}  # in the order in which they are tried
        self._refused: list[Claim] = []
        self._expecting = [(key, item) for key, item in sorted(endpoints.items()) if not item.interfaces]
        for claim in sorted(claim for key, item in endpoints.items() for claim in _claims(key, item)):
            self._file(claim)

    def _file(self, claim: Claim) -> None:
        if claim.kind is not ClaimKind.ANY and _stem(claim.by).startswith(self._prefixes):
            self._refused.append(claim)
        else:
            table = self._names if claim.kind is ClaimKind.NAME else self._patterns
            table.setdefault(claim.by, []).append(claim)

    def entries(self) -> tuple[tuple[str, ResourceKey], ...]:
        """Names, sorted, then patterns in the order in which they are tried, ``*`` last, each with its endpoint.

        An exact name is there whether or not the interface exists.
        """
        names = {name: claims[0].endpoint for name, claims in self._names.items()}
        for interface in self._addresses:
            winner = self.candidates(interface).winner
            if winner is not None and winner.kind is ClaimKind.EXPECTED_IP and not is_pattern(interface):
                names[interface] = winner.endpoint
        patterns = ((pattern, claims[0].endpoint) for pattern, claims in self._patterns.items())
        return (*sorted(names.items()), *patterns)

    def candidates(self, interface: str) -> Candidates:
        """Who polices an interface, and who would."""
        best: dict[ResourceKey, Claim] = {}
        for claim in sorted(self._claims_on(interface)):
            best.setdefault(claim.endpoint, claim)
        claims = tuple(best.values())
        return Candidates(claims[0], claims[1:]) if claims else Candidates()

    def _claims_on(self, interface: str) -> Iterator[Claim]:
        yield from self._names.get(interface, ())
        if self._is_coverable(interface):
            for pattern, claims in self._patterns.items():
                if interface.startswith(_stem(pattern)):
                    yield from claims
            yield from self._expected_on(interface)

    def _is_coverable(self, interface: str) -> bool:
        """Whether anything but an exact name may police it."""
        return interface != LOOPBACK and not interface.startswith(self._prefixes)

    def _expected_on(self, interface: str) -> Iterator[Claim]:
        present = self._addresses.get(interface, frozenset())
        for key, endpoint in self._expecting:
            for address in endpoint.expected_ips:
                if address in present:
                    yield Claim(ClaimKind.EXPECTED_IP, endpoint.name, key, address)

    def notices(self) -> tuple[str, ...]:
        """What users should know: claims that come to nothing, and those that lose an interface to another."""
        refused = (_on_workload(claim.name, claim.by) for claim in self._refused)
        return (
            *refused,
            *self._uncovered(),
            *self._misread(),
            *self._ports(),
            *self._absent(),
            *self._conflicts(),
        )

    def _uncovered(self) -> Iterator[str]:
        for interface in sorted(self._addresses):
            if not self._is_coverable(interface) and interface not in self._names:
                for name in dict.fromkeys(claim.name for claim in self._expected_on(interface)):
                    yield _on_loopback(name) if interface == LOOPBACK else _on_workload(name, interface)

    def _misread(self) -> Iterator[str]:
        """The kernel lets an interface be called ``eth*``; as an entry this would mean others, too."""
        for interface in sorted(filter(is_pattern, self._addresses)):
            if any(self._expected_on(interface)):
                yield f"Interface {interface!r} IS NOT POLICED: its name would be read as a pattern: rename it"

    def _ports(self) -> Iterator[str]:
        for interface, master in sorted(self._masters.items()):
            for claim in self._names.get(interface, ()):
                yield (
                    f"Host endpoint {claim.name} names {interface}, which is a port of {master}: IP sees its packets at"
                    f" {master}, so name that"
                )

    def _absent(self) -> Iterator[str]:
        for interface, claims in sorted(self._names.items()):
            if interface not in self._addresses:
                for claim in claims:
                    yield (
                        f"Host endpoint {claim.name} names the interface {interface}, which does not exist (yet)"
                    )

    def _conflicts(self) -> Iterator[str]:
        """A lost pattern is reported once, not for each interface; ``*`` is there to lose, and is not reported."""
        for pattern, claims in self._patterns.items():
            yield from _conflict(pattern, claims[0], claims[1:])
        unused = {claim for claims in self._patterns.values() for claim in claims[1:]}
        for interface in sorted(self._names.keys() | self._addresses.keys()):
            found = self.candidates(interface)
            losers = [
                claim for claim in found.losers if claim.kind is not ClaimKind.ANY and claim not in unused
            ]
            yield from _conflict(interface, found.winner, losers)


def _claims(key: ResourceKey, endpoint: HostEndpoint) -> Iterator[Claim]:
    """What an endpoint's list of interfaces claims, each name or pattern once."""
    for text in dict.fromkeys(endpoint.interfaces):
        yield Claim(_kind(text), endpoint.name, key, text)


def _kind(text: str) -> ClaimKind:
    if text == ANY_INTERFACE:
        return ClaimKind.ANY
    return ClaimKind.PATTERN if is_pattern(text) else ClaimKind.NAME


def _stem(text: str) -> str:
    """How all interfaces begin that a name or pattern means."""
    return text.removesuffix("*")


def _conflict(interface: str, winner: Claim | None, losers: Sequence[Claim]) -> Iterator[str]:
    if winner is not None and losers:
        names = f"using {describe(winner.endpoint)}, not {', '.join(describe(claim.endpoint) for claim in losers)}"
        yield f"Interface {interface} matched with multiple entries in datamodel; {names}"


def _on_workload(name: str, interface: str) -> str:
    return (
        f"Host endpoint {name} matches the workload interface {interface} and does not police it: rename the"
        " interface, or change InterfacePrefix"
    )


def _on_loopback(name: str) -> str:
    return (
        f"Host endpoint {name} expects an address of the loopback interface and does not police it: to do that, name"
        f" the interface {LOOPBACK}"
    )
