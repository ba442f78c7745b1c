from __future__ import annotations

import pytest
from hypothesis import given
from tests.nft.conftest import GOLDEN
from tests.nft.examples import EXAMPLES
from tests.nft.host_policies import host_policies, host_policy

from catflap.nft.compile import compile_policy
from catflap.nft.load import as_it_is, understood
from catflap.nft.plan import Phase
from catflap.nft.ruleset import NftSet, RuleSet
from catflap.policy.host_policy import HostPolicy

RULE_SET = compile_policy(host_policy()).rule_set


@given(policy=host_policies())
def test_every_text_of_ours_is_understood(policy: HostPolicy) -> None:
    rule_set = compile_policy(policy).rule_set
    assert understood(rule_set.text()) == rule_set


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_golden_rule_set_is_understood(name: str) -> None:
    text = (GOLDEN / f"{name}.nft").read_text()
    found = understood(text)
    assert found is not None
    assert found.text() == text


def test_elements_of_large_sets_may_stand_in_any_order() -> None:
    many = [f"10.0.{number // 250}.{number % 250}" for number in range(2000)]
    rule_set = RuleSet({"s": NftSet("s", "ipv4_addr", elements=frozenset(many))})
    text = f"table inet catflap {{\n\tset s {{\n\t\ttype ipv4_addr\n\t\telements = {{ {', '.join(many)} }}\n\t}}\n}}\n"
    assert understood(text) == rule_set


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\ttype ifname : verdict\n", "\ttype ifname : verdict\n\t\tsize 5\n"),
        ("\ttype ifname : verdict\n", "\ttype ifname : verdict\n\t\tcounter\n"),
        ("table inet catflap {", "table inet catflap {\n\tflowtable f {"),
        ("table inet catflap {", "add rule inet catflap input accept\ntable inet catflap {"),
        ("\tchain input {", "\tset lines {\n\t\ttype ipv4_addr\n\t\tsize 5\n\t}\n\n\tchain input {"),
    ],
)
def test_text_with_something_else_in_it_is_not(old: str, new: str) -> None:
    text = RULE_SET.text()
    assert old in text
    assert understood(text) is not None
    assert understood(text.replace(old, new)) is None


def test_what_is_not_understood_is_loaded_as_it_is_in_place_of_what_is_left_over() -> None:
    text = RULE_SET.text().replace("table inet catflap {", "table inet catflap {\n\tflowtable f {\n\t}\n")
    track, switch = as_it_is(text)
    assert (track.phase, switch.phase) == (Phase.TRACK, Phase.SWITCH)
    assert switch.text == f"add table inet catflap\ndelete table inet catflap\n{text}"


def test_connections_are_tracked_only_where_a_rule_asks_for_them() -> None:
    text = "table inet catflap {\n\tflowtable f {\n\t}\n}\n"
    assert [each.phase for each in as_it_is(text)] == [Phase.SWITCH]
