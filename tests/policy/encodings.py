"""One small world, written in both encodings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

PLAIN_ENDPOINTS = st.dictionaries(
    st.sampled_from(["p", "q", "r"]),
    st.fixed_dictionaries(
        {
            "host": st.sampled_from(["web1", "db1"]),
            "interface": st.sampled_from(["eth0", "eth1"]),
            "ips": st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2"]), unique=True),
            "labels": st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"), max_size=2),
            "profiles": st.lists(st.sampled_from(["base", "gone"]), unique=True),
        }
    ),
)
PLAIN_POLICIES = st.dictionaries(
    st.sampled_from(["p", "q", "r"]),
    st.fixed_dictionaries(
        {
            "tier": st.sampled_from(["t", "missing"]),
            "order": st.integers(0, 2),
            "selector": st.sampled_from(["all()", "a == 'x'", "has(b)"]),
            "source": st.sampled_from(["a == 'y'", "has(b)", "z == 'y'"]),
            "kind": st.sampled_from(["normal", "doNotTrack", "preDNAT"]),
        }
    ),
)


def v1_world(
    endpoints: Mapping[str, dict[str, Any]], policies: Mapping[str, dict[str, Any]]
) -> dict[str, object]:
    """The guide's encoding of a world with a tier and a profile."""
    world: dict[str, object] = {
        "policy/tier/t/metadata": {"order": 5},
        "policy/profile/base/labels": {"b": "y"},
        "policy/profile/base/rules": {"inbound_rules": [{"action": "deny"}], "outbound_rules": []},
    }
    for name, item in endpoints.items():
        world[f"host/{item['host']}/endpoint/{name}"] = {
            "name": item["interface"],
            "expected_ipv4_addrs": item["ips"],
            "labels": item["labels"],
            "profile_ids": item["profiles"],
        }
    for name, item in policies.items():
        rules = [{"action": "allow", "protocol": "tcp", "src_selector": item["source"], "dst_ports": [80]}]
        world[f"policy/tier/{item['tier']}/policy/{name}"] = {
            "selector": item["selector"],
            "order": item["order"],
            "inbound_rules": rules,
            "outbound_rules": [],
            "types": ["ingress"],
            "untracked": item["kind"] == "doNotTrack",
            "pre_dnat": item["kind"] == "preDNAT",
            "apply_on_forward": True,
        }
    return {f"/calico/v1/{path}": value for path, value in world.items()}


def v3_world(
    endpoints: Mapping[str, dict[str, Any]], policies: Mapping[str, dict[str, Any]]
) -> dict[str, object]:
    """The same world in the newer encoding."""
    deny = [{"action": "Deny"}]
    world: dict[tuple[str, str], tuple[dict[str, str], dict[str, Any]]] = {
        ("Tier", "t"): ({}, {"order": 5}),
        ("Profile", "base"): ({}, {"labelsToApply": {"b": "y"}, "ingress": deny, "egress": []}),
    }
    for name, item in endpoints.items():
        spec = {"node": item["host"], "interfaceName": item["interface"], "profiles": item["profiles"]}
        world["HostEndpoint", name] = (item["labels"], {**spec, "expectedIPs": item["ips"]})
    for name, item in policies.items():
        rule = {
            "action": "Allow",
            "protocol": "TCP",
            "source": {"selector": item["source"]},
            "destination": {"ports": [80]},
        }
        kind = {} if item["kind"] == "normal" else {item["kind"]: True}
        spec = {key: item[key] for key in ("tier", "order", "selector")}
        types = {"types": ["Ingress"], "applyOnForward": True, "ingress": [rule]}
        world["GlobalNetworkPolicy", name] = ({}, {**spec, **types, **kind})
    return {
        _v3_path(kind, name): {
            "kind": kind,
            "apiVersion": "projectcalico.org/v3",
            "metadata": {"name": name, "labels": labels},
            "spec": spec,
        }
        for (kind, name), (labels, spec) in world.items()
    }


def _v3_path(kind: str, name: str) -> str:
    plural = "globalnetworkpolicies" if kind == "GlobalNetworkPolicy" else f"{kind.lower()}s"
    return f"/calico/resources/v3/projectcalico.org/{plural}/{name}"
