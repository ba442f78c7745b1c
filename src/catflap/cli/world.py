"""What every host makes of some content: for each an engine, configured and fed as that host's own agent would.

Of other hosts than this one the interfaces are rarely known, so some things must be assumed. Nothing may be assumed
silently: every assumption stands in the notes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

import msgspec

from catflap.agent.config import Configuration, Source, Value, resolve
from catflap.agent.daemon import policy_settings
from catflap.agent.mirror import Mirror
from catflap.agent.store_configuration import store_sources
from catflap.cli.content import Content
from catflap.model import (
    ConfigurationValues,
    HostEndpoint,
    Problem,
    Resource,
    ResourceChange,
    ResourceKey,
    decode,
)
from catflap.model.names import suggestion
from catflap.model.resources import Node, WorkloadEndpoint
from catflap.policy import HostPolicy, PolicyEngine, Settings
from catflap.policy.local import host_labels
from catflap.store import Snapshot

Addresses = Mapping[str, frozenset[str]]  # of interfaces, by their names


class Here(msgspec.Struct, frozen=True):
    """What is known of the host that the command runs on: its agent's local configuration, and its interfaces."""

    sources: tuple[Source, ...]
    interfaces: Addresses

    @property
    def name(self) -> str:
        """The host's name, as its agent would take it."""
        return str(resolve(self.sources)[0]["FelixHostname"])


class KnownInterfaces(msgspec.Struct, frozen=True):
    """What is known of a host's interfaces; ``complete``: there are no others."""

    addresses: Addresses
    complete: bool


