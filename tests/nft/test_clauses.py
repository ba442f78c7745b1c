from __future__ import annotations

import pytest
from tests.nft.host_policies import lists, policy_key, rule

from catflap.model.resources import Action, Direction, IcmpMatch, PolicyKind, PortRange
from catflap.nft.clauses import Clause, Known, clauses_of, final, joined
from catflap.nft.sets import SetTable, SplitSets, split_ip_set
from catflap.policy.host_policy import IpSet, MatchPeer, MatchRule, RuleLists

_SETS = SplitSets({"s": split_ip_set(IpSet("s", "role", frozenset({"10.0.0.1"})))})
_HTTP = MatchPeer(ports=(PortRange(80, 80),))


def one(match: MatchRule) -> Clause:
    (found,) = clauses_of(lists(policy_key("a"), [match]), Direction.INGRESS, _SETS, 1).ipv4
    return found


def test_what_a_rule_asks_is_taken_apart() -> None:
    nets = MatchPeer(nets=("10.0.0.0/9", "10.128.0.0/9", "2001:db8::/32"))
    found = one(rule(protocol=6, source=nets, destination=_HTTP))
    assert found.protocol == 6
    assert found.ports == (PortRange(80, 80),)
    assert found.services == ((6, 80),)
    assert found.sources == ("10.0.0.0/8",)
    assert found.destinations is None
    assert found.plain
    assert found.verdict == "accept"


def test_a_rule_of_one_version_is_no_clause_of_the_other() -> None:
    found = clauses_of(
        lists(policy_key("a"), [rule(source=MatchPeer(nets=("10.0.0.0/8",)))]), Direction.INGRESS, _SETS, 1
    )
    assert len(found.ipv4) == 1
    assert found.ipv6 == ()
    assert len(found) == 1


@pytest.mark.parametrize(
    "match",
    [
        rule(not_protocol=6),
        rule(protocol=1, icmp=IcmpMatch(8, None)),
        rule(source=MatchPeer(not_nets=("10.0.0.0/8",))),
        rule(protocol=6, source=_HTTP),
        rule(protocol=6, destination=MatchPeer(not_ports=(PortRange(80, 80),))),
        rule(source=MatchPeer(ip_sets=("s",))),
    ],
)
def test_anything_else_is_not_plain(match: MatchRule) -> None:
    assert not one(match).plain
    assert not one(match).decides_all(Known(4, service=True, source=True, destination=True))


def test_an_ip_set_alone_is_known_as_such() -> None:
    assert one(rule(source=MatchPeer(ip_sets=("s",)))).source_set == "s"
    assert one(rule(protocol=6, destination=replace_ports("s"))).destination_set == "s"
    assert one(rule(source=MatchPeer(ip_sets=("s",), not_nets=("10.0.0.0/8",)))).source_set is None
    assert one(rule(source=MatchPeer(ip_sets=("s", "s")))).source_set is None


def replace_ports(name: str) -> MatchPeer:
    return MatchPeer(ip_sets=(name,), ports=(PortRange(80, 80),))


def test_what_is_known_is_not_asked_again() -> None:
    found = one(rule(protocol=6, source=MatchPeer(nets=("10.0.0.0/8",)), destination=_HTTP))
    table = SetTable(_SETS)
    assert found.conditions(Known(4), table) == ["meta l4proto 6 th dport 80 ip saddr 10.0.0.0/8"]
    assert found.conditions(Known(4, service=True), table) == ["ip saddr 10.0.0.0/8"]
    assert found.conditions(Known(4, source=True), table) == ["meta l4proto 6 th dport 80"]
    assert found.conditions(Known(4, service=True, source=True), table) == [""]
    assert found.decides_all(Known(4, service=True, source=True))
    assert not found.decides_all(Known(4, service=True))


def test_icmp_keeps_its_protocol_which_its_type_needs() -> None:
    found = one(rule(protocol=1, icmp=IcmpMatch(8, None)))
    assert found.conditions(Known(4, service=True), SetTable(_SETS)) == ["meta l4proto 1 icmp type 8"]


def test_named_ports_are_no_part_that_can_be_looked_up() -> None:
    sets = SplitSets(port_sets={"p": {}})
    match = rule(protocol=6, destination=MatchPeer(ports=(PortRange(80, 80),), port_sets=("p",)))
    (found,) = clauses_of(lists(policy_key("a"), [match]), Direction.INGRESS, sets, 1).ipv4
    assert found.ports is None
    assert found.services == ()
    assert not found.plain


def test_rejections_are_two_clauses() -> None:
    found = clauses_of(lists(policy_key("a"), [rule(action=Action.REJECT)]), Direction.INGRESS, _SETS, 1).ipv4
    assert [(item.protocol, item.verdict.split()[0]) for item in found] == [(6, "reject"), (None, "reject")]


def test_rejections_before_translation_ask_for_more() -> None:
    owner = RuleLists(policy_key("a"), "a", (rule(action=Action.REJECT),), (), PolicyKind.PRE_DNAT)
    first = clauses_of(owner, Direction.INGRESS, _SETS, 1).ipv4[0]
    assert first.conditions(Known(4), SetTable(_SETS)) == ["meta l4proto 6 meta pkttype != host"]
    assert not first.plain


def test_lists_are_joined_in_order() -> None:
    found = [
        clauses_of(
            lists(policy_key(name), [rule(source=MatchPeer(ip_sets=("s",)))]), Direction.INGRESS, _SETS, 1
        )
        for name in "ab"
    ]
    together = joined(found)
    assert together.ipv4 == found[0].ipv4 + found[1].ipv4
    assert together.of(6) == found[0].ipv6 + found[1].ipv6
    assert together.ip_sets == {"s"}


def test_the_end_of_a_tier_is_one_clause_for_all_times() -> None:
    assert final("drop", "tier a") is final("drop", "tier a")
    assert final("drop", "tier a").decides_all(Known(6))


def test_only_what_decides_without_a_log_may_change_places() -> None:
    assert one(rule()).commutes
    assert not one(rule(log_prefix="seen")).commutes
    assert not one(rule(action=Action.LOG)).commutes
