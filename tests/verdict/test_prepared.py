from __future__ import annotations

import pytest
from tests.verdict.hosts import ALLOW, DENY, Host, profile, sentence, simple, tier
from tests.verdict.hosts import policy as rule_lists

from catflap.model.resources import Action
from catflap.verdict import prepared


def host(*names: str, **fields: object) -> prepared.Host:
    builder = Host(**fields)
    for name in names:
        builder.interface(name)
    return prepared.Host(builder.build())


def covering(prepared_host: prepared.Host, name: str) -> str | None:
    found = prepared_host.interface(name)
    return None if found is None else found.name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("eth0", "eth0", marks=sentence("interface-exact")),
        pytest.param("eth1", "eth*", marks=sentence("interface-pattern")),
        ("eth", "eth*"),
        pytest.param("wlan0", "*", marks=sentence("interface-any")),
        pytest.param("lo", None, marks=sentence("interface-loopback")),
    ],
)
def test_an_exact_name_covers_before_the_patterns_in_their_order(name: str, expected: str | None) -> None:
    assert covering(host("eth0", "eth*", "*"), name) == expected


@sentence("interface-none")
def test_what_no_name_and_no_pattern_covers_is_not_covered() -> None:
    assert covering(host("eth0", "wlan*"), "eth1") is None


@sentence("interface-loopback")
def test_the_loopback_interface_can_be_covered_by_its_name() -> None:
    assert covering(host("lo", "*"), "lo") == "lo"


@sentence("interface-workload", "interface-star")
def test_forwarding_on_workload_interfaces_is_covered_by_the_star_alone() -> None:
    full = host("cal*", "*")
    assert full.is_workload("cali7")
    assert not full.is_workload("eth0")
    star = full.forwarding_interface("cali7")
    assert star is not None
    assert star.name == "*"
    assert host("cal*").forwarding_interface("cali7") is None


def test_interfaces_of_the_host_forward_under_the_endpoint_that_polices_them() -> None:
    both = host("eth0", "*")
    assert both.forwarding_interface("eth0") is both.interface("eth0")


def test_without_prefixes_there_are_no_workload_interfaces() -> None:
    assert not host(workload_prefixes=()).is_workload("cali7")


def test_a_workload_is_known_by_its_interface() -> None:
    found = prepared.Host(Host().workload("cali1", mac="02:00:00:00:00:01").build()).workload("cali1")
    assert found is not None
    assert (found.name, found.mac) == ("cali1", "02:00:00:00:00:01")
    assert host().workload("cali1") is None


def test_a_workload_whose_interface_has_no_prefix_is_none() -> None:
    assert prepared.Host(Host().workload("eth5").build()).workload("eth5") is None


def test_keys_are_replaced_by_what_they_stand_for() -> None:
    tiers = (tier("a", rule_lists("p", ALLOW), default=Action.PASS), *simple(DENY))
    builder = Host().interface("eth0", local=tiers, profiles=[profile("x", ALLOW), "gone"])
    found = prepared.Host(builder.build()).interface("eth0")
    assert found is not None
    assert [(item.name, item.default_action) for item in found.egress.tiers] == [
        ("a", "Pass"),
        ("default", "Deny"),
    ]
    assert [rule.action for rule in found.egress.tiers[0].policies[0].rules] == [Action.ALLOW]
    assert [(item.name, item.rules is None) for item in found.egress.profiles] == [
        ("x", False),
        ("gone", True),
    ]
