from __future__ import annotations

from msgspec.structs import replace
from tests.nft.host_policies import lists, policy_key, rule

from catflap.model.resources import Direction, PolicyKind
from catflap.nft.memo import Memo
from catflap.nft.rules import RuleText
from catflap.policy.host_policy import HostPolicy, IpSet, MatchPeer, PortSet, RuleLists, SocketAddress

_KEY = policy_key("web")


def web(protocol: int = 6) -> RuleLists:
    return lists(_KEY, [rule(0, protocol=protocol, source=MatchPeer(ip_sets=("s",)))])


def text(memo: Memo, rules: RuleLists, *members: str, mark: int = 1) -> RuleText:
    memo.begin(HostPolicy(ip_sets={"s": IpSet("s", "", frozenset(members))}, accept_mark=mark))
    memo.begin_writing()
    return memo.text(rules, Direction.INGRESS)


def test_equal_rules_are_written_once() -> None:
    memo = Memo()
    assert text(memo, web(), "10.0.0.1") is text(memo, web(), "10.0.0.1")


def test_a_change_of_addresses_keeps_the_text() -> None:
    memo = Memo()
    assert text(memo, web(), "10.0.0.1") is text(memo, web(), "10.0.0.2")
    assert memo.sets.ip_sets["s"][4].addresses.elements == {"10.0.0.2"}


def test_the_first_network_of_a_set_changes_the_text() -> None:
    memo = Memo()
    assert len(text(memo, web(), "10.0.0.1").lines) == 2
    assert len(text(memo, web(), "10.0.0.1", "10.1.0.0/16").lines) == 3


def test_a_set_that_has_become_everything_changes_the_text_and_back() -> None:
    memo = Memo()
    some = text(memo, web(), "10.0.0.1")
    everything = text(memo, web(), "10.0.0.1", "0.0.0.0/0")
    assert everything.lines[0].startswith("meta nfproto ipv4 ")
    assert text(memo, web(), "10.0.0.1").lines == some.lines


def test_another_mark_changes_the_text() -> None:
    memo = Memo()
    rules = replace(web(), kind=PolicyKind.PRE_DNAT)
    assert "or 0x00000001 accept" in text(memo, rules, mark=1).lines[0]
    assert "or 0x00000002 accept" in text(memo, rules, mark=2).lines[0]


def test_port_sets_that_stay_are_split_once() -> None:
    memo = Memo()
    splits = []
    for _ in range(2):
        members = frozenset({SocketAddress("10.0.0.1", 6, 80)})
        memo.begin(HostPolicy(port_sets={"p": PortSet("p", "", members)}))
        splits.append(memo.sets.port_sets["p"])
    assert splits[0] is splits[1]


def test_changed_rules_are_written_anew() -> None:
    memo = Memo()
    text(memo, web(6), "10.0.0.1")
    assert text(memo, web(17), "10.0.0.1").lines[0].startswith("meta l4proto 17 ")


def test_what_a_policy_did_not_use_is_forgotten() -> None:
    memo = Memo()
    first = text(memo, web(), "10.0.0.1")
    for _ in range(2):
        memo.begin(HostPolicy())
        memo.begin_writing()
    assert text(memo, web(), "10.0.0.1") is not first


def test_what_was_written_is_kept_while_only_members_change() -> None:
    memo = Memo()
    first = text(memo, web(), "10.0.0.1")
    for address in ("10.0.0.2", "10.0.0.3"):
        memo.begin(HostPolicy(ip_sets={"s": IpSet("s", "", frozenset({address}))}, accept_mark=1))
    assert text(memo, web(), "10.0.0.3") is first
