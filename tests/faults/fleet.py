"""Random objects of a fleet, as an operator's tools would write them: endpoints, policies, profiles. Pure."""

from __future__ import annotations

import json
import random
from typing import Any, Final

HOST: Final = "web1"  # the host that the agent polices
HOSTS: Final = 300
POLICIES: Final = 40
ROLES: Final = ("web", "database", "cache", "monitor")
MANY: Final = ("/calico/v1/host/many", "/calico/v1/host/manz")
POLICY: Final = "/calico/v1/policy/tier/default/policy/"

Change = tuple[str, bytes | None]


def first() -> list[Change]:
    """What there must be from the beginning."""
    return [
        ("/calico/v1/Ready", b"true"),
        (f"/calico/v1/host/{HOST}/endpoint/eth0", _json({"name": "eth0", "labels": {"role": "web"}})),
        (f"/calico/v1/host/{HOST}/endpoint/eth1", _json({"name": "eth1", "labels": {"role": "web"}})),
    ]


def changes(source: random.Random) -> list[Change]:
    """One transaction: a few objects put or deleted, each path once."""
    makers = (_endpoint, _endpoint, _endpoint, _policy, _own_endpoint)
    return list(dict(source.choice(makers)(source) for _ in range(source.randint(1, 6))).items())


def many(number: int) -> Change:
    """One of many endpoints, in the range `MANY`."""
    value = {"expected_ipv4_addrs": [f"172.17.{number // 250}.{number % 250}"], "labels": {"role": ROLES[0]}}
    return f"{MANY[0]}{number}/endpoint/eth0", _json(value)


def marker(number: int) -> tuple[Change, str]:
    """A policy that is seen in the kernel, and the text that shows it there."""
    network = f"10.{200 + number // 256 % 50}.{number % 256}.0/24"
    rule = {"action": "allow", "protocol": "tcp", "src_net": network, "dst_ports": [4242]}
    return (f"{POLICY}marker", _json(_order(1, [rule]))), network


def _endpoint(source: random.Random) -> Change:
    """An endpoint of another host: an address in the sets of this one."""
    number = source.randrange(HOSTS)
    path = f"/calico/v1/host/host{number}/endpoint/eth0"
    if source.random() < 0.2:
        return path, None
    address = f"172.16.{number // 250}.{source.randrange(1, 250)}"
    return path, _json({"expected_ipv4_addrs": [address], "labels": {"role": source.choice(ROLES)}})


def _own_endpoint(source: random.Random) -> Change:
    labels = {"role": source.choice(ROLES), "extra": str(source.randrange(3))}
    return f"/calico/v1/host/{HOST}/endpoint/eth1", _json({"name": "eth1", "labels": labels})


def _policy(source: random.Random) -> Change:
    number = source.randrange(POLICIES)
    path = f"{POLICY}p{number}"
    if source.random() < 0.2:
        return path, None
    ports = source.sample(range(1000, 1100), 3)
    rules = [
        {"action": "allow", "protocol": "tcp", "src_selector": f"role == '{role}'", "dst_ports": ports}
        for role in source.sample(ROLES, 2)
    ]
    return path, _json(_order(10 + number, rules))


def _order(order: int, rules: list[dict[str, Any]]) -> dict[str, Any]:
    everything = [{"action": "allow"}]
    return {"selector": "has(role)", "order": order, "inbound_rules": rules, "outbound_rules": everything}


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
