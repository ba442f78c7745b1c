from __future__ import annotations

import json
from typing import Any

import pytest

from catflap.doctor import Finding, Level
from catflap.doctor.felix_store import store_findings

TIER = {"policy/tier/default/metadata": {"order": 100}}


def found(objects: dict[str, Any], ready: str = "true") -> list[Finding]:
    entries = {
        f"/calico/v1/{name}": value.encode() if isinstance(value, str) else json.dumps(value).encode()
        for name, value in {"Ready": ready, **objects}.items()
    }
    return list(store_findings(entries))


def policy(*rules: dict[str, Any]) -> dict[str, Any]:
    return {**TIER, "policy/tier/default/policy/p": {"selector": "all()", "inbound_rules": list(rules)}}


def test_what_both_agents_read_alike_is_not_mentioned() -> None:
    objects = {
        **policy({"protocol": "tcp", "dst_ports": [22]}, {"ip_version": 4, "src_net": "192.0.2.0/24"}),
        "host/web1/endpoint/eth0": {
            "name": "eth0",
            "expected_ipv4_addrs": ["192.0.2.1"],
            "labels": {"a": "b"},
            "profile_ids": ["x", "y"],
        },
        "policy/profile/x/labels": {"a": "1", "c": "1"},
        "policy/profile/y/labels": {"a": "2", "c": "1"},
        "host/web1/bird_ip": "",
        "ipam/v4/pool/192.0.2.0-24": {"cidr": "192.0.2.0/24", "masquerade": False},
    }
    assert found(objects) == []


@pytest.mark.parametrize(
    ("objects", "level", "name", "message"),
    [
        (
            {"policy/tier/default/policy/p": {"selector": "all()"}},
            Level.WARNING,
            "policy/tier/default",
            "1 policy",
        ),
        (
            {"policy/tier/other/policy/p": {"selector": "all()"}},
            Level.NOTE,
            "policy/tier/other",
            "neither agent",
        ),
        (
            policy({"src_net": "10.0.0.0/8"}),
            Level.WARNING,
            "policy/tier/default/policy/p, inbound_rules[0]",
            "all of IPv6 (allow)",
        ),
        (
            {"policy/profile/x/rules": {"outbound_rules": [{"dst_net": "2001:db8::/32", "action": "deny"}]}},
            Level.WARNING,
            "policy/profile/x/rules, outbound_rules[0]",
            "all of IPv4 (deny)",
        ),
        (
            {"host/h/endpoint/e": {"expected_ipv4_addrs": ["192.0.2.1"]}},
            Level.WARNING,
            "host/h/endpoint/e",
            "leaves IPv6 on its interface open",
        ),
        ({"host/h/endpoint/e": {"name": "eth0"}}, Level.NOTE, "host/h/endpoint/e", "no expected addresses"),
        ({"host/h/endpoint/e": {"labels": {}}}, Level.PROBLEM, "host/h/endpoint/e", "counts as missing"),
        ({"host/h/endpoint/e": "not JSON"}, Level.PROBLEM, "host/h/endpoint/e", "counts as missing"),
        (
            {"config/FailsafeInboundHostPorts": ""},
            Level.WARNING,
            "FailsafeInboundHostPorts, store",
            "disabled",
        ),
        ({"host/h/config/Odd": "1"}, Level.WARNING, "Odd, store, host h", "not known"),
        ({"ipam/v4/pool/p": {"masquerade": True}}, Level.PROBLEM, "ipam/v4/pool/p", "masquerading"),
    ],
)
def test_what_differs(objects: dict[str, Any], level: Level, name: str, message: str) -> None:
    (finding,) = found(objects)
    assert (finding.level, finding.object) == (level, name)
    assert message in finding.message
    assert finding.remedy


def test_two_endpoints_for_one_interface_and_a_name_with_a_dot() -> None:
    endpoint = {"name": "eth0.5", "expected_ipv4_addrs": ["192.0.2.1"]}
    findings = found(
        {"host/h/endpoint/a": endpoint, "host/h/endpoint/b": {**endpoint, "expected_ipv4_addrs": []}}
    )
    messages = [(each.object[-1], each.message) for each in findings]
    assert [name for name, text in messages if "with a dot" in text] == ["a", "b"]
    assert [name for name, text in messages if "is for eth0.5, as host/h/endpoint/a is" in text] == ["b"]


def test_labels_of_which_another_profile_decides() -> None:
    endpoint = {"name": "eth0", "expected_ipv4_addrs": ["192.0.2.1"], "profile_ids": ["x", "y"]}
    labels = {"policy/profile/x/labels": {"a": "1"}, "policy/profile/y/labels": {"a": "2"}}
    (finding,) = found({"host/h/endpoint/e": endpoint, **labels})
    assert "old agent (2), the first one in Catflap (1)" in finding.message


def test_a_store_that_is_not_ready() -> None:
    (finding,) = found({}, ready="True")
    assert (finding.level, finding.remedy) == (Level.PROBLEM, "catflap init")


@pytest.mark.parametrize(
    "value", ["null", "[]", "[" * 100_000, "\x00", '{"inbound_rules": [7, {"src_net": 7}]}']
)
def test_nothing_that_is_stored_stops_it(value: str) -> None:
    names = ("policy/tier/t/policy/p", "policy/profile/p/labels", "host/h/endpoint/e", "ipam/v4/pool/p", "x")
    for name in names:
        found({name: value})
