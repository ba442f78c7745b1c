from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.nft.examples import DB, DEFAULT, EARLY, EXAMPLES, FAILSAFE, RAW, RAW_RULES, ROUTER, with_tiers
from tests.nft.host_policies import (
    complete,
    host_policies,
    host_policy,
    lists,
    workload,
)
from tests.nft.interpreter import Passage, walk
from tests.nft.packets import packet, packets

from catflap.nft.compile import Compiler, compile_policy
from catflap.nft.ruleset import TRACKING, RuleSet
from catflap.nft.style import NO_LOOKUPS, Counting, RuleStyle
from catflap.policy.host_policy import (
    HostPolicy,
    TierStep,
)
from catflap.verdict.evaluate import Evaluator
from catflap.verdict.packet import ConnectionState
from catflap.verdict.result import Outcome, Reason

STYLES = (
    NO_LOOKUPS,
    RuleStyle(),
    RuleStyle(rules=0, repetition=100),
    RuleStyle(rules=1),
    RuleStyle(rules=2, repetition=3),
    replace(NO_LOOKUPS, counting=Counting.RULE),
    RuleStyle(rules=0, repetition=100, counting=Counting.RULE),
    RuleStyle(rules=1, counting=Counting.POLICY),
)

_COUNTED_REASONS = {
    Reason.POLICY_ALLOW,
    Reason.POLICY_DENY,
    Reason.PROFILE_ALLOW,
    Reason.PROFILE_DENY,
    Reason.TIER_DEFAULT_DENY,
    Reason.NO_MATCH_DENY,
}

_BASE_CHAINS = (
    *("prerouting-sources", "prerouting-raw", "prerouting-mangle"),
    *("forward-from-interface", "forward-from-workload", "forward-to-workload", "forward-to-interface"),
    *("input", "output-raw", "output"),
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_compile_to_their_golden_text(name: str, golden: Callable[[str, str], None]) -> None:
    golden(name, compile_policy(EXAMPLES[name]).rule_set.text())


def compiled(policy: HostPolicy) -> RuleSet:
    return compile_policy(policy).rule_set


def test_without_interfaces_there_is_nothing() -> None:
    assert not compiled(HostPolicy(failsafe=FAILSAFE))


def test_an_interface_that_cannot_be_written_is_left_out_and_reported() -> None:
    policy = replace(
        host_policy(('a"b', "eth0", 'e"*')),
        workloads=(workload('cali"'),),
        workload_prefixes=("cali", 't"'),
    )
    result = compile_policy(policy)
    assert [item.name for item in result.unsupported] == ['a"b', 'e"*', 'cali"', 't"*']
    assert result.rule_set == compiled(replace(host_policy(("eth0",)), workload_prefixes=("cali",)))
    assert not compiled(host_policy(('a"b',)))


def test_a_host_endpoint_for_a_workload_interface_polices_nothing() -> None:
    policy = replace(host_policy(("cali1", "eth0")), workload_prefixes=("cali",))
    assert compiled(policy) == compiled(replace(host_policy(("eth0",)), workload_prefixes=("cali",)))


def test_without_endpoints_unknown_workloads_are_dropped_and_no_connection_is_tracked() -> None:
    text = compiled(EXAMPLES["unknown_workloads"]).text()
    assert text.count("drop comment") == 3
    assert "ct state" not in text


def test_chains_stand_in_the_order_in_which_packets_meet_them() -> None:
    for policy in EXAMPLES.values():
        chains = compiled(policy).chains
        bases = [chain.name for chain in chains.values() if chain.hook]
        assert bases == [name for name in _BASE_CHAINS if name in chains]


def test_a_policy_has_one_chain_for_all_hooks_and_interfaces() -> None:
    text = compiled(ROUTER).text()
    assert text.count("chain policy-in-default/web {") == 1
    assert text.count("jump tier-in-default-a034a972295744d5 ") == 2


def test_only_interfaces_with_policy_of_an_early_kind_have_rules_about_the_mark() -> None:
    chains = compiled(EARLY).chains
    marked = [name for name, chain in chains.items() if any("meta mark and" in rule for rule in chain.rules)]
    assert marked == [
        *("raw-in-eth0", "pre-dnat-eth0", "pre-dnat-eth1", "in-eth0", "in-eth1"),
        *("raw-out-eth0", "out-eth0"),
    ]
    assert not any("meta mark" in rule for chain in compiled(ROUTER).chains.values() for rule in chain.rules)


def test_workloads_cannot_bring_the_mark_that_any_interface_is_believed() -> None:
    untracked = (TierStep("default", (RAW,)),)
    policy = complete(
        HostPolicy(
            (with_tiers("*", untracked_ingress=untracked, forward_ingress=DEFAULT),),
            workloads=(workload("cali1", addresses=("10.0.0.1",)),),
            workload_prefixes=("cali",),
        ),
        [RAW_RULES, lists(DB)],
    )
    first = compiled(policy).chains["source-cali1"].rules[0]
    assert first.startswith("meta mark set meta mark and 0xfeffffff ")


def test_what_is_invalid_is_never_dropped_before_failsafe_ports() -> None:
    for policy in EXAMPLES.values():
        for chain in compiled(policy).chains.values():
            rules = " ".join(chain.rules)
            if "jump failsafe" in rules and "ct state invalid" in rules:
                assert rules.index("jump failsafe") < rules.index("ct state invalid")


def test_every_rule_has_a_comment() -> None:
    for policy in EXAMPLES.values():
        for chain in compiled(policy).chains.values():
            assert all(re.search(r' comment "[^"]+"$', text) for text in chain.rules)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(host_policies(), st.sampled_from(STYLES), st.data())
def test_packets_fare_as_the_policy_says(policy: HostPolicy, style: RuleStyle, data: st.DataObject) -> None:
    """On every path, whatever mark a packet comes with, and however much is put into look-ups."""
    rule_set = compile_policy(policy, style).rule_set
    evaluator = Evaluator(policy)
    for each in data.draw(st.lists(packets(policy), min_size=12, max_size=12)):
        verdict = evaluator.evaluate(each)
        denied = "reject" if verdict.answered else "drop"
        expected = "accept" if verdict.outcome is Outcome.ALLOW else denied
        for mark in (0, 0xFFFF_FFFF):
            assert walk(rule_set, each, mark) == expected, verdict


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    host_policies(),
    st.sampled_from([style for style in STYLES if style.counting is not Counting.NONE]),
    st.data(),
)
def test_what_decides_about_a_packet_counts_it(
    policy: HostPolicy, style: RuleStyle, data: st.DataObject
) -> None:
    compiled = compile_policy(policy, style)
    for each in data.draw(st.lists(packets(policy), min_size=12, max_size=12)):
        verdict = Evaluator(policy).evaluate(each)
        passage = Passage(compiled.rule_set, each)
        passage.fate()
        counted = [compiled.counted[name] for name in passage.counters]
        if verdict.reason in _COUNTED_REASONS:
            last = counted[-1]
            by_rule = verdict.reason not in {Reason.TIER_DEFAULT_DENY, Reason.NO_MATCH_DENY}
            assert last.reason == verdict.reason
            assert last.name == ((verdict.policy if by_rule else verdict.tier) or "")
            assert last.rule == (verdict.rule if by_rule and style.counting is Counting.RULE else None)
        else:
            assert not [item for item in counted if item.reason.endswith("_DENY")]


