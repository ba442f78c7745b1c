"""The members of an IP set as the kernel's sets, from one host policy to the next.

A set of 100,000 addresses is not gone through again because one endpoint has come: what came and went is known
(`PersistentSet`), and the rest stays as it is. The result is always that of `sets.split_ip_set`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

from msgspec.structs import replace

from catflap.model.persistent_set import PersistentSet
from catflap.model.resources import IpVersion, ip_version_of
from catflap.nft.cover import NetworkCover
from catflap.nft.ruleset import NftSet
from catflap.nft.sets import (
    EVERYTHING,
    IP_VERSIONS,
    FamilySets,
    full_length,
    network_set,
    split_ip_set,
)
from catflap.policy.host_policy import IpSet


class Splitter:
    """Splits an IP set, and later others of its id. After an error it is of no use any more.

    Attributes:
        families: the kernel's sets for what was split last.
    """

    def __init__(self, ip_set: IpSet) -> None:
        self._ip_set = ip_set
        self._covers: dict[IpVersion, NetworkCover] = {}  # of the versions whose networks have changed so far
        self.families = split_ip_set(ip_set)

    def follow(self, ip_set: IpSet) -> Self:
        """Split another set of that id; returns the splitter that knows it."""
        old = self._ip_set
        if old == ip_set:
            return self
        members = old.members
        related = isinstance(members, PersistentSet) and members.is_related_to(ip_set.members)
        if not related or ip_set.description != old.description:
            return self.__class__(ip_set)
        added, removed = ip_set.members - members, members - ip_set.members
        self.families = {
            version: self._change(version, ip_set, _of(added, version), _of(removed, version))
            for version in IP_VERSIONS
        }
        self._ip_set = ip_set
        return self

    def _change(self, version: IpVersion, ip_set: IpSet, added: list[str], removed: list[str]) -> FamilySets:
        family = self.families[version]
        if added or removed:
            family = replace(family, addresses=_addresses(family.addresses, version, ip_set, added, removed))
        networks_added, networks_removed = _networks(added, version), _networks(removed, version)
        if networks_added or networks_removed:
            cover = self._covers.get(version) or self._cover(version, family)
            self._covers[version] = cover
            cover.change(networks_added, networks_removed)
            everything = cover.elements == {EVERYTHING[version]}
            family = replace(
                family, networks=network_set(ip_set, version, cover.elements), everything=everything
            )
        return family

    def _cover(self, version: IpVersion, family: FamilySets) -> NetworkCover:
        nets = _networks(_of(self._ip_set.members, version), version)
        if family.everything:
            cover = PersistentSet([EVERYTHING[version]])
        else:
            cover = PersistentSet(family.networks.elements if family.networks else ())
        return NetworkCover(version, nets, cover)


def _of(members: Iterable[str], version: IpVersion) -> list[str]:
    return [member for member in members if ip_version_of(member) == version]


def _networks(members: Iterable[str], version: IpVersion) -> list[str]:
    return [item for item in members if "/" in item and not item.endswith(full_length(version))]


def _addresses(
    old: NftSet, version: IpVersion, ip_set: IpSet, added: list[str], removed: list[str]
) -> NftSet:
    """An address may be among the members with its length and without, and is gone when it is neither."""
    length = full_length(version)
    came = {item.removesuffix(length) for item in added if "/" not in item or item.endswith(length)}
    went = {item.removesuffix(length) for item in removed if "/" not in item or item.endswith(length)}
    kept = {item for item in went if item in ip_set.members or item + length in ip_set.members}
    elements = old.elements
    if not isinstance(elements, PersistentSet):
        elements = PersistentSet(elements)
    return replace(old, elements=elements.changed(came, went - kept))


def split_all(ip_sets: Mapping[str, IpSet], known: dict[str, Splitter]) -> dict[str, Splitter]:
    """Split all sets of a host policy. ``known`` loses what is in use, so that an error leaves nothing half done."""
    found = {}
    for name, ip_set in ip_sets.items():
        splitter = known.pop(name, None)
        found[name] = Splitter(ip_set) if splitter is None else splitter.follow(ip_set)
    return found
