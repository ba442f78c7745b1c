"""Named sets for what rules match: lists of networks, lists of ports, and the IP sets of selectors and tags.

Plain addresses go into hash sets and networks into separate interval sets, collapsed here and never by the kernel
(auto-merge would make the kernel's content differ from what we put in). Lists that stand in rules and all networks are
named by their content, so that an interval set never changes while rules use it (see `catflap.nft.plan`); the plain
addresses of a selector are named by its id and change in place. Nothing here may know the order or actions of rules.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from catflap.model.resources import MAX_PORT, IpVersion, PortRange, ip_version_of
from catflap.nft.names import comment, digest, plain_name
from catflap.nft.ruleset import INTERVAL, NftSet
from catflap.policy.host_policy import IpSet

IP_VERSIONS: tuple[IpVersion, ...] = (4, 6)
EVERYTHING: Mapping[IpVersion, str] = {4: "0.0.0.0/0", 6: "::/0"}
ALL_PORTS = PortRange(0, MAX_PORT)

_TYPE: Mapping[IpVersion, str] = {4: "ipv4_addr", 6: "ipv6_addr"}
_FULL_LENGTH: Mapping[IpVersion, str] = {4: "/32", 6: "/128"}


class FamilySets(msgspec.Struct, frozen=True):
    """The members of an IP set that are of one IP version; ``networks`` is None where there are none.

    Addresses may lie in the networks.
    """

    addresses: NftSet
    networks: NftSet | None


Families: TypeAlias = Mapping[IpVersion, FamilySets]


class Needs(msgspec.Struct):
    """The sets that rules refer to: those that stand in rules, and IP sets by id and IP version."""

    values: dict[str, NftSet] = {}
    ip_sets: set[tuple[str, IpVersion]] = set()

    def add(self, other: Needs) -> None:
        """Need what the other needs, too."""
        self.values.update(other.values)
        self.ip_sets.update(other.ip_sets)


class SetTable:
    """Gives rules the names of sets while they are written, and notes down what they need.

    Args:
        families: the IP sets by id.
    """

    def __init__(self, families: Mapping[str, Families]) -> None:
        self._families = families
        self.needs = Needs()

    def nets(self, nets: Sequence[str], version: IpVersion) -> str:
        """What to compare an address with: the one network, or a set of several."""
        interval = any("/" in net for net in nets)
        return self._value(f"nets{version}", _TYPE[version], nets, interval=interval)

    def ports(self, ranges: Sequence[PortRange]) -> str:
        """What to compare a port with: the one range, or a set of several."""
        interval = any(item.first != item.last for item in ranges)
        return self._value("ports", "inet_service", [str(item) for item in ranges], interval=interval)

    def ip_set(self, set_id: str, version: IpVersion) -> list[str]:
        """References to the set of addresses and, if there are any, the set of networks of an IP set."""
        self.needs.ip_sets.add((set_id, version))
        sets = self._families[set_id][version]
        return [f"@{item.name}" for item in (sets.addresses, sets.networks) if item]

    def _value(self, prefix: str, type_: str, elements: Sequence[str], *, interval: bool) -> str:
        if len(elements) == 1:
            return elements[0]
        name = f"{prefix}-{digest(' '.join(elements))}"
        self.needs.values[name] = NftSet(name, type_, (INTERVAL,) if interval else (), frozenset(elements))
        return f"@{name}"


def needed_sets(needs: Needs, families: Mapping[str, Families]) -> dict[str, NftSet]:
    """All sets that the needs stand for, by name and in the order of names."""
    pairs = (families[set_id][version] for set_id, version in needs.ip_sets)
    ip_sets = (item for pair in pairs for item in (pair.addresses, pair.networks) if item)
    return {
        item.name: item for item in sorted([*needs.values.values(), *ip_sets], key=lambda item: item.name)
    }


def split_ip_set(ip_set: IpSet) -> Families:
    """The kernel's sets for the members of each IP version."""
    ipv6 = frozenset(item for item in ip_set.members if ":" in item)
    return {4: _family(ip_set, ip_set.members - ipv6, 4), 6: _family(ip_set, ipv6, 6)}


def _family(ip_set: IpSet, members: frozenset[str], version: IpVersion) -> FamilySets:
    with_length = [item for item in members if "/" in item]
    singles = {item for item in with_length if item.endswith(_FULL_LENGTH[version])}
    networks = collapse(item for item in with_length if item not in singles)
    addresses = members.difference(with_length).union(map(_shorten, singles))
    type_, name, about = _TYPE[version], plain_name(ip_set.id), comment(ip_set.description)
    hashed = NftSet(f"addresses{version}-{name}", type_, (), addresses, about)
    content = digest(" ".join(networks))
    interval = NftSet(f"networks{version}-{name}-{content}", type_, (INTERVAL,), frozenset(networks), about)
    return FamilySets(hashed, interval if networks else None)


def nets_of(nets: Iterable[str], version: IpVersion) -> list[str]:
    """The networks of one IP version, collapsed and in order."""
    return collapse(net for net in nets if ip_version_of(net) == version)


def collapse(nets: Iterable[str]) -> list[str]:
    """The least list of networks of one IP version that covers the same addresses; single addresses have no length."""
    texts = list(nets)
    if len(texts) < 2:  # noqa: PLR2004  # nothing to collapse: the model's text is canonical
        return [_shorten(text) for text in texts]
    collapsed = ipaddress.collapse_addresses(map(ipaddress.ip_network, texts))  # type: ignore[type-var]  # one version
    return [_shorten(str(network)) for network in collapsed]


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
