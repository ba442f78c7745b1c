"""Each kind of document, from its spec."""

from __future__ import annotations

import math
from typing import Any

import pytest

from catflap.model.resources import (
    Action,
    ConfigurationValues,
    Direction,
    HostEndpoint,
    Policy,
    ProfileLabels,
    ProfileRules,
    ReadyFlag,
    Resource,
    Rule,
    Tier,
)
from catflap.model.selector import parse_selector
from catflap.model.v3_documents import INTERPRETERS
from catflap.model.fields import Fields
from catflap.model.v3_resources import Document, configured_host
from catflap.model.validation import InvalidObjectError, Reasons


def read(kind: str, spec: Any, name: str = "x") -> tuple[Resource, ...]:
    fields = Fields(spec, "spec", Reasons())
    resources = INTERPRETERS[kind](Document(name, name, {"role": "web"}, fields))
    fields.close()
    fields.reasons.raise_if_any()
    return resources


def refusal(kind: str, spec: Any, name: str = "x") -> tuple[str, ...]:
    with pytest.raises(InvalidObjectError) as caught:
        read(kind, spec, name)
    return caught.value.reasons


LABELS = {"role": "web"}
ALL = parse_selector("all()")


@pytest.mark.parametrize(
    ("spec", "endpoint"),
    [
        ({"node": "n", "interfaceName": "eth0.5"}, HostEndpoint("x", "n", "eth0.5", labels=LABELS)),
        (
            {"node": "n", "interfaceName": "", "expectedIPs": ["2001:DB8::1", "192.0.2.1", "192.0.2.1"]},
            HostEndpoint("x", "n", None, ("2001:db8::1", "192.0.2.1"), LABELS),
        ),
        (
            {"node": "n", "interfaceName": "eth0", "profiles": ["b", "a"]},
            HostEndpoint("x", "n", "eth0", labels=LABELS, profiles=("b", "a")),
        ),
        (
            {
                "node": "n",
                "interfaceName": "eth0",
                "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
            },
            HostEndpoint("x", "n", "eth0", labels=LABELS),
        ),
    ],
)
def test_host_endpoints(spec: dict[str, Any], endpoint: HostEndpoint) -> None:
    assert read("HostEndpoint", spec) == (endpoint,)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"node": None}, "spec.node: the name of the host is missing."),
        ({"interfaceName": None}, "spec.interfaceName: 'interfaceName' or 'expectedIPs' must be present."),
        (
            {"interfaceName": "*"},
            "spec.interfaceName: '*' is not supported by this version: name one interface, or give expectedIPs.",
        ),
        ({"interfaceName": "eth 0"}, "spec.interfaceName: 'eth 0' is not the name of an interface."),
        ({"expectedIPs": ["a"]}, "spec.expectedIPs[0]: 'a' is not an IP address."),
        ({"expectedIPs": [""]}, "spec.expectedIPs[0]: '' is not an IP address."),
        ({"profiles": ["a b"]}, "spec.profiles[0]: 'a b' is not the name of a profile."),
        ({"profiles": "a"}, "spec.profiles: expected a list, got 'a'."),
        ({"ports": [{"nmae": "http"}]}, "spec.ports[0].nmae: unknown field. Did you mean 'name'?"),
        ({"interface": "eth1"}, "spec.interface: unknown field. Did you mean 'interfaceName'?"),
    ],
)
def test_refused_host_endpoints(fields: dict[str, Any], reason: str) -> None:
    assert refusal("HostEndpoint", {"node": "n", "interfaceName": "eth0"} | fields) == (reason,)


