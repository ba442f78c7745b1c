from __future__ import annotations

import pytest
from tests.check.documents import Document, check, document, endpoint, fields, found, policy

WEB = endpoint("web1", {"role": "web", "env": "production"}, expectedIPs=["192.0.2.1"])
SET = document("GlobalNetworkSet", "partners", {"nets": ["203.0.113.0/24"]}, {"kind": "partner"})
NOTHING = "selector-matches-nothing"


def from_selector(selector: str) -> Document:
    return policy("p", ingress=[{"action": "Allow", "source": {"selector": selector}}])


@pytest.mark.parametrize(
    "selector", ["all()", "", 'role == "web"', 'role != "db"', "!has(nothing)", 'env contains "prod"']
)
def test_selectors_that_match_are_silent(selector: str) -> None:
    assert check(WEB, policy("p", selector=selector)).findings == ()


@pytest.mark.parametrize(
    ("selector", "hint"),
    [
        ('role == "wbe"', "Nothing here has role == 'wbe'. Did you mean 'web'?"),
        ('roll == "web"', "Nothing here has a label 'roll'. Did you mean 'role'?"),
        ('has(rolle) && env == "production"', "Did you mean 'role'?"),
        ('role in {"db", "wb"}', "Did you mean 'web'?"),
        ('!(env != "prodution")', "Did you mean 'production'?"),
    ],
)
def test_a_selector_that_matches_nothing_comes_with_what_was_probably_meant(selector: str, hint: str) -> None:
    (finding,) = check(WEB, policy("p", selector=selector)).findings
    assert (finding.code, finding.field) == (NOTHING, "spec.selector")
    assert hint in finding.message


@pytest.mark.parametrize("selector", ['role == "database"', 'colour == "web"', f'role == "{"web" * 30}"'])
def test_nothing_is_suggested_that_is_far_away(selector: str) -> None:
    (finding,) = check(WEB, policy("p", selector=selector)).findings
    assert "Did you mean" not in finding.message


def test_without_endpoints_nothing_is_said_about_selectors() -> None:
    assert check(policy("p", selector='role == "web"'), from_selector("has(a)")).findings[1:] == ()
    assert fields(NOTHING, policy("p", selector='role == "web"')) == []


def test_selectors_of_rules_may_mean_network_sets() -> None:
    assert check(SET, from_selector('kind == "partner"')).findings == ()
    assert fields(NOTHING, WEB, SET, policy("p", selector='kind == "partner"')) == ["spec.selector"]


def test_every_selector_of_a_rule_is_looked_at() -> None:
    ends = {"source": {"selector": "has(a)"}, "destination": {"notSelector": "has(b)"}}
    assert fields(NOTHING, WEB, policy("p", ingress=[{"action": "Allow", **ends}])) == [
        "spec.ingress[0].source.selector",
        "spec.ingress[0].destination.notSelector",
    ]


def test_node_selectors_are_compared_with_nodes() -> None:
    node = document("Node", "n1", {}, {"rack": "a"})
    everywhere = document("HostEndpoint", "all", {"nodeSelector": 'rack == "b"', "interfaceName": "eth0"})
    assert fields(NOTHING, everywhere) == []
    assert fields(NOTHING, everywhere, node) == ["spec.nodeSelector"]


def test_labels_of_profiles_count() -> None:
    profile = document("Profile", "web", {"labelsToApply": {"role": "web"}})
    assert (
        check(endpoint("a", profiles=["web"]), profile, policy("p", selector='role == "web"')).findings == ()
    )


def test_a_near_miss_in_a_selector_that_matches() -> None:
    (finding,) = check(WEB, policy("p", selector='role in {"web", "wbe"}')).findings
    assert (finding.code, finding.field) == ("label-near-miss", "spec.selector")
    assert "Did you mean 'web'?" in finding.message


@pytest.mark.parametrize("selector", ['role in {"web", "database"}', 'role == "web" || env == "staging"'])
def test_values_that_nobody_has_yet_are_no_near_misses(selector: str) -> None:
    assert check(WEB, policy("p", selector=selector)).findings == ()


def test_words_that_differ_in_digits_only_are_no_near_misses() -> None:
    hosts = [endpoint(name, {"name": name}) for name in ("web1", "web2")]
    assert check(*hosts, policy("p", selector='name in {"web1", "web2", "web3"}')).findings == ()


def test_an_endpoint_without_addresses_that_rules_select() -> None:
    bare = endpoint("bare", {"role": "web"})
    (finding,) = check(WEB, bare, from_selector("has(role)"), policy("q", egress=[])).findings
    assert (finding.code, finding.name, finding.field) == (
        "endpoint-without-addresses",
        "bare",
        "spec.expectedIPs",
    )
    assert "GlobalNetworkPolicy p (spec.ingress[0].source.selector)" in finding.message


def test_an_endpoint_without_addresses_that_only_policies_select_is_fine() -> None:
    assert check(endpoint("bare", {"role": "web"}), policy("p", selector="has(role)")).findings == ()


def test_how_many_rules_are_concerned_is_said() -> None:
    rules = [
        {"action": "Allow", "protocol": p, "source": {"selector": "has(role)"}}
        for p in ("TCP", "UDP", "SCTP")
    ]
    (finding,) = found(
        "endpoint-without-addresses", endpoint("bare", {"role": "web"}), policy("p", ingress=rules)
    )
    assert ", and 2 more." in finding.message
