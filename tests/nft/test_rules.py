from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.nft.host_policies import lists, policy_key, rule

from catflap.model.resources import Action, Direction, PolicyKind
from catflap.nft.rules import line, rule_text
from catflap.nft.sets import SplitSets
from catflap.policy.host_policy import MatchRule


@pytest.mark.parametrize(
    ("match", "text"),
    [
        (rule(0, Action.ALLOW), 'accept comment "default/web ingress 0"'),
        (rule(1, Action.DENY, protocol=6), 'meta l4proto 6 drop comment "default/web ingress 1"'),
        (rule(2, Action.PASS), 'return comment "default/web ingress 2"'),
        (rule(3, Action.LOG), 'log prefix "calico-packet: " level notice comment "default/web ingress 3"'),
        (
            rule(4, Action.LOG, log_prefix="x"),
            'log prefix "x: " level notice comment "default/web ingress 4"',
        ),
        (
            rule(5, Action.DENY, log_prefix="x"),
            'log prefix "x: " level notice drop comment "default/web ingress 5"',
        ),
    ],
)
def test_each_action_has_its_text(match: MatchRule, text: str) -> None:
    assert rule_text(lists(policy_key("web"), [match]), Direction.INGRESS, SplitSets(), 1).lines == (text,)


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        (PolicyKind.NORMAL, "accept"),
        (PolicyKind.UNTRACKED, "notrack meta mark set meta mark or 0x00001000 accept"),
        (PolicyKind.PRE_DNAT, "meta mark set meta mark or 0x00001000 accept"),
    ],
)
def test_what_allow_is_depends_on_the_kind_of_policy(kind: PolicyKind, verdict: str) -> None:
    item = replace(lists(policy_key("web"), [rule(0), rule(1, Action.DENY)]), kind=kind)
    assert rule_text(item, Direction.INGRESS, SplitSets(), 0x1000).lines == (
        f'{verdict} comment "default/web ingress 0"',
        'drop comment "default/web ingress 1"',
    )


@pytest.mark.parametrize(
    ("match", "texts"),
    [
        (rule(protocol=6), ["meta l4proto 6 reject with tcp reset"]),
        (rule(protocol=17), ["meta l4proto 17 reject with icmpx admin-prohibited"]),
        (rule(not_protocol=6), ["meta l4proto != 6 reject with icmpx admin-prohibited"]),
        (
            rule(ip_version=4, log_prefix="x"),
            [
                'meta nfproto ipv4 meta l4proto 6 log prefix "x: " level notice reject with tcp reset',
                'meta nfproto ipv4 log prefix "x: " level notice reject with icmpx admin-prohibited',
            ],
        ),
    ],
)
def test_reject_answers_as_the_protocol_expects(match: MatchRule, texts: list[str]) -> None:
    item = lists(policy_key("web"), [replace(match, action=Action.REJECT)])
    assert rule_text(item, Direction.INGRESS, SplitSets(), 1).lines == tuple(
        f'{text} comment "default/web ingress 0"' for text in texts
    )


def test_before_destination_translation_what_was_sent_to_everybody_is_not_reset() -> None:
    item = lists(policy_key("web"), [rule(0, Action.REJECT, protocol=6)])
    lines = rule_text(replace(item, kind=PolicyKind.PRE_DNAT), Direction.INGRESS, SplitSets(), 1).lines
    assert lines == (
        'meta l4proto 6 meta pkttype != host drop comment "default/web ingress 0"',
        'meta l4proto 6 reject with tcp reset comment "default/web ingress 0"',
    )


def test_annotations_follow_in_the_comment_in_a_stable_order() -> None:
    item = lists(policy_key("web"), [rule(0, annotations={"ticket": "NET-1", "by": 'me"'})])
    (text,) = rule_text(item, Direction.INGRESS, SplitSets(), 1).lines
    assert text == 'accept comment "default/web ingress 0 by=me\' ticket=NET-1"'


def test_the_comment_has_the_number_as_written_and_the_direction() -> None:
    both = lists(policy_key("web"), [rule(0, protocol=6)], [rule(3), rule(7)])
    lines = rule_text(both, Direction.EGRESS, SplitSets(), 1).lines
    assert [text.split("comment ")[1] for text in lines] == [
        '"default/web egress 3"',
        '"default/web egress 7"',
    ]


def test_pass_is_known_per_direction() -> None:
    item = lists(policy_key("web"), [rule(0, Action.PASS)], [rule(0)])
    assert rule_text(item, Direction.INGRESS, SplitSets(), 1).passes
    assert not rule_text(item, Direction.EGRESS, SplitSets(), 1).passes


def test_a_line_leaves_empty_parts_out() -> None:
    assert line("", "drop", "", about='say "x"') == "drop comment \"say 'x'\""