@pytest.mark.parametrize(
    ("spec", "policy"),
    [
        (None, Policy("x", "default", ALL, math.inf)),
        ({"tier": "t", "order": 5, "selector": "has(a)"}, Policy("x", "t", parse_selector("has(a)"), 5.0)),
        ({"selector": "", "order": None, "types": []}, Policy("x", "default", ALL, math.inf)),
        ({"types": ["Egress"]}, Policy("x", "default", ALL, types=frozenset({Direction.EGRESS}))),
        (
            {"ingress": [{"action": "Allow"}], "egress": [{"action": "Deny"}]},
            Policy("x", "default", ALL, ingress=(Rule(Action.ALLOW),), egress=(Rule(Action.DENY),)),
        ),
        (
            {"doNotTrack": False, "preDNAT": None, "namespaceSelector": "", "performanceHints": ["x"]},
            Policy("x", "default", ALL),
        ),
    ],
)
def test_policies(spec: Any, policy: Policy) -> None:
    assert read("GlobalNetworkPolicy", spec) == (policy,)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"tier": "a b"}, "spec.tier: 'a b' is not the name of a tier."),
        ({"order": "5"}, "spec.order: expected a number, got '5'."),
        ({"selector": "a ="}, "spec.selector: 'a =' is not a selector: expected '==' at position 2."),
        ({"selctor": "has(a)"}, "spec.selctor: unknown field. Did you mean 'selector'?"),
        (
            {"types": ["ingress"]},
            "spec.types[0]: 'ingress' is no direction; write Ingress or Egress. Did you mean 'Ingress'?",
        ),
        (
            {"doNotTrack": True},
            "spec.doNotTrack: not supported by this version: remove it, or delete the policy.",
        ),
        ({"preDNAT": True}, "spec.preDNAT: not supported by this version: remove it, or delete the policy."),
        (
            {"applyOnForward": True},
            "spec.applyOnForward: not supported by this version: remove it, or delete the policy.",
        ),
        ({"applyOnForward": "no"}, "spec.applyOnForward: expected true or false, got 'no'."),
        (
            {"namespaceSelector": "all()"},
            "spec.namespaceSelector: not supported by this version: host endpoints have no namespace.",
        ),
        (
            {"serviceAccountSelector": "all()"},
            "spec.serviceAccountSelector: not supported by this version: host endpoints have no service account.",
        ),
    ],
)
def test_refused_policies(spec: Any, reason: str) -> None:
    assert refusal("GlobalNetworkPolicy", spec) == (reason,)


@pytest.mark.parametrize(
    ("spec", "tier"),
    [
        (None, Tier("x", 1_000_000, Action.DENY)),
        ({"order": 5, "defaultAction": "Pass"}, Tier("x", 5, Action.PASS)),
        ({"order": None, "defaultAction": "Deny"}, Tier("x", 1_000_000, Action.DENY)),
    ],
)
def test_tiers(spec: Any, tier: Tier) -> None:
    assert read("Tier", spec) == (tier,)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"order": True}, "spec.order: expected a number, got True."),
        ({"defaultAction": "Allow"}, "spec.defaultAction: 'Allow' is none; write Deny or Pass."),
        (
            {"defaultAction": "pass"},
            "spec.defaultAction: 'pass' is none; write Deny or Pass. Did you mean 'Pass'?",
        ),
    ],
)
def test_refused_tiers(spec: Any, reason: str) -> None:
    assert refusal("Tier", spec) == (reason,)


def test_profiles_give_rules_and_labels() -> None:
    spec = {"ingress": [{"action": "Deny"}], "labelsToApply": {"managed": "yes"}}

    assert read("Profile", spec) == (
        ProfileRules("x", ingress=(Rule(Action.DENY),)),
        ProfileLabels("x", {"managed": "yes"}),
    )


@pytest.mark.parametrize(("name", "host"), [("default", None), ("node.a.b", "a.b")])
def test_configuration_is_kept_as_written(name: str, host: str | None) -> None:
    spec = {"failsafeInboundHostPorts": [{"protocol": "tcp", "port": 22}], "unheardOf": 1}

    assert read("FelixConfiguration", spec, name) == (ConfigurationValues(host, spec),)


@pytest.mark.parametrize("name", ["special", "node.", "node"])
def test_configuration_of_another_name_is_refused(name: str) -> None:
    assert refusal("FelixConfiguration", {}, name) == (
        f"metadata.name: {name!r} is not supported by this version: call it 'default' (all hosts) or 'node.<host>'.",
    )


@pytest.mark.parametrize(
    ("name", "host"), [("default", ""), ("node.h", "h"), ("node.", None), ("other", None), ("node", None)]
)
def test_the_host_that_a_configuration_is_for(name: str, host: str | None) -> None:
    assert configured_host(name) == host


@pytest.mark.parametrize(
    ("spec", "flag"),
    [
        ({"datastoreReady": True, "clusterGUID": "x"}, ReadyFlag(ready=True, text="true")),
        ({"datastoreReady": False}, ReadyFlag(ready=False, text="false")),
        ({}, ReadyFlag(ready=False, text="")),
    ],
)
def test_cluster_information(spec: Any, flag: ReadyFlag) -> None:
    assert read("ClusterInformation", spec, "default") == (flag,)


def test_refused_cluster_information() -> None:
    assert refusal("ClusterInformation", {"datastoreReady": "true"}, "other") == (
        "metadata.name: expected 'default', got 'other'.",
        "spec.datastoreReady: expected true or false, got 'true'.",
    )
