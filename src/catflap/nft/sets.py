"""Named sets for what rules match: lists of networks, lists of ports, and the sets of selectors, tags and named ports.

Plain addresses go into hash sets and networks into separate interval sets, collapsed here and never by the kernel
(auto-merge would make the kernel's content differ from what we put in). Lists that stand in rules are named by their
content; the addresses and networks of a selector and the sockets of a named port are named by its id. Whether they
change in place is a matter of `catflap.nft.plan`. A set that would hold all addresses of an IP version does not exist:
nobody has to look it up. Nothing here may know the order or actions of rules.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple, TypeAlias

import msgspec
from msgspec.structs import force_setattr

from catflap.model.persistent_set import PersistentSet
from catflap.model.resources import MAX_PORT, IpVersion, PortRange, ip_version_of
from catflap.nft.names import comment, digest, plain_name
from catflap.nft.ruleset import CONCATENATION, INTERVAL, NftSet
from catflap.nft.unions import Union, Unions, union_name
from catflap.policy.host_policy import IpSet, PortSet

IP_VERSIONS: tuple[IpVersion, ...] = (4, 6)
EVERYTHING: Mapping[IpVersion, str] = {4: "0.0.0.0/0", 6: "::/0"}
ALL_PORTS = PortRange(0, MAX_PORT)

_TYPE: Mapping[IpVersion, str] = {4: "ipv4_addr", 6: "ipv6_addr"}
_FULL_LENGTH: Mapping[IpVersion, str] = {4: "/32", 6: "/128"}


class FamilySets(msgspec.Struct, frozen=True):
    """The members of an IP set that are of one IP version; ``networks`` is None where there are none.

    Addresses may lie in the networks. ``everything``: the members are all addresses, and the sets are not to be used.

    ``weight`` follows from these: about how many addresses there are, where there are just addresses; a power of two
    that is not exceeded. Rules may depend on it, which must not be written anew for every member that comes or goes.
    """

    addresses: NftSet
    networks: NftSet | None
    everything: bool = False
    weight: int | None = None

    def __post_init__(self) -> None:
        """Set the weight, which is asked for more often than sets change."""
        only_addresses = self.networks is None and not self.everything
        force_setattr(
            self, "weight", 1 << len(self.addresses.elements).bit_length() if only_addresses else None
        )


Families: TypeAlias = Mapping[IpVersion, FamilySets]
PortFamilies: TypeAlias = Mapping[IpVersion, NftSet]


class SplitSets(msgspec.Struct, frozen=True):
    """The IP sets and port sets of a host policy by id, as sets for each IP version."""

    ip_sets: Mapping[str, Families] = {}
    port_sets: Mapping[str, PortFamilies] = {}
    unions: Unions = msgspec.field(default_factory=Unions)


class Needs(msgspec.Struct):
    """The sets that rules refer to: those that stand in rules; IP sets and port sets by id and IP version; unions."""

    values: dict[str, NftSet] = {}
    ip_sets: set[tuple[str, IpVersion]] = set()
    port_sets: set[tuple[str, IpVersion]] = set()
    unions: dict[str, Union] = {}

    def add(self, other: Needs) -> None:
        """Need what the other needs, too."""
        self.values.update(other.values)
        self.ip_sets.update(other.ip_sets)
        self.port_sets.update(other.port_sets)
        self.unions.update(other.unions)


class SetTable:
    """Gives rules the names of sets while they are written, and notes down what they need.

    Args:
        sets: those that rules may refer to.

    Attributes:
        needs: the sets that the rules refer to.
        asked: the IP sets of whose shape the rules were told; more than are needed.
    """

    def __init__(self, sets: SplitSets) -> None:
        self._sets = sets
        self.needs = Needs()
        self.asked: set[str] = set()

    def nets(self, nets: Sequence[str], version: IpVersion) -> str:
        """What to compare an address with: the one network, or a set of several."""
        interval = any("/" in net for net in nets)
        return self._value(f"nets{version}", _TYPE[version], nets, interval=interval)

    def address_condition(self, field: str, nets: Iterable[str], version: IpVersion) -> str:
        """That an address is in one of the networks; empty where every address is."""
        collapsed = collapse(nets)
        return "" if collapsed == [EVERYTHING[version]] else f"{field} {self.nets(collapsed, version)}"

    def ports(self, ranges: Sequence[PortRange]) -> str:
        """What to compare a port with: the one range, or a set of several."""
        return str(ranges[0]) if len(ranges) == 1 else self.set_of_ports(ranges)

    def set_of_ports(self, ranges: Sequence[PortRange]) -> str:
        """A set to compare a port with, of one range, too: for what a port must not be.

        nft 1.0.6 makes one comparison of ``th sport != A th dport != B``, which is true where just one of them differs
        (measured: packets pass that the rule excludes). Look-ups in sets are never merged.
        """
        interval = any(item.first != item.last for item in ranges)
        return self._set("ports", "inet_service", [str(item) for item in ranges], interval=interval)

    def is_everything(self, set_id: str, version: IpVersion) -> bool:
        """Whether an IP set has all addresses of an IP version."""
        self.asked.add(set_id)
        return self._sets.ip_sets[set_id][version].everything

    def ip_set(self, set_id: str, version: IpVersion) -> list[str]:
        """References to the set of addresses and, if there are any, the set of networks of an IP set.

        Not to be asked where it `is_everything`.
        """
        self.needs.ip_sets.add((set_id, version))
        sets = self._sets.ip_sets[set_id][version]
        return [f"@{item.name}" for item in (sets.addresses, sets.networks) if item]

    def union(self, place: str, set_ids: Sequence[str], version: IpVersion) -> str:
        """A reference to the set of the addresses of all these IP sets, which have no networks.

        Its name depends on nothing but the ``place`` that it is for.
        """
        name = union_name(place, version)
        self.needs.unions[name] = tuple(set_ids), version
        return f"@{name}"

    def port_set(self, set_id: str, version: IpVersion) -> str:
        """A reference to the addresses, protocols and ports of a port set."""
        self.needs.port_sets.add((set_id, version))
        return f"@{self._sets.port_sets[set_id][version].name}"

    def _value(self, prefix: str, type_: str, elements: Sequence[str], *, interval: bool) -> str:
        return elements[0] if len(elements) == 1 else self._set(prefix, type_, elements, interval=interval)

    def _set(self, prefix: str, type_: str, elements: Sequence[str], *, interval: bool) -> str:
        name = f"{prefix}-{digest(' '.join(elements))}"
        self.needs.values[name] = NftSet(name, type_, (INTERVAL,) if interval else (), frozenset(elements))
        return f"@{name}"


def needed_sets(needs: Needs, sets: SplitSets) -> dict[str, NftSet]:
    """All sets that the needs stand for, by name and in the order of names."""
    found = [*needs.values.values(), *_sets_of_ids(needs, sets)]
    return {item.name: item for item in sorted(found, key=lambda item: item.name)}


def with_other_members(known: Mapping[str, NftSet], needs: Needs, sets: SplitSets) -> dict[str, NftSet]:
    """`needed_sets`, where ``known`` are those of the same needs and of sets that have the same names."""
    return {**known, **{item.name: item for item in _sets_of_ids(needs, sets)}}


def _sets_of_ids(needs: Needs, sets: SplitSets) -> Iterator[NftSet]:
    for set_id, version in needs.ip_sets:
        family = sets.ip_sets[set_id][version]
        yield family.addresses
        if family.networks is not None:
            yield family.networks
    yield from (sets.port_sets[set_id][version] for set_id, version in needs.port_sets)
    sets.unions.keep(needs.unions.keys())
    for name, (set_ids, version) in needs.unions.items():
        yield sets.unions.get(name, [sets.ip_sets[set_id][version].addresses for set_id in set_ids])


def split_ip_set(ip_set: IpSet) -> Families:
    """The kernel's sets for the members of each IP version. `split.Splitter` does this with less work."""
    ipv6 = frozenset(item for item in ip_set.members if ":" in item)
    return {4: _family(ip_set, ip_set.members - ipv6, 4), 6: _family(ip_set, ipv6, 6)}


