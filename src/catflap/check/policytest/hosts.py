"""What the hosts enforce that the files speak of, and by which interfaces their endpoints are reached.

Interfaces are rarely known from files, so they are made up as the endpoints say: one of the name that an endpoint
gives, with its expected addresses; one for each endpoint that gives addresses only.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping

from catflap.agent.config import Source, Value, resolve
from catflap.agent.settings import policy_settings
from catflap.agent.store_configuration import store_sources
from catflap.model.decoded import ResourceChange
from catflap.model.resources import (
    ConfigurationValues,
    HostEndpoint,
    Node,
    Resource,
    ResourceKey,
    WorkloadEndpoint,
)
from catflap.model.selector import Selector
from catflap.policy import HostPolicy, PolicyEngine, Settings
from catflap.policy.host_policy import InterfacePolicy, is_pattern
from catflap.policy.local import host_labels
from catflap.verdict.evaluate import Evaluator
from catflap.verdict.packet import Packet
from catflap.verdict.result import Verdict

_TRIES = 100  # of names that a pattern covers and nothing else does


class Hosts:
    """The hosts of some resources, each with its policy. Nothing is computed before somebody asks."""

    def __init__(self, resources: Iterable[tuple[ResourceKey, Resource]]) -> None:
        self._resources = dict(resources)
        self._node_objects = {key: each for key, each in self._resources.items() if isinstance(each, Node)}
        self._nodes = {each.name: each for each in self._node_objects.values()}
        self._parameters = {
            key: each for key, each in self._resources.items() if isinstance(each, ConfigurationValues)
        }
        self._policies: dict[str, HostPolicy] = {}
        self._evaluators: dict[str, Evaluator] = {}

    def policy(self, host: str) -> HostPolicy:
        """What a host enforces."""
        if host not in self._policies:
            self._policies[host] = self._compute(host)
        return self._policies[host]

    def judge(self, host: str, packet: Packet) -> Verdict:
        """What becomes of a packet at a host."""
        return self._evaluator(host).evaluate(packet)

    def _evaluator(self, host: str) -> Evaluator:
        if host not in self._evaluators:
            self._evaluators[host] = Evaluator(self.policy(host))
        return self._evaluators[host]

    def of_endpoint(self, endpoint: HostEndpoint | WorkloadEndpoint) -> tuple[str, ...]:
        """The hosts that an endpoint is for: those known to match, if it has a node selector."""
        match endpoint:
            case WorkloadEndpoint(node=name) | HostEndpoint(node=str(name)):
                return (name,)
            case HostEndpoint(node_selector=Selector() as selector):
                return tuple(name for name in sorted(self._nodes) if selector.matches(self._labels(name)))
            case _:
                return ()

    def _labels(self, host: str) -> Mapping[str, str]:
        """The labels of a host, which node selectors match."""
        return host_labels(self._node_objects, self._settings(host))

    def endpoints(self) -> Iterator[tuple[ResourceKey, HostEndpoint | WorkloadEndpoint]]:
        """All endpoints of all hosts."""
        for key, resource in self._resources.items():
            if isinstance(resource, HostEndpoint | WorkloadEndpoint):
                yield key, resource

    def interfaces(self, host: str, key: ResourceKey) -> tuple[str, ...]:
        """The interfaces of a host that an endpoint polices there; for a pattern one of the names that it covers."""
        policy = self.policy(host)
        names = [each.interface for each in policy.workloads if each.endpoint == key]
        for entry in policy.interfaces:
            if entry.endpoint == key:
                names.extend([self._example(host, entry)] if entry.is_pattern else [entry.interface])
        return tuple(names)

    def covering(self, host: str, interface: str) -> ResourceKey | None:
        """The endpoint that polices an interface of a host."""
        prepared = self._evaluator(host).host
        if prepared.is_workload(interface):
            workload = prepared.workload(interface)
            return workload.endpoint if workload else None
        found = prepared.interface(interface)
        return found.endpoint if found else None

    def addresses(self, host: str, interface: str) -> tuple[str, ...]:
        """The addresses that a host is known to have on an interface."""
        node = self._nodes.get(host)
        return node.interfaces.get(interface, ()) if node else ()

    @functools.cached_property
    def _engine(self) -> PolicyEngine:
        """One engine, which speaks for each host in turn: most of its work is the same for all."""
        engine = PolicyEngine(Settings(hostname=""))
        engine.apply(ResourceChange(key, resource) for key, resource in self._resources.items())
        return engine

    def _settings(self, host: str) -> Settings:
        local = Source((Value("FelixHostname", host, "the policy test"),), in_store=False)
        stored = {key: each for key, each in self._parameters.items() if key.scope in ("", host)}
        configuration, _ = resolve((local, *store_sources(stored)))
        return policy_settings(configuration)

    def _compute(self, host: str) -> HostPolicy:
        self._engine.settings = self._settings(host)
        self._engine.set_interfaces(self._assumed_interfaces(host))
        return self._engine.host_policy()

    def _assumed_interfaces(self, host: str) -> Mapping[str, frozenset[str]]:
        node = self._nodes.get(host)
        found = {name: frozenset(addresses) for name, addresses in (node.interfaces if node else {}).items()}
        own = [each for _, each in self.endpoints() if isinstance(each, HostEndpoint) and each.node == host]
        for endpoint in own:
            for name in endpoint.interfaces:
                if not is_pattern(name):
                    found[name] = found.get(name, frozenset()).union(endpoint.expected_ips)
        for endpoint in own:
            missing = frozenset(endpoint.expected_ips).difference(*found.values())
            if not endpoint.interfaces and missing:
                found[_unused("if", found)] = missing
        return found

    def _example(self, host: str, entry: InterfacePolicy) -> str:
        """A name that a pattern covers: one that the host has, or else one that it might have."""
        prefix = entry.interface.removesuffix("*")
        node = self._nodes.get(host)
        known = [name for name in (node.interfaces if node else ()) if name.startswith(prefix)]
        made_up = [f"{prefix or 'if'}{number}" for number in range(_TRIES)]
        for name in (*known, *made_up):
            if self.covering(host, name) == entry.endpoint:
                return name
        return entry.interface


def _unused(prefix: str, taken: Mapping[str, object]) -> str:
    number = 0
    while f"{prefix}{number}" in taken:
        number += 1
    return f"{prefix}{number}"
