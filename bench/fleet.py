"""A fleet of hosts as a store holds it, in either encoding, and the policy that one of its hosts enforces.

Everything follows from the numbers of endpoints and policies, so that two runs measure the same work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

Encoding: TypeAlias = Literal["v1", "v3"]
Entry: TypeAlias = tuple[str, bytes]  # a path and its value

ENCODINGS: tuple[Encoding, ...] = ("v1", "v3")
HOST = "host-0"  # the one whose policy is measured
ROLES, SERVICES, ZONES, ENVIRONMENTS = 100, 400, 20, ("prod", "test", "dev", "lab")
RULES = 2  # with a selector each, in every policy
_V3 = "/calico/resources/v3/projectcalico.org"
_BROAD = ("has(role)", 'env == "prod"', 'env != "dev"', 'zone not in {"zone1", "zone2"}')


def labels(number: int) -> dict[str, str]:
    """The four labels of one endpoint."""
    return {
        "role": f"role{number % ROLES}",
        "service": f"service{number % SERVICES}",
        "env": ENVIRONMENTS[number // ROLES % len(ENVIRONMENTS)],
        "zone": f"zone{number // 7 % ZONES}",
    }


def address(number: int) -> str:
    """The one address of one endpoint."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def endpoint(encoding: Encoding, number: int, changed: dict[str, str] | None = None) -> Entry:
    """One host endpoint, with ``changed`` over its labels."""
    host, own = f"host-{number}", labels(number) | (changed or {})
    if encoding == "v1":
        content = {"name": "eth0", "expected_ipv4_addrs": [address(number)], "labels": own, "profile_ids": []}
        return f"/calico/v1/host/{host}/endpoint/eth0", msgspec.json.encode(content)
    spec = {"node": host, "interfaceName": "eth0", "expectedIPs": [address(number)]}
    return _document("HostEndpoint", "hostendpoints", f"{host}-eth0", own, spec)


def policy(encoding: Encoding, number: int, applying: int) -> Entry:
    """One policy with `RULES` rules; the first ``applying`` of all apply to `HOST`."""
    role = "role0" if number < applying else f"role{1 + number % (ROLES - 1)}"
    sources = [peer_selector(number * RULES + rule) for rule in range(RULES)]
    if encoding == "v1":
        rules = [
            {"action": "allow", "protocol": "tcp", "dst_ports": [8000 + number], "src_selector": source}
            for source in sources
        ]
        content = {
            "selector": f"role == '{role}'",
            "order": number,
            "inbound_rules": rules,
            "outbound_rules": [],
        }
        return f"/calico/v1/policy/tier/default/policy/policy{number}", msgspec.json.encode(content)
    ingress = [
        {
            "action": "Allow",
            "protocol": "TCP",
            "source": {"selector": source},
            "destination": {"ports": [8000 + number]},
        }
        for source in sources
    ]
    spec = {"order": number, "selector": f"role == '{role}'", "types": ["Ingress"], "ingress": ingress}
    return _document("GlobalNetworkPolicy", "globalnetworkpolicies", f"default.policy{number}", {}, spec)


def peer_selector(number: int) -> str:
    """Distinct selectors of the shapes that policies are made of, a few of them about most of the fleet."""
    if number < len(_BROAD):
        return _BROAD[number]
    role, service = f"role{number // 4 % ROLES}", f"service{number % SERVICES}"
    zones = f'zone in {{"zone{number % ZONES}", "zone{number // ROLES % ZONES}"}}'
    return (
        f'service == "{service}" && zone != "other{number}"',
        f'env == "{ENVIRONMENTS[number // ROLES % len(ENVIRONMENTS)]}" && role == "{role}" && {zones}',
        f'role == "{role}" || service in {{"{service}", "other{number}"}}',
        f'role == "{role}" && !(env == "dev" || has(retired{number}))',
    )[number % 4]


def entries(encoding: Encoding, endpoints: int, policies: int, applying: int) -> Iterator[Entry]:
    """The whole store: the tier, all endpoints and all policies."""
    if encoding == "v1":
        yield "/calico/v1/policy/tier/default/metadata", b'{"order": 1000}'
    yield from (endpoint(encoding, number) for number in range(endpoints))
    yield from (policy(encoding, number, applying) for number in range(policies))


def _document(kind: str, plural: str, name: str, own: dict[str, str], spec: object) -> Entry:
    content = {
        "kind": kind,
        "apiVersion": "projectcalico.org/v3",
        "metadata": {
            "name": name,
            "uid": f"0-{name}",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": own,
        },
        "spec": spec,
    }
    return f"{_V3}/{plural}/{name}", msgspec.json.encode(content)
