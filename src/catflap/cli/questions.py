"""From a packet as somebody describes it to a packet at a host's interface: fills in what was left out.

Whatever is filled in becomes a note, and where several things could be meant the asker is told which. Nothing is
guessed that could change the answer unseen.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from catflap.cli.hosts import Host
from catflap.cli.packets import Draft, PacketError, protocol_number
from catflap.cli.world import World
from catflap.model import HostEndpoint
from catflap.model.addresses import canonical_address
from catflap.model.names import suggestion
from catflap.model.resources import ICMP, ICMPV6, PORT_PROTOCOLS, WorkloadEndpoint, ip_version_of
from catflap.policy.endpoints import addresses_of
from catflap.verdict.packet import SOURCE_PORT, ConnectionState, Packet, Path

ECHO_REQUEST: Final = {ICMP: 8, ICMPV6: 128}
UNNAMED: Final = "?"  # an interface whose name is not known; none can be called so by a pattern or a name

_NO_ADDRESS = ""


class Question(msgspec.Struct, frozen=True):
    """A packet, ready to be judged. ``local`` is the host's own address in it; ``notes`` say what was filled in."""

    id: Any
    host: Host
    packet: Packet
    local: str | None
    notes: tuple[str, ...] = ()


def packet_interfaces(packet: Packet) -> tuple[str, ...]:
    """The interfaces on a packet's way: one, or two where it is forwarded."""
    return (packet.interface, packet.out_interface) if packet.out_interface else (packet.interface,)


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for packets that do not say so themselves."""

    host: str | None = None
    interface: str | None = None
    out_interface: str | None = None
    direction: Path | None = None
    state: ConnectionState | None = None


class Asker:
    """Completes drafts in one ``world``."""

    def __init__(self, world: World, defaults: Defaults) -> None:
        self.world = world
        self._defaults = defaults
        self._names = _Names(world)

    def question(self, draft: Draft) -> Question:
        """The packet that a draft means.

        Raises:
            PacketError: something is missing or wrong, with what could be meant.
        """
        notes: list[str] = []
        source, destination = ends = self._addresses(draft, notes)
        host = self.world.host(self._host(draft, ends, notes))
        try:
            path = self._path(draft, host, ends, notes)
            interface, out_interface = self._interfaces(draft, host, path, ends, notes)
        except PacketError as error:
            raise PacketError(f"{error}{self._unknown(host.name)}") from None
        local = {Path.IN: destination, Path.OUT: source}.get(path)
        protocol = protocol_number(draft.proto)
        sport, dport = _ports(draft, protocol, notes)
        icmp_type, icmp_code = _icmp(draft, protocol, ip_version_of(source), notes)
        packet = Packet(
            path=path,
            interface=interface,
            out_interface=out_interface,
            source=source,
            destination=destination,
            protocol=protocol,
            source_port=sport,
            destination_port=dport,
            icmp_type=icmp_type,
            icmp_code=icmp_code,
            state=draft.state or self._defaults.state or ConnectionState.NEW,
        )
        return Question(draft.id, host, packet, local, tuple(notes))

    def _addresses(self, draft: Draft, notes: list[str]) -> tuple[str, str]:
        source, destination = _address(draft.src), _address(draft.dst)
        if source and destination:
            if ip_version_of(source) != ip_version_of(destination):
                raise PacketError(f"{draft.src} and {draft.dst} are of different IP versions")
            return source, destination
        return self._names.resolve(draft.src, draft.dst, notes)

    def _host(self, draft: Draft, ends: tuple[str, str], notes: list[str]) -> str:
        name = draft.host or self._defaults.host
        if name:
            return name
        only = self.world.only_host
        if only is not None:
            notes.append(f"Host {only}: none was named.")
            return only
        owners = [(node, end) for end in ends for node in self._nodes.get(end, ())]
        if len(owners) != 1 or (draft.direction or self._defaults.direction) is Path.FORWARD:
            raise PacketError(f"which host? --host {_alternatives(self.world.hosts)}")
        ((node, address),) = owners
        notes.append(f"Host {node}: {address} belongs to it.")
        return node

    @functools.cached_property
    def _nodes(self) -> Mapping[str, set[str]]:
        """The hosts whose endpoints have an address."""
        found: dict[str, set[str]] = {}
        for endpoint in self._names.endpoints():
            if endpoint.node is not None:
                for address in addresses_of(endpoint):
                    found.setdefault(address, set()).add(endpoint.node)
        return found

    def _unknown(self, host: str) -> str:
        note = self.world.unknown(host)
        return f". {note}" if note else ""

    def _path(self, draft: Draft, host: Host, ends: tuple[str, str], notes: list[str]) -> Path:
        said = draft.direction or self._defaults.direction
        if said is not None:
            return said
        out_interface = draft.out_interface or self._defaults.out_interface
        if out_interface:
            notes.append(f"Direction {Path.FORWARD}: it goes out on {out_interface}.")
            return Path.FORWARD
        return _path(host, *ends, notes)

    def _interfaces(
        self, draft: Draft, host: Host, path: Path, ends: tuple[str, str], notes: list[str]
    ) -> tuple[str, str | None]:
        source, destination = ends
        interface = draft.interface or self._defaults.interface
        if path is not Path.FORWARD:
            local, remote = (destination, source) if path is Path.IN else (source, destination)
            return interface or _find_interface(host, local, remote, notes), None
        out_interface = draft.out_interface or self._defaults.out_interface
        interface = interface or _workload_interface(host, source)
        out_interface = out_interface or _workload_interface(host, destination)
        if not interface or not out_interface:
            raise PacketError("a forwarded packet needs both --interface and --out-interface")
        return interface, out_interface


class _Names:
    """Endpoints by their names, for packets that name them instead of addresses."""

    def __init__(self, world: World) -> None:
        self._world = world

    def resolve(self, source: str, destination: str, notes: list[str]) -> tuple[str, str]:
        """Addresses of one IP version for two ends, of which either may be an address or a name."""
        candidates = self._candidates(source), self._candidates(destination)
        for version in (4, 6):
            pair = [[item for item in end if ip_version_of(item) == version] for end in candidates]
            if not all(pair):
                continue
            return _single(source, pair[0], notes), _single(destination, pair[1], notes)
        raise PacketError(f"{source} and {destination} have no addresses of the same IP version")

    def _candidates(self, written: str) -> list[str]:
        address = _address(written)
        if address:
            return [address]
        host, _, name = written.rpartition("/")
        found = [item for item in self.endpoints() if item.name == name and host in ("", item.node)]
        if not found:
            known = {item.name for item in self.endpoints()}
            raise PacketError(
                f"{written!r} is neither an address nor the name of an endpoint.{suggestion(name, known)}"
            )
        if len({item.node for item in found}) > 1:
            raise PacketError(
                f"several hosts have an endpoint {name}: write"
                f" {_alternatives(sorted(f'{item.node}/{name}' for item in found))}"
            )
        addresses = sorted({address for item in found for address in addresses_of(item)})
        if not addresses:
            raise PacketError(f"endpoint {name} has no expected IPs: write the address that is meant")
        return addresses

    def endpoints(self) -> Iterator[HostEndpoint | WorkloadEndpoint]:
        """Every endpoint of every host."""
        yield from self._world.resources.of(HostEndpoint).values()
        yield from self._world.resources.of(WorkloadEndpoint).values()


def _single(written: str, addresses: list[str], notes: list[str]) -> str:
    if len(addresses) > 1:
        raise PacketError(f"{written} has several addresses: write {_alternatives(addresses)}")
    if addresses[0] != _address(written):
        notes.append(f"{written} is {addresses[0]}.")
    return addresses[0]


@functools.lru_cache(maxsize=65536)
def _address(text: str) -> str:
    """The canonical text of an address, or empty text."""
    try:
        return canonical_address(text)
    except ValueError:
        return _NO_ADDRESS


def _path(host: Host, source: str, destination: str, notes: list[str]) -> Path:
    """The direction, where the addresses tell it."""
    to_host, from_host = destination in host.own_addresses, source in host.own_addresses
    if to_host == from_host:
        which = "both ends belong" if to_host else "neither end is known to belong"
        raise PacketError(f"which way? {which} to host {host.name}: --direction in, out or forward")
    path, address = (Path.IN, destination) if to_host else (Path.OUT, source)
    notes.append(f"Direction {path}: {address} belongs to host {host.name}.")
    return path


def _find_interface(host: Host, local: str, remote: str, notes: list[str]) -> str:
    """The interface that must be meant.

    Raises:
        PacketError: several could be, or none.
    """
    workload = _workload_interface(host, remote)
    candidates = [workload] if workload else _carrying(host, local)
    if len(candidates) == 1:
        name = candidates[0]
        notes.append(
            f"The name of the interface is not known: it is the one that carries {local}."
            if name == UNNAMED
            else f"Interface {name}: {remote if workload else local} belongs to it."
        )
        return name
    known = sorted({*host.interfaces, *host.named_interfaces})
    if len(known) == 1 and not candidates and not host.unplaced:
        notes.append(f"Interface {known[0]}: no other one of host {host.name} is known.")
        return known[0]
    raise PacketError(
        f"which interface of host {host.name}? --interface {_alternatives(candidates or known)}"
    )


def _carrying(host: Host, address: str) -> list[str]:
    """The interfaces that carry an address; `UNNAMED` where only an endpoint's expectation tells of one."""
    for interfaces in (host.interfaces, host.named_interfaces):
        found = sorted(name for name, addresses in interfaces.items() if address in addresses)
        if found:
            return found
    return [UNNAMED] if host.expecting(UNNAMED, address) else []


