"""One host as its own agent would see it, whether or not it is the one that the command runs on.

Of other hosts the interfaces are rarely known, so some things must be assumed. Nothing may be assumed silently: who
asks can tell from `Host.expecting` and `Host.unplaced`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from catflap.agent.config import Configuration
from catflap.agent.settings import policy_settings
from catflap.model import HostEndpoint, Resource, ResourceChange, ResourceKey
from catflap.model.resources import Node, WorkloadEndpoint
from catflap.policy import HostPolicy, PolicyEngine, Settings
from catflap.policy.host_policy import is_pattern
from catflap.policy.local import host_labels

Addresses = Mapping[str, frozenset[str]]  # of interfaces, by their names

_Resource = TypeVar("_Resource", bound=Resource)


class Resources:
    """All valid resources, and one engine that has taken them over, for all hosts in turn.

    Attributes:
        items: every resource by its key.
    """

    def __init__(self, items: Mapping[ResourceKey, Resource]) -> None:
        self.items = items
        self._of: dict[object, Mapping[ResourceKey, Any]] = {}  # by class

    def of(self, kind: type[_Resource]) -> Mapping[ResourceKey, _Resource]:
        """The resources of one class."""
        if kind not in self._of:
            self._of[kind] = {key: item for key, item in self.items.items() if isinstance(item, kind)}
        found: Mapping[ResourceKey, _Resource] = self._of[kind]
        return found

    @functools.cached_property
    def engine(self) -> PolicyEngine:
        """The engine, which speaks for the host whose policy was asked for last."""
        return self.new_engine(Settings(hostname=""))

    def new_engine(self, settings: Settings) -> PolicyEngine:
        """Another engine, to try something with."""
        engine = PolicyEngine(settings)
        engine.apply(ResourceChange(key, item) for key, item in self.items.items())
        return engine


class KnownInterfaces(msgspec.Struct, frozen=True):
    """What is known of a host's interfaces; ``complete``: there are no others."""

    addresses: Addresses
    complete: bool


class Host:
    """One host of a world.

    Attributes:
        configuration: what its agent would be configured with.
        interfaces: those that are known, with their addresses; ``complete`` says that there are no others.
        named_interfaces: others that its endpoints name exactly, with the addresses that are expected there; none where
            all interfaces are known.
        endpoints, workloads: its own host endpoints and workload endpoints.
        notes: what is odd about it.
    """

    def __init__(
        self,
        name: str,
        configuration: Configuration,
        resources: Resources,
        known: KnownInterfaces,
        notes: Iterable[str],
    ) -> None:
        self.name = name
        self.configuration = configuration
        self.interfaces = known.addresses
        self.notes = tuple(notes)
        self.complete = known.complete
        self._resources = resources
        self._settings = policy_settings(configuration)
        self._fed: Addresses = {}  # the interfaces that the engine was told of
        self.endpoints = self._host_endpoints()
        self.workloads = [item for item in resources.of(WorkloadEndpoint).values() if item.node == name]
        self.named_interfaces = {} if known.complete else self._named_interfaces()
        self._by_address = {
            address: endpoint
            for endpoint in self.endpoints.values()
            if not endpoint.interfaces
            for address in endpoint.expected_ips
        }

    @functools.cached_property
    def own_addresses(self) -> frozenset[str]:
        """What its interfaces carry, and where not all of them are known also what its endpoints expect."""
        carried: frozenset[str] = frozenset().union(*self.addresses.values())
        if self.complete:
            return carried
        return carried.union(*(endpoint.expected_ips for endpoint in self.endpoints.values()))

    @property
    def engine(self) -> PolicyEngine:
        """The engine that all hosts share; it speaks for this one from `policy` until another host's is asked for."""
        return self._resources.engine

    def another_engine(self) -> PolicyEngine:
        """A new engine with the same settings, resources and interfaces, to try something else with."""
        engine = self._resources.new_engine(self._settings)
        engine.set_interfaces(self._fed)
        return engine

    def own_labels(self, key: ResourceKey) -> Mapping[str, str]:
        """The labels that an endpoint has itself, without those from its profiles."""
        found = self.engine.endpoint(key)
        return found.labels if found else {}

    def policy(self, interface: str = "", address: str | None = None) -> HostPolicy:
        """What the host enforces; the engine speaks for this host from now on.

        Args:
            interface: an interface of a packet.
            address: the host's address in that packet. Where the interface is not known, and an endpoint expects the
                address without naming an interface, the interface is assumed to carry it.
        """
        addresses = dict(self.addresses)
        if address is not None and self.expecting(interface, address):
            addresses[interface] = frozenset({address, *addresses.get(interface, ())})
        self._fed = addresses
        self.engine.settings = self._settings
        self.engine.set_interfaces(addresses)
        return self.engine.host_policy()

    @property
    def addresses(self) -> Addresses:
        """What interfaces carry: known ones what they do, named ones what is expected of them."""
        return {**self.named_interfaces, **self.interfaces}

    def expecting(self, interface: str, address: str | None) -> HostEndpoint | None:
        """The endpoint for whose sake an interface is assumed to carry an address; see `policy`."""
        if address is None or self.complete or interface in self.interfaces:
            return None
        return self._by_address.get(address)

    def names(self, interface: str) -> bool:
        """Whether an endpoint names an interface, exactly or with a pattern other than ``*``."""
        return any(
            interface == name or (is_pattern(name) and name != "*" and interface.startswith(name[:-1]))
            for endpoint in self.endpoints.values()
            for name in endpoint.interfaces
        )

    @functools.cached_property
    def unplaced(self) -> list[HostEndpoint]:
        """Endpoints that expect addresses, which no known interface carries."""
        present: frozenset[str] = frozenset().union(*self.addresses.values())
        return [
            item
            for item in self.endpoints.values()
            if not item.interfaces and present.isdisjoint(item.expected_ips)
        ]

    def _named_interfaces(self) -> dict[str, frozenset[str]]:
        """The interfaces that endpoints name exactly, with their expected addresses."""
        found: dict[str, frozenset[str]] = {}
        for endpoint in self.endpoints.values():
            for name in endpoint.interfaces:
                if not is_pattern(name) and name not in self.interfaces:
                    found[name] = found.get(name, frozenset()).union(endpoint.expected_ips)
        return found

    def _host_endpoints(self) -> dict[ResourceKey, HostEndpoint]:
        """The host endpoints that concern it: its own, and those whose node selector matches it."""
        labels = host_labels(self._resources.of(Node), self._settings)
        return {
            key: item
            for key, item in self._resources.of(HostEndpoint).items()
            if item.node == self.name
            or (item.node_selector is not None and item.node_selector.matches(labels))
        }