def full_length(version: IpVersion) -> str:
    """The length after the slash that stands for a single address."""
    return _FULL_LENGTH[version]


def network_set(ip_set: IpSet, version: IpVersion, networks: PersistentSet[str]) -> NftSet | None:
    """The kernel's set for the networks, collapsed, of an IP set; None where nobody has to look them up."""
    if not networks or networks == {EVERYTHING[version]}:
        return None
    name = f"networks{version}-{plain_name(ip_set.id)}"
    return NftSet(name, _TYPE[version], (INTERVAL,), networks, comment(ip_set.description))


def _family(ip_set: IpSet, members: AbstractSet[str], version: IpVersion) -> FamilySets:
    with_length = [item for item in members if "/" in item]
    singles = {item for item in with_length if item.endswith(_FULL_LENGTH[version])}
    networks = PersistentSet(collapse(item for item in with_length if item not in singles))
    addresses = members - frozenset(with_length) | set(map(_shorten, singles))
    name, about = f"addresses{version}-{plain_name(ip_set.id)}", comment(ip_set.description)
    hashed = NftSet(name, _TYPE[version], (), PersistentSet(addresses), about)
    everything = networks == {EVERYTHING[version]}
    return FamilySets(hashed, network_set(ip_set, version, networks), everything)


def split_port_set(port_set: PortSet) -> PortFamilies:
    """The kernel's set for the members of each IP version."""
    return {version: _sockets(port_set, version) for version in IP_VERSIONS}


