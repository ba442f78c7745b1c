"""All that carries labels: host endpoints, workload endpoints and network sets of all hosts.

Own labels win over those that are inherited from profiles. The table must answer for one host without looking at the
others: a fleet has 100,000 endpoints, a host a handful.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeAlias, TypeVar

from catflap.model.resources import (
    EndpointPort,
    HostEndpoint,
    Kind,
    NetworkSet,
    ResourceKey,
    WorkloadEndpoint,
)
from catflap.policy.criteria import port_markers, without_markers
from catflap.policy.profiles import ProfileTable

Endpoint: TypeAlias = HostEndpoint | WorkloadEndpoint
Labelled: TypeAlias = Endpoint | NetworkSet

_Name = TypeVar("_Name")
_Value = TypeVar("_Value")

_WORDS: Mapping[Kind, str] = {
    Kind.HOST_ENDPOINT: "host endpoint",
    Kind.WORKLOAD_ENDPOINT: "workload endpoint",
    Kind.NETWORK_SET: "network set",
}


def describe(key: ResourceKey) -> str:
    """An endpoint or network set as people say it: ``host endpoint web1/eth0``."""
    return f"{_WORDS[key.kind]} {key.scope}/{key.name}" if key.scope else f"{_WORDS[key.kind]} {key.name}"


def addresses_of(labelled: Labelled) -> tuple[str, ...]:
    """The addresses and networks that it brings into sets, each once; a network of one address is that address."""
    match labelled:
        case HostEndpoint():
            found = labelled.expected_ips
        case WorkloadEndpoint():
            found = labelled.addresses
        case NetworkSet():
            found = tuple(map(_shorten, labelled.nets))
    return found if len(found) < 2 else tuple(dict.fromkeys(found))  # noqa: PLR2004  # one is no duplicate


def _shorten(net: str) -> str:
    return net.removesuffix("/128" if ":" in net else "/32")


def ports_of(labelled: Labelled) -> tuple[EndpointPort, ...]:
    """Its named ports: a network set has none."""
    return () if isinstance(labelled, NetworkSet) else labelled.ports


class EndpointTable:
    """Endpoints and network sets by key, by host and by profile.

    Args:
        profiles: where labels and tags are inherited from.
    """

    def __init__(self, profiles: ProfileTable) -> None:
        self._profiles = profiles
        self._all: dict[ResourceKey, Labelled] = {}
        self._of_node: defaultdict[str | None, dict[ResourceKey, Endpoint]] = defaultdict(dict)
        self._users: defaultdict[str, dict[ResourceKey, None]] = defaultdict(dict)

    def get(self, key: ResourceKey) -> Labelled | None:
        """The object of that key, if there is one."""
        return self._all.get(key)

    def of_node(self, node: str | None) -> Mapping[ResourceKey, Endpoint]:
        """The endpoints of one host; for None those with a node selector instead (a live view)."""
        return self._of_node.get(node, {})

    def with_profile(self, name: str) -> Iterable[ResourceKey]:
        """The endpoints and network sets that list a profile (a live view)."""
        return self._users.get(name, {})

    def set(self, key: ResourceKey, labelled: Labelled | None) -> Labelled | None:
        """Add, replace or (None) remove an object; returns what was there before."""
        old = self._all.pop(key, None)
        if old is not None:
            self._unfile(key, old)
        if labelled is not None:
            self._all[key] = labelled
            self._file(key, labelled)
        return old

    def _file(self, key: ResourceKey, labelled: Labelled) -> None:
        if not isinstance(labelled, NetworkSet):
            self._of_node[labelled.node][key] = labelled
        for profile in labelled.profiles:
            self._users[profile][key] = None

    def _unfile(self, key: ResourceKey, labelled: Labelled) -> None:
        if not isinstance(labelled, NetworkSet):
            _remove(self._of_node, labelled.node, key)
        for profile in dict.fromkeys(labelled.profiles):
            _remove(self._users, profile, key)

    def labels(self, labelled: Labelled) -> Mapping[str, str]:
        """Own labels over inherited ones; tags and named ports stand beside them (see `catflap.policy.criteria`).

        A network set has neither tags nor ports.
        """
        ports = ports_of(labelled)
        if not labelled.profiles and not ports:
            return labelled.labels
        merged = self._profiles.inherited(labelled.profiles)
        if isinstance(labelled, NetworkSet):
            merged = without_markers(merged)
        merged.update(labelled.labels)
        merged.update(port_markers(ports))
        return merged


def _remove(table: dict[_Name, dict[ResourceKey, _Value]], name: _Name, key: ResourceKey) -> None:
    entries = table[name]
    del entries[key]
    if not entries:
        del table[name]