def _workload_interface(host: Host, address: str) -> str | None:
    found = {item.interface_name for item in host.workloads if address in item.addresses}
    return found.pop() if len(found) == 1 else None


def _ports(draft: Draft, protocol: int, notes: list[str]) -> tuple[int | None, int | None]:
    if protocol not in PORT_PROTOCOLS:
        return None, None
    if draft.dport is None:
        raise PacketError(f"the destination port is missing: write {draft.proto} … > {_with_port(draft.dst)}")
    if draft.sport is None:
        notes.append(f"Source port {SOURCE_PORT}: none was given.")
    return SOURCE_PORT if draft.sport is None else draft.sport, draft.dport


def _with_port(end: str) -> str:
    return f"[{end}]:PORT" if ":" in end else f"{end}:PORT"


def _icmp(draft: Draft, protocol: int, version: int, notes: list[str]) -> tuple[int | None, int | None]:
    if protocol not in ECHO_REQUEST:
        return None, None
    if (protocol == ICMPV6) != (version == 6):  # noqa: PLR2004  # the IP version
        raise PacketError(f"{draft.proto} does not go over IPv{version}: icmp is for IPv4, icmpv6 for IPv6")
    if draft.icmp_type is None:
        notes.append(f"ICMP type {ECHO_REQUEST[protocol]} (echo request): none was given.")
        return ECHO_REQUEST[protocol], 0
    return draft.icmp_type, draft.icmp_code or 0


def _alternatives(words: Iterable[str], most: int = 8) -> str:
    """``a, b or c``, and not more than a few of many."""
    listed = list(words)
    if not listed:
        return "NAME"
    if len(listed) > most:
        return f"{', '.join(listed[:most])} or one of {len(listed) - most} more"
    return " or ".join(filter(None, [", ".join(listed[:-1]), listed[-1]]))