class Host:
    """One host of a world.

    Attributes:
        configuration: what its agent would be configured with.
        interfaces: those that are known, with their addresses.
        named_interfaces: others that its endpoints name exactly, with the addresses that are expected there; none where
            all interfaces are known.
        endpoints, workloads: its own host endpoints and workload endpoints.
        notes: what is odd about it.
    """

    def __init__(
        self,
        name: str,
        configuration: Configuration,
        resources: Mapping[ResourceKey, Resource],
        known: KnownInterfaces,
        notes: tuple[str, ...],
    ) -> None:
        self.name = name
        self.configuration = configuration
        self.interfaces = known.addresses
        self.notes = notes
        self._resources = resources
        self._fed: Addresses = {}  # the interfaces that the engine was told of
        settings = policy_settings(configuration)
        self.endpoints = _host_endpoints(name, resources, settings)
        self.engine = PolicyEngine(settings)
        self.engine.apply(ResourceChange(key, resource) for key, resource in resources.items())
        self.workloads = [
            item for item in resources.values() if isinstance(item, WorkloadEndpoint) and item.node == name
        ]
        self._complete = known.complete
        self.named_interfaces = {} if known.complete else self._named_interfaces()
        self._by_address = {
            address: endpoint
            for endpoint in self.endpoints.values()
            if not endpoint.interfaces
            for address in endpoint.expected_ips
        }

    def another_engine(self) -> PolicyEngine:
        """A new engine with the same settings, resources and interfaces, to try something else with."""
        engine = PolicyEngine(self.engine.settings)
        engine.apply(ResourceChange(key, resource) for key, resource in self._resources.items())
        engine.set_interfaces(self._fed)
        return engine

    def own_labels(self, key: ResourceKey) -> Mapping[str, str]:
        """The labels that an endpoint has itself, without those from its profiles."""
        found = self.engine.endpoint(key)
        return found.labels if found else {}

    def policy(self, interface: str = "", address: str | None = None) -> HostPolicy:
        """What the host enforces; the engine is left in this state.

        Args:
            interface: an interface of a packet.
            address: the host's address in that packet. Where the interface is not known, and an endpoint expects the
                address without naming an interface, the interface is assumed to carry it.
        """
        addresses = dict(self.addresses)
        if address is not None and self.expecting(interface, address):
            addresses[interface] = frozenset({address, *addresses.get(interface, ())})
        self._fed = addresses
        self.engine.set_interfaces(addresses)
        return self.engine.host_policy()

    @property
    def addresses(self) -> Addresses:
        """What interfaces carry: known ones what they do, named ones what is expected of them."""
        return {**self.named_interfaces, **self.interfaces}

    def expecting(self, interface: str, address: str | None) -> HostEndpoint | None:
        """The endpoint for whose sake an interface is assumed to carry an address; see `policy`."""
        if address is None or self._complete or interface in self.interfaces:
            return None
        return self._by_address.get(address)

    def names(self, interface: str) -> bool:
        """Whether an endpoint names an interface, exactly or with a pattern other than ``*``."""
        return any(
            interface == name or (name.endswith("*") and name != "*" and interface.startswith(name[:-1]))
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
                if not name.endswith("*") and name not in self.interfaces:
                    found[name] = found.get(name, frozenset()).union(endpoint.expected_ips)
        return found


def _host_endpoints(
    name: str, resources: Mapping[ResourceKey, Resource], settings: Settings
) -> dict[ResourceKey, HostEndpoint]:
    """The host endpoints that concern a host: its own, and those whose node selector matches it."""
    labels = host_labels({key: item for key, item in resources.items() if isinstance(item, Node)}, settings)
    return {
        key: item
        for key, item in resources.items()
        if isinstance(item, HostEndpoint)
        and (item.node == name or (item.node_selector is not None and item.node_selector.matches(labels)))
    }


class World:
    """All resources of some content, and the hosts that they speak of.

    Args:
        content: where the resources are from.
        here: this host, if it is to be one of the world's.
        interfaces: interfaces that every other host is said to have, beside those that its Node object names.

    Attributes:
        resources: every valid resource.
        problems: one for each invalid object.
    """

    def __init__(
        self, content: Content, here: Here | None = None, interfaces: Addresses | None = None
    ) -> None:
        self.content = content
        self.here = here
        self._interfaces = interfaces or {}
        self._hosts: dict[str, Host] = {}
        self.resources: dict[ResourceKey, Resource] = {}
        problems = list(content.problems)
        for path, value in sorted(content.entries.items()):
            decoded = decode(path, value)
            problems.extend(decoded.problems)
            for change in decoded.changes:
                if change.resource is not None:
                    self.resources[change.key] = change.resource
        self.problems = tuple(problems)

    @property
    def hosts(self) -> list[str]:
        """The names of all hosts that anything speaks of, sorted."""
        return sorted(set(self._host_names()))

    @property
    def only_host(self) -> str | None:
        """The host that must be meant where none is named: this one, or the only one that there is."""
        if self.here is not None:
            return self.here.name
        return self.hosts[0] if len(self.hosts) == 1 else None

    def _host_names(self) -> Iterator[str]:
        if self.here is not None:
            yield self.here.name
        for resource in self.resources.values():
            match resource:
                case HostEndpoint(node=str(name)) | WorkloadEndpoint(node=name) | Node(name=name):
                    yield name
                case ConfigurationValues(host=str(name)):
                    yield name
                case _:
                    pass

    def host(self, name: str) -> Host:
        """One host, which need not be known to anything."""
        if name not in self._hosts:
            self._hosts[name] = self._assemble(name)
        return self._hosts[name]

    def _assemble(self, name: str) -> Host:
        if self.here is not None and name == self.here.name:
            sources, known = self.here.sources, KnownInterfaces(self.here.interfaces, complete=True)
        else:
            sources = (Source((Value("FelixHostname", name, "the command line"),), in_store=False),)
            reported = self._node_interfaces(name)
            known = KnownInterfaces({**reported, **self._interfaces}, complete=bool(reported))
        configuration, warnings = self._configuration(name, sources)
        return Host(name, configuration, self.resources, known, (*self._notes(name), *warnings))

    def _configuration(self, name: str, local: tuple[Source, ...]) -> tuple[Configuration, list[str]]:
        stored = {
            key: item
            for key, item in self.resources.items()
            if isinstance(item, ConfigurationValues) and key.scope in ("", name)
        }
        return resolve((*local, *store_sources(stored)))

    def _node_interfaces(self, name: str) -> Addresses:
        return {
            interface: frozenset(addresses)
            for item in self.resources.values()
            if isinstance(item, Node) and item.name == name
            for interface, addresses in item.interfaces.items()
        }

    def _notes(self, name: str) -> Iterator[str]:
        if name not in self.hosts:
            yield (
                f"No object of {self.content.origin} names the host {name}." + suggestion(name, self.hosts)
            )
        waiting_for = self._not_ready()
        if waiting_for is not None:
            yield f"Agents do not act on {self.content.origin} yet: {waiting_for}"

    def _not_ready(self) -> str | None:
        mirror = Mirror()
        mirror.take(Snapshot(0, self.content.entries))
        return mirror.not_ready_reason()

    def describe(self, problem: Problem) -> str:
        """What is wrong with an invalid object, and where it stands: its file, or else its path in the store."""
        where = self.content.files.get(problem.path, (problem.path,))[0]
        return f"{where}: {problem.subject} is invalid, {problem.consequence}: {' '.join(problem.reasons)}"
