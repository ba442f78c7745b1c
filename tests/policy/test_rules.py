from __future__ import annotations

from catflap.model.resources import (
    TCP,
    Action,
    IcmpMatch,
    Kind,
    Peer,
    Policy,
    PortRange,
    ResourceKey,
    Rule,
)
from catflap.model.selector import parse_selector
from catflap.policy.endpoints import TagCriterion
from catflap.policy.host_policy import MatchPeer, MatchRule
from catflap.policy.ip_sets import ip_set_id
from catflap.policy.rules import resolve_rules

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
    )


def test_selectors_and_tags_become_sets_that_must_all_match() -> None:
    peer = Peer(selector=WEB, tag="t", not_selector=DB, not_tag="u")
    policy = Policy("p", "default", WEB, egress=(Rule(Action.ALLOW, destination=peer),))
    resolved = resolve_rules(KEY, "default/p", policy)
    (rule,) = resolved.lists.egress
    assert rule.destination.ip_sets == (ip_set_id(WEB), ip_set_id(TagCriterion("t")))
    assert rule.destination.not_ip_sets == (ip_set_id(DB), ip_set_id(TagCriterion("u")))
    assert resolved.criteria == {WEB, DB, TagCriterion("t"), TagCriterion("u")}


def test_the_policys_own_selector_needs_no_set() -> None:
    assert resolve_rules(KEY, "default/p", Policy("p", "default", WEB)).criteria == frozenset()
