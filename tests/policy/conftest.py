"""A small world that most tests of policy begin with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from catflap.model.decoded import ResourceChange
from catflap.model.resources import (
    Encoding,
    EndpointPort,
    HostEndpoint,
    Kind,
    NetworkSet,
    Node,
    Policy,
    Resource,
    ResourceKey,
    WorkloadEndpoint,
)
from catflap.model.selector import parse_selector
from catflap.policy import PolicyEngine, Settings


def endpoint_key(name: str, host: str = "web1") -> ResourceKey:
    return ResourceKey(Kind.HOST_ENDPOINT, name, scope=host)


def workload_key(name: str, host: str = "web1") -> ResourceKey:
    return ResourceKey(Kind.WORKLOAD_ENDPOINT, name, scope=f"{host}/o/w")


def network_set_key(name: str) -> ResourceKey:
    return ResourceKey(Kind.NETWORK_SET, name, encoding=Encoding.V3)


def node_key(name: str) -> ResourceKey:
    return ResourceKey(Kind.NODE, name, encoding=Encoding.V3)


def policy_key(name: str, tier: str = "default") -> ResourceKey:
    return ResourceKey(Kind.POLICY, name, scope=tier)


class World:
    """An engine for host web1, and short ways to change what it knows."""

    def __init__(self) -> None:
        self.engine = PolicyEngine(Settings("web1"))
        self.engine.set_interfaces({"eth0": set(), "eth1": set()})

    def set(self, key: ResourceKey, resource: Resource | None) -> None:
        self.engine.apply((ResourceChange(key, resource),))

    def endpoint(
        self,
        name: str,
        host: str = "web1",
        *,
        interface: str | None = None,
        ips: tuple[str, ...] = (),
        labels: dict[str, str] | None = None,
        profiles: tuple[str, ...] = (),
        ports: tuple[EndpointPort, ...] = (),
    ) -> None:
        interfaces = (interface,) if interface else ()
        resource = HostEndpoint(name, host, interfaces, ips, labels or {}, profiles, ports)
        self.set(endpoint_key(name, host), resource)

    def template(self, name: str, selector: str, interface: str = "*") -> None:
        resource = HostEndpoint(name, None, (interface,), node_selector=parse_selector(selector))
        self.set(ResourceKey(Kind.HOST_ENDPOINT, name, encoding=Encoding.V3), resource)

    def workload(self, name: str, interface: str, host: str = "web1", **fields: object) -> None:
        resource = WorkloadEndpoint(name, host, interface, **fields)  # type: ignore[arg-type]  # test shorthand
        self.set(workload_key(name, host), resource)

    def network_set(self, name: str, *nets: str, **labels: str) -> None:
        self.set(network_set_key(name), NetworkSet(name, nets, labels))

    def node(self, name: str, **labels: str) -> None:
        self.set(node_key(name), Node(name, labels))

    def policy(self, name: str, selector: str = "all()", tier: str = "default", **fields: object) -> None:
        self.set(policy_key(name, tier), Policy(name, tier, parse_selector(selector), **fields))  # type: ignore[arg-type]  # test shorthand

    def remove(self, key: ResourceKey) -> None:
        self.set(key, None)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def new_world() -> Callable[[], World]:
    return World
