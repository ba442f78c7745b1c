"""A small world that most tests of policy begin with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from catflap.model.decoded import ResourceChange
from catflap.model.resources import HostEndpoint, Kind, Policy, Resource, ResourceKey
from catflap.model.selector import parse_selector
from catflap.policy import PolicyEngine, Settings


def endpoint_key(name: str, host: str = "web1") -> ResourceKey:
    return ResourceKey(Kind.HOST_ENDPOINT, name, scope=host)


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
    ) -> None:
        resource = HostEndpoint(name, host, (interface,) if interface else (), ips, labels or {}, profiles)
        self.set(endpoint_key(name, host), resource)

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