def test_nothing_is_counted_unless_it_is_wanted() -> None:
    for policy in EXAMPLES.values():
        compiled = compile_policy(policy)
        assert not compiled.counted
        assert "counter" not in compiled.rule_set.text()


def test_other_interfaces_are_not_touched() -> None:
    rule_set = compiled(host_policy(("eth0",)))
    invalid = packet(state=ConnectionState.INVALID)
    assert walk(rule_set, invalid) == "drop"
    assert walk(rule_set, replace(invalid, interface="eth1")) == "accept"


@settings(max_examples=30, deadline=None)
@given(host_policies(), st.sampled_from(STYLES))
def test_all_that_is_there_is_referred_to(policy: HostPolicy, style: RuleStyle) -> None:
    rule_set = compile_policy(policy, style).rule_set
    text = " ".join(text for chain in rule_set.chains.values() for text in chain.rules)
    text += " ".join(verdict for item in rule_set.maps.values() for verdict in item.elements.values())
    used = set(re.findall(r"(?:@|jump |goto |counter name )(\S+)", re.sub(r'"[^"]*"', "", text)))
    names = {
        *rule_set.counters,
        *rule_set.sets,
        *rule_set.maps,
        *(name for name, chain in rule_set.chains.items() if not chain.hook),
    }
    assert used == names - {TRACKING}
    assert (TRACKING in names) == ("ct state established" in text)


@settings(max_examples=20, deadline=None)
@given(st.lists(host_policies(), min_size=2, max_size=3), st.sampled_from(STYLES))
def test_a_compiler_that_remembers_compiles_like_a_fresh_one(
    policies: list[HostPolicy], style: RuleStyle
) -> None:
    compiler = Compiler(style)
    for policy in policies:
        result = compiler.compile(policy)
        fresh = compile_policy(policy, style)
        assert result == fresh
        assert result.rule_set.text() == fresh.rule_set.text()
