from __future__ import annotations

import re

from tests.nft.host_policies import endpoint, host_policy, lists, policy_key, profile_key, rule

from catflap.model.resources import Action, Direction, Encoding
from catflap.nft.memo import Memo
from catflap.nft.ruleset import Chain
from catflap.nft.shared import SharedChains
from catflap.policy.host_policy import DirectionPolicy, HostPolicy, ProfileStep, RuleLists, TierStep

_WEB, _DB, _BASE = policy_key("web"), policy_key("db"), profile_key("base")
_IN = Direction.INGRESS


def shared(*rules: RuleLists) -> SharedChains:
    keys = tuple(item.key for item in rules if item.key != _BASE)
    profiles = [ProfileStep("base", _BASE)] if len(keys) < len(rules) else []
    policy = host_policy(tiers=[TierStep("all", keys)], profiles=profiles, rules=rules)
    memo = Memo()
    memo.begin(policy)
    return SharedChains(policy, memo)


def rules_of(chains: list[Chain], word: str) -> list[list[str]]:
    """The rules of the chains whose names begin with a word, without comments."""
    found = [chain for chain in chains if chain.name.startswith(word)]
    return [[re.sub(r' comment ".*"', "", text) for text in chain.rules] for chain in found]


def test_a_chain_is_written_once_and_taken_once() -> None:
    chains = shared(lists(_WEB, [rule()]))
    tier = TierStep("t", (_WEB,))
    assert chains.tiers([tier], _IN) == chains.tiers([tier], _IN)
    assert [chain.name.partition("-")[0] for chain in chains.take_new()] == ["tier", "policy"]
    chains.tiers([tier], _IN)
    assert chains.take_new() == []


def test_chains_are_taken_in_the_order_in_which_rules_lead_to_them() -> None:
    chains = shared(lists(_WEB, [rule()]), lists(_BASE, [rule()]))
    steps = DirectionPolicy((TierStep("t", (_WEB,)),), (ProfileStep("base", _BASE),))
    chains.decision(steps, _IN, endpoint("eth0"))
    chains.failsafe(_IN)
    chains.goto(Chain("first"))
    words = [chain.name.partition("-")[0] for chain in chains.take_new()]
    assert words == ["first", "failsafe", "tier", "policy", "profile"]


def test_a_policy_with_pass_stands_in_the_chain_of_its_tier() -> None:
    chains = shared(lists(_WEB, [rule(0, Action.PASS, protocol=6)]), lists(_DB, [rule()]))
    chains.tiers([TierStep("t", (_WEB, _DB))], _IN)
    found = chains.take_new()
    assert rules_of(found, "tier") == [["meta l4proto 6 return", "jump policy-in-default/db", "drop"]]
    assert rules_of(found, "policy") == [["accept"]]


def test_tiers_that_differ_in_policies_or_default_action_have_chains_of_their_own() -> None:
    chains = shared(lists(_WEB, [rule()]), lists(_DB, [rule()]))
    steps = [TierStep("t", (_WEB,)), TierStep("t", (_WEB,), Action.PASS), TierStep("t", (_DB,))]
    assert len(set(chains.tiers(steps, _IN))) == 3


def test_without_default_actions_every_tier_lets_packets_go_on() -> None:
    chains = shared(lists(_WEB, [rule()]))
    chains.tiers([TierStep("t", (_WEB,))], _IN, default_actions=False)
    assert rules_of(chains.take_new(), "tier") == [["jump policy-in-default/web"]]


def test_a_tier_that_decides_nothing_is_left_out() -> None:
    chains = shared(lists(_WEB))
    assert chains.tiers([TierStep("t", (_WEB,), Action.PASS)], _IN) == []
    assert chains.take_new() == []


def test_the_decision_ends_with_a_drop_that_names_the_endpoint() -> None:
    missing = DirectionPolicy(profiles=(ProfileStep("none", None),))
    assert shared().decision(missing, _IN, endpoint("eth0")) == [
        'drop comment "profile none does not exist"',
        'drop comment "no policy or profile allows it: HostEndpoint host/eth0"',
    ]


def test_policies_with_one_title_have_chains_of_their_own() -> None:
    keys = (_WEB, policy_key("web", Encoding.V3))
    chains = shared(*(lists(key, [rule()]) for key in keys))
    chains.tiers([TierStep("t", keys)], _IN)
    assert len(rules_of(chains.take_new(), "policy-in-default/web-")) == 2


def test_directions_have_chains_of_their_own() -> None:
    memo = Memo()
    memo.begin(HostPolicy())
    chains = SharedChains(HostPolicy(), memo)
    for direction in Direction:
        chains.failsafe(direction)
        chains.failsafe_replies(direction)
    assert [chain.name for chain in chains.take_new()] == [
        *("failsafe-in", "failsafe-replies-in"),
        *("failsafe-out", "failsafe-replies-out"),
    ]
