from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.nft.examples import EXAMPLES

from catflap.model.resources import Action, Direction, Kind, ResourceKey
from catflap.nft.compile import compile_policy
from catflap.nft.counters import (
    Counted,
    Counters,
    counters_in,
    of_no_match,
    of_rule,
    of_tier,
    referred_to,
)
from catflap.nft.ruleset import Chain
from catflap.nft.style import Counting, RuleStyle
from catflap.policy.host_policy import MatchRule, RuleLists
from catflap.verdict.result import Reason

_KEY = ResourceKey(Kind.POLICY, "web", "default")
_LISTS = RuleLists(_KEY, "default/web", (), ())
IN = Direction.INGRESS


def counted(action: Action, counting: Counting = Counting.RULE, lists: RuleLists = _LISTS) -> Counted | None:
    return of_rule(counting, lists, IN, MatchRule(3, action))


def test_nothing_is_counted_unless_it_is_wanted() -> None:
    assert counted(Action.ALLOW, Counting.NONE) is None
    assert of_tier(Counting.NONE, "default", IN) is None
    assert of_no_match(Counting.NONE, IN) is None


def test_a_rule_is_counted_by_itself_or_with_the_others_of_its_policy() -> None:
    assert counted(Action.ALLOW) == Counted("POLICY_ALLOW", IN, "default/web", 3)
    assert counted(Action.ALLOW, Counting.POLICY) == Counted("POLICY_ALLOW", IN, "default/web")


def test_reasons_are_those_that_explain_gives() -> None:
    profile = replace(_LISTS, key=ResourceKey(Kind.PROFILE_RULES, "p"), title="p")
    found = [
        *(
            counted(action, lists=lists)
            for action in (Action.ALLOW, Action.DENY)
            for lists in (_LISTS, profile)
        ),
        of_tier(Counting.POLICY, "default", IN),
        of_no_match(Counting.POLICY, IN),
    ]
    assert all(item is not None and item.reason in Reason.__members__ for item in found)


def test_reject_is_a_denial_and_what_only_logs_is_not_counted() -> None:
    assert counted(Action.REJECT) == counted(Action.DENY)
    assert counted(Action.PASS) == Counted("POLICY_PASS", IN, "default/web", 3)
    assert counted(Action.LOG) is None


def test_names_of_counters_differ_where_anything_does() -> None:
    made = [
        Counted(reason, direction, name, rule).counter(identity)
        for reason in ("POLICY_ALLOW", "POLICY_DENY")
        for direction in Direction
        for name, identity in (("default/web", "1"), ("default/web", "2"), ("default/web-3", "1"))
        for rule in (None, 3)
    ]
    assert len(set(made)) == len(made)
    assert Counted("NO_MATCH_DENY", IN).counter("") == "no-match-deny-ingress"


@pytest.mark.parametrize("name", ["a b", 'x"; drop', "ä" * 300, "*", ""])
def test_whatever_a_policy_is_called_nft_can_read_the_name(name: str) -> None:
    made = Counted("POLICY_ALLOW", IN, name, 12).counter("id")
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789_./-")
    assert len(made) < 200


def test_a_verdict_is_counted_and_no_verdict_is_not() -> None:
    counters = Counters()
    item = Counted("NO_MATCH_DENY", IN)
    assert counters.verdict(item, "", "drop") == "counter name no-match-deny-ingress drop"
    assert counters.verdict(item, "", "") == ""
    assert counters.verdict(None, "", "drop") == "drop"
    assert counters.counted == {"no-match-deny-ingress": item}


def test_only_counters_that_rules_refer_to_are_made() -> None:
    item = Counted("NO_MATCH_DENY", IN)
    chains = [
        Chain(
            "a", ("counter name a drop", 'accept comment "counter name b"', "tcp dport 1 counter name c drop")
        )
    ]
    assert list(counters_in(chains)) == ["a", 'b"', "c"]
    assert referred_to(chains, {"c": item, "d": item}) == {"c": item}


def test_a_policy_that_changes_goes_on_with_its_counters() -> None:
    style = RuleStyle(counting=Counting.POLICY)
    for policy in EXAMPLES.values():
        before = compile_policy(policy, style)
        changed = {
            key: replace(lists, ingress=lists.ingress[1:], egress=lists.egress[1:])
            for key, lists in policy.policies.items()
        }
        after = compile_policy(replace(policy, policies=changed), style)
        assert after.rule_set.counters <= before.rule_set.counters
