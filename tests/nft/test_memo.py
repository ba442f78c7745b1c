from __future__ import annotations

from tests.nft.host_policies import lists, policy_key, rule

from catflap.model.resources import Direction
from catflap.nft.memo import Memo
from catflap.nft.rules import RuleText
from catflap.policy.host_policy import IpSet, MatchPeer, RuleLists

_KEY = policy_key("web")


def web(protocol: int = 6) -> RuleLists:
    return lists(_KEY, [rule(0, protocol=protocol, source=MatchPeer(ip_sets=("s",)))])


def text(memo: Memo, rules: RuleLists, *members: str) -> RuleText:
    memo.begin({"s": IpSet("s", "", frozenset(members))})
    return memo.text(rules, Direction.INGRESS)


def test_equal_rules_are_written_once() -> None:
    memo = Memo()
    assert text(memo, web(), "10.0.0.1") is text(memo, web(), "10.0.0.1")


def test_a_change_of_addresses_keeps_the_text() -> None:
    memo = Memo()
    assert text(memo, web(), "10.0.0.1") is text(memo, web(), "10.0.0.2")
    assert memo.families["s"][4].addresses.elements == {"10.0.0.2"}


def test_the_first_network_of_a_set_changes_the_text() -> None:
    memo = Memo()
    assert len(text(memo, web(), "10.0.0.1").lines) == 2
    assert len(text(memo, web(), "10.0.0.1", "10.1.0.0/16").lines) == 3


def test_changed_rules_are_written_anew() -> None:
    memo = Memo()
    text(memo, web(6), "10.0.0.1")
    assert text(memo, web(17), "10.0.0.1").lines[0].startswith("meta l4proto 17 ")


def test_what_a_policy_did_not_use_is_forgotten() -> None:
    memo = Memo()
    first = text(memo, web(), "10.0.0.1")
    memo.begin({})
    memo.begin({})
    assert text(memo, web(), "10.0.0.1") is not first
