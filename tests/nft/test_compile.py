from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.nft.host_policies import (
    host_policies,
    host_policy,
    lists,
    policy_key,
    profile_key,
    rule,
)
from tests.nft.interpreter import walk
from tests.nft.packets import packet, packets

from catflap.model.resources import Action, Direction, Encoding, IcmpMatch, PortRange
from catflap.nft.compile import Compiler, compile_policy
from catflap.nft.ruleset import RuleSet
from catflap.policy.host_policy import (
    Failsafe,
    FailsafePort,
    HostPolicy,
    IpSet,
    MatchPeer,
    ProfileStep,
    TierStep,
)
from catflap.verdict.evaluate import Evaluator
from catflap.verdict.packet import ConnectionState
from catflap.verdict.result import Outcome

_WEB, _DB, _SSH = policy_key("web"), policy_key("db"), policy_key("ssh")
_BASE = profile_key("base")
_FAILSAFE = Failsafe(
    (FailsafePort(6, PortRange(22, 22)), FailsafePort(17, PortRange(68, 68), "10.0.0.0/8")),
    (FailsafePort(6, PortRange(2379, 2380)), FailsafePort(6, PortRange(4001, 4001))),
)
_WEB_RULES = lists(
    _WEB,
    [
        rule(
            0,
            protocol=6,
            source=MatchPeer(ip_sets=("s-clients",)),
            destination=MatchPeer(ports=(PortRange(80, 80), PortRange(443, 443))),
        ),
        rule(1, Action.LOG, log_prefix="web"),
        rule(2, Action.DENY, source=MatchPeer(nets=("10.0.0.0/8", "192.168.0.0/16"))),
    ],
    [rule(0)],
)
_CLIENTS = IpSet(
    "s-clients", 'role == "client"', frozenset({"10.0.0.1", "10.0.0.2", "172.16.0.0/12", "2001:db8::1"})
)
_PASS_RULES = lists(
    _SSH, [rule(0, protocol=6), rule(1, Action.PASS, source=MatchPeer(not_nets=("10.0.0.0/8",)))]
)
_BASE_RULES = lists(
    _BASE, [rule(0, Action.PASS, protocol=1, icmp=IcmpMatch(8)), rule(1, protocol=1)], [rule(0)]
)

_EXAMPLES = {
    "nothing": HostPolicy(),
    "endpoint_without_policy": host_policy(failsafe=_FAILSAFE),
    "two_interfaces_share_a_tier": host_policy(
        ("eth0", "eth1"), [TierStep("default", (_WEB,))], rules=[_WEB_RULES], ip_sets=[_CLIENTS]
    ),
    "pass_leaves_the_tier": host_policy(
        tiers=[TierStep("admin", (_SSH, _DB), Action.PASS), TierStep("default", (_WEB,))],
        rules=[_PASS_RULES, lists(_DB, [rule(0, Action.DENY, protocol=17)]), _WEB_RULES],
        ip_sets=[_CLIENTS],
    ),
    "profiles": host_policy(
        profiles=[ProfileStep("base", _BASE), ProfileStep("missing", None)],
        rules=[_BASE_RULES],
        failsafe=_FAILSAFE,
    ),
}


@pytest.mark.parametrize("name", _EXAMPLES)
def test_examples_compile_to_their_golden_text(name: str, golden: Callable[[str, str], None]) -> None:
    golden(name, compile_policy(_EXAMPLES[name]).rule_set.text())


def compiled(policy: HostPolicy) -> RuleSet:
    return compile_policy(policy).rule_set


def test_without_interfaces_there_is_nothing() -> None:
    assert not compiled(HostPolicy(failsafe=_FAILSAFE))


def test_an_interface_that_cannot_be_written_is_left_out_and_reported() -> None:
    result = compile_policy(host_policy(("eth*", "eth0")))
    assert [item.name for item in result.unsupported] == ["eth*"]
    assert set(result.rule_set.maps["ingress_interfaces"].elements) == {"eth0"}
    assert not compiled(host_policy(("eth*",)))


def test_policies_with_one_title_have_chains_of_their_own() -> None:
    keys = (policy_key("web"), policy_key("web", Encoding.V3))
    rules = [lists(keys[0], [rule(0, protocol=6)]), lists(keys[1], [rule(0, protocol=17)])]
    chains = compiled(host_policy(tiers=[TierStep("default", keys)], rules=rules)).chains
    assert sum(name.startswith("policy-in-") for name in chains) == 2


def test_tiers_that_differ_in_policies_or_default_action_have_chains_of_their_own() -> None:
    tiers = [TierStep("t", (_DB,)), TierStep("t", (_DB,), Action.PASS), TierStep("t", (_SSH,))]
    rules = [lists(key, [rule(0, protocol=6)]) for key in (_DB, _SSH)]
    chains = compiled(host_policy(tiers=tiers, rules=rules)).chains
    assert sum(name.startswith("tier-in-") for name in chains) == 3


def test_every_rule_has_a_comment() -> None:
    for policy in _EXAMPLES.values():
        for chain in compiled(policy).chains.values():
            assert all(re.search(r' comment "[^"]+"$', text) for text in chain.rules)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(host_policies(), st.data())
def test_packets_fare_as_the_policy_says(policy: HostPolicy, data: st.DataObject) -> None:
    """On every path, whatever mark a packet comes with."""
    rule_set = compiled(policy)
    evaluator = Evaluator(policy)
    for each in data.draw(st.lists(packets(policy), min_size=12, max_size=12)):
        verdict = evaluator.evaluate(each)
        denied = "reject" if verdict.answered else "drop"
        expected = "accept" if verdict.outcome is Outcome.ALLOW else denied
        for mark in (0, 0xFFFF_FFFF):
            assert walk(rule_set, each, mark) == expected, verdict


def test_other_interfaces_are_not_touched() -> None:
    rule_set = compiled(host_policy(("eth0",)))
    invalid = packet(state=ConnectionState.INVALID)
    assert walk(rule_set, invalid) == "drop"
    assert walk(rule_set, replace(invalid, interface="eth1")) == "accept"


@settings(max_examples=100, deadline=None)
@given(host_policies())
def test_all_that_is_there_is_referred_to(policy: HostPolicy) -> None:
    rule_set = compiled(policy)
    text = " ".join(text for chain in rule_set.chains.values() for text in chain.rules)
    text += " ".join(verdict for item in rule_set.maps.values() for verdict in item.elements.values())
    used = set(re.findall(r"(?:@|jump )(\S+)", re.sub(r'"[^"]*"', "", text)))
    names = {
        *rule_set.sets,
        *rule_set.maps,
        *(name for name, chain in rule_set.chains.items() if not chain.hook),
    }
    assert used == names


@settings(max_examples=50, deadline=None)
@given(st.lists(host_policies(), min_size=2, max_size=3))
def test_a_compiler_that_remembers_compiles_like_a_fresh_one(policies: list[HostPolicy]) -> None:
    compiler = Compiler()
    for policy in policies:
        result = compiler.compile(policy)
        assert result == compile_policy(policy)
        assert result.rule_set.text() == compiled(policy).text()