def _sockets(port_set: PortSet, version: IpVersion) -> NftSet:
    elements = (
        CONCATENATION.join((member.address, str(member.protocol), str(member.port)))
        for member in port_set.members
        if ip_version_of(member.address) == version
    )
    type_ = CONCATENATION.join((_TYPE[version], "inet_proto", "inet_service"))
    name = f"ports{version}-{plain_name(port_set.id)}"
    return NftSet(name, type_, (), frozenset(elements), comment(port_set.description))


def nets_of(nets: Iterable[str], version: IpVersion) -> list[str]:
    """The networks of one IP version, collapsed and in order."""
    return collapse(net for net in nets if ip_version_of(net) == version)


def collapse(nets: Iterable[str]) -> list[str]:
    """The least list of networks of one IP version that covers the same addresses; single addresses have no length.

    The text is the model's, so it is canonical. (`ipaddress.collapse_addresses` takes 3 s for 200,000 networks, this a
    tenth: a host must not wait for somebody's long list.)
    """
    collapsed: list[_Net] = []
    for net in sorted(map(_net, nets)):
        if not collapsed or net.first > collapsed[-1].last:
            collapsed.append(net)
            while len(collapsed) > 1 and collapsed[-2].is_other_half_of(collapsed[-1]):
                collapsed.pop()
                collapsed.append(collapsed.pop().doubled())
    return [_shorten(f"{net.address}/{net.length}") for net in collapsed]


class _Net(NamedTuple):
    """A network in numbers. They are in order when those that begin alike stand with the largest first."""

    first: int
    length: int
    address: str
    bits: int

    @property
    def size(self) -> int:
        return 1 << (self.bits - self.length)

    @property
    def last(self) -> int:
        return self.first + self.size - 1

    def is_other_half_of(self, later: _Net) -> bool:
        return self.length == later.length and self.first ^ later.first == self.size

    def doubled(self) -> _Net:
        return self._replace(length=self.length - 1)


def _net(text: str) -> _Net:
    address, _, length = text.partition("/")
    packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    bits = 8 * len(packed)
    return _Net(int.from_bytes(packed), int(length or bits), address, bits)


def merge_ports(ranges: Iterable[PortRange]) -> list[PortRange]:
    """The least list of ranges that covers the same ports, in order."""
    merged: list[PortRange] = []
    for item in sorted(ranges):
        if merged and item.first <= merged[-1].last + 1:
            merged[-1] = PortRange(merged[-1].first, max(merged[-1].last, item.last))
        else:
            merged.append(item)
    return merged


def _shorten(net: str) -> str:
    """Without the length where it is the full one, as nft prints it."""
    return net.removesuffix(_FULL_LENGTH[ip_version_of(net)])
