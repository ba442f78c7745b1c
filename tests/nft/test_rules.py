from __future__ import annotations

import pytest
from tests.nft.host_policies import lists, policy_key, rule

from catflap.model.resources import Action, Direction
from catflap.nft.rules import line, rule_text
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
    assert rule_text(lists(policy_key("web"), [match]), Direction.INGRESS, {}).lines == (text,)


def test_the_comment_has_the_number_as_written_and_the_direction() -> None:
    both = lists(policy_key("web"), [rule(0, protocol=6)], [rule(3), rule(7)])
    lines = rule_text(both, Direction.EGRESS, {}).lines
    assert [text.split("comment ")[1] for text in lines] == [
        '"default/web egress 3"',
        '"default/web egress 7"',
    ]


def test_pass_is_known_per_direction() -> None:
    item = lists(policy_key("web"), [rule(0, Action.PASS)], [rule(0)])
    assert rule_text(item, Direction.INGRESS, {}).passes
    assert not rule_text(item, Direction.EGRESS, {}).passes


def test_a_line_leaves_empty_parts_out() -> None:
    assert line("", "drop", "", about='say "x"') == "drop comment \"say 'x'\""
