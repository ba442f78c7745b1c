from __future__ import annotations

import pytest

from catflap.model.resources import (
    TCP,
    Action,
    Encoding,
    IcmpMatch,
    Kind,
    Peer,
    Policy,
    PolicyKind,
    PortRange,
    ProfileRules,
    ResourceKey,
    Rule,
)
from catflap.model.selector import parse_selector
from catflap.policy.criteria import PortCriterion, TagCriterion, set_id
from catflap.policy.host_policy import MatchPeer, MatchRule
from catflap.policy.rules import policy_title, resolve_rules

WEB, DB = parse_selector('role == "web"'), parse_selector('role == "db"')
KEY = ResourceKey(Kind.POLICY, "p", scope="default")


def test_every_field_of_a_rule_is_kept_and_rules_are_numbered_as_written() -> None:
    ports = (PortRange(80, 80),)
    rule = Rule(
        Action.DENY,
        ip_version=4,
        protocol=TCP,
        not_protocol=17,
        icmp=IcmpMatch(8),
        not_icmp=IcmpMatch(3, 1),
        source=Peer(nets=("10.0.0.0/8",), not_nets=("10.1.0.0/16",), ports=ports, not_ports=ports),
        log_prefix="x",
        annotations={"why": "because"},
    )
    policy = Policy("p", "default", WEB, ingress=(Rule(Action.LOG), rule))
    log, full = resolve_rules(KEY, "default/p", policy).lists.ingress
    assert log == MatchRule(0, Action.LOG)
    assert full == MatchRule(
        1,
        Action.DENY,
        4,
        TCP,
        17,
        IcmpMatch(8),
        IcmpMatch(3, 1),
        MatchPeer(("10.0.0.0/8",), ("10.1.0.0/16",), (), (), ports, ports),
        MatchPeer(),
        "x",
        {"why": "because"},
    )


def test_selectors_and_tags_become_sets_that_must_all_match() -> None:
    peer = Peer(selector=WEB, tag="t", not_selector=DB, not_tag="u")
    policy = Policy("p", "default", WEB, egress=(Rule(Action.ALLOW, destination=peer),))
    resolved = resolve_rules(KEY, "default/p", policy)
    (rule,) = resolved.lists.egress
    assert rule.destination.ip_sets == (set_id(WEB), set_id(TagCriterion("t")))
    assert rule.destination.not_ip_sets == (set_id(DB), set_id(TagCriterion("u")))
    assert resolved.criteria == {WEB, DB, TagCriterion("t"), TagCriterion("u")}


def test_the_policys_own_selector_needs_no_set() -> None:
    assert resolve_rules(KEY, "default/p", Policy("p", "default", WEB)).criteria == frozenset()


def test_named_ports_of_one_end_become_one_set_limited_by_selector_and_tag() -> None:
    peer = Peer(selector=WEB, tag="t", named_ports=("http", "alt"), not_named_ports=("admin",))
    rule = Rule(Action.ALLOW, protocol=TCP, destination=peer)
    resolved = resolve_rules(KEY, "default/p", Policy("p", "default", WEB, ingress=(rule,)))
    wanted, excluded = (
        PortCriterion(names, TCP, WEB, TagCriterion("t")) for names in (("alt", "http"), ("admin",))
    )
    (match,) = resolved.lists.ingress
    assert match.destination.port_sets == (set_id(wanted),)
    assert match.destination.not_port_sets == (set_id(excluded),)
    assert resolved.criteria == {WEB, TagCriterion("t"), wanted, excluded}


def test_a_named_port_alone_means_all_endpoints_that_have_it() -> None:
    rule = Rule(Action.ALLOW, protocol=TCP, source=Peer(named_ports=("http",)))
    resolved = resolve_rules(KEY, "profile p", ProfileRules("p", egress=(rule,)))
    assert resolved.criteria == {PortCriterion(("http",), TCP)}


def test_lists_are_of_the_policys_kind_and_those_of_a_profile_normal() -> None:
    policy = Policy("p", "default", WEB, kind=PolicyKind.PRE_DNAT)
    assert resolve_rules(KEY, "default/p", policy).lists.kind is PolicyKind.PRE_DNAT
    assert resolve_rules(KEY, "profile p", ProfileRules("p")).lists.kind is PolicyKind.NORMAL


@pytest.mark.parametrize(
    ("key", "title"),
    [
        (KEY, "default/p"),
        (ResourceKey(Kind.POLICY, "p", encoding=Encoding.V3), "default/p"),
        (ResourceKey(Kind.POLICY, "p", "shop", Encoding.V3), "default/shop/p"),
    ],
)
def test_a_title_names_tier_namespace_and_policy(key: ResourceKey, title: str) -> None:
    assert policy_title(key, Policy("p", "default", WEB)) == title
