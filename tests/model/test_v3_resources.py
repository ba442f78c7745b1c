"""Documents of the kinds that are neither endpoint nor policy, each from its spec."""

from __future__ import annotations

from typing import Any

import pytest
from tests.model.v3_reading import LABELS, read, refusal

from catflap.model.resources import (
    Action,
    ConfigurationValues,
    NetworkSet,
    Node,
    ProfileLabels,
    ProfileRules,
    ReadyFlag,
    Rule,
    Tier,
)
from catflap.model.v3_resources import configured_host


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


@pytest.mark.parametrize("spec", [None, {"nets": []}, {"nets": None}])
def test_empty_network_sets(spec: Any) -> None:
    assert read("GlobalNetworkSet", spec) == (NetworkSet("x", labels=LABELS),)


def test_networks_of_a_set_are_canonical_and_may_overlap() -> None:
    spec = {"nets": ["10.1.2.3/8", "10.0.0.0/8", "10.1.0.0/16", "2001:DB8::1"]}

    assert read("GlobalNetworkSet", spec) == (
        NetworkSet("x", ("10.0.0.0/8", "10.1.0.0/16", "2001:db8::1/128"), LABELS),
    )


def test_the_set_of_a_namespace_is_labelled_with_it_and_has_its_profile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(LABELS, "pcns.team", "forged")
    labels = {"role": "web", "projectcalico.org/namespace": "ns"}

    assert read("NetworkSet", {"nets": ["::/0"]}, namespace="ns") == (
        NetworkSet("x", ("::/0",), labels, profiles=("kns.ns",)),
    )


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"nets": ["10.0.0.0/8", "x"]}, "spec.nets[1]: 'x' is not a CIDR."),
        ({"nets": "::/0"}, "spec.nets: expected a list, got '::/0'."),
        ({"allowedEgressDomains": ["a.example"]}, "spec.allowedEgressDomains: unknown field."),
    ],
)
def test_refused_network_sets(spec: Any, reason: str) -> None:
    assert refusal("GlobalNetworkSet", spec) == (reason,)


@pytest.mark.parametrize(
    ("spec", "interfaces"),
    [
        (None, {}),
        ({"bgp": {"ipv4Address": "192.0.2.1/24"}, "whatever": [1]}, {}),
        (
            {
                "interfaces": [
                    {"name": "eth0", "addresses": ["192.0.2.1/24", "2001:DB8::1"]},
                    {"name": "lo", "more": 1},
                    {"name": "eth0", "addresses": ["192.0.2.2"]},
                ]
            },
            {"eth0": ("192.0.2.1", "2001:db8::1", "192.0.2.2"), "lo": ()},
        ),
    ],
)
def test_nodes(spec: Any, interfaces: dict[str, tuple[str, ...]]) -> None:
    assert read("Node", spec) == (Node("x", LABELS, interfaces),)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"interfaces": [{"addresses": []}]}, "spec.interfaces[0].name: is missing."),
        ({"interfaces": [1]}, "spec.interfaces[0]: expected an object, got 1."),
        (
            {"interfaces": [{"name": "a", "addresses": ["b"]}]},
            "spec.interfaces[0].addresses[0]: 'b' is not a CIDR.",
        ),
    ],
)
def test_refused_nodes(spec: Any, reason: str) -> None:
    assert refusal("Node", spec)[0] == reason


@pytest.mark.parametrize(("name", "host"), [("default", None), ("node.a.b", "a.b")])
def test_configuration_is_kept_as_written(name: str, host: str | None) -> None:
    spec = {"failsafeInboundHostPorts": [{"protocol": "tcp", "port": 22}], "unheardOf": 1}

    assert read("FelixConfiguration", spec | {"absent": None}, name) == (ConfigurationValues(host, spec),)


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
