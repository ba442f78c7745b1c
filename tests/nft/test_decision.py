from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace
from tests.nft.host_policies import host_policy, lists, policy_key, rule
from tests.nft.interpreter import walk
from tests.nft.long_lists import long_policy, packets_at_the_edges
from tests.nft.packets import packet

from catflap.model.resources import Action, PortRange
from catflap.nft.compile import Compiler, compile_policy
from catflap.nft.ruleset import INTERVAL, RuleSet
from catflap.nft.style import DEFAULT_STYLE, NO_LOOKUPS, RuleStyle
from catflap.policy.host_policy import HostPolicy, IpSet, MatchPeer, MatchRule, TierStep
from catflap.verdict.evaluate import Evaluator
from catflap.verdict.packet import Path
from catflap.verdict.result import Outcome

_EAGER = RuleStyle(rules=2, repetition=64)


def one_tier(*rules: MatchRule, sets: tuple[IpSet, ...] = ()) -> HostPolicy:
    key = policy_key("a")
    return host_policy(tiers=[TierStep("default", (key,))], rules=[lists(key, rules)], ip_sets=sets)


def allow(number: int, net: str, port: int, action: Action = Action.ALLOW) -> MatchRule:
    return rule(
        number,
        action,
        protocol=6,
        source=MatchPeer(nets=(net,)),
        destination=MatchPeer(ports=(PortRange(port, port),)),
    )


def compiled(policy: HostPolicy, style: RuleStyle = DEFAULT_STYLE) -> RuleSet:
    return compile_policy(policy, style).rule_set


def rules_met(rule_set: RuleSet) -> int:
    """The most rules that a chain of a tree has."""
    trees = [chain for name, chain in rule_set.chains.items() if name.startswith("match-") or "/ipv" in name]
    return max(len(chain.rules) for chain in trees)


@pytest.mark.parametrize("style", [RuleStyle(), _EAGER, RuleStyle(rules=0), RuleStyle(rules=4, repetition=2)])
@pytest.mark.parametrize("seed", range(8))
def test_a_tree_decides_like_its_list(seed: int, style: RuleStyle) -> None:
    random = Random(seed)
    policy = long_policy(random, random.choice([12, 30, 90]))
    rule_set, evaluator = compiled(policy, style), Evaluator(policy)
    for each in packets_at_the_edges(random, 80):
        for way in (each, replace(each, path=Path.OUT)):
            verdict = evaluator.evaluate(way)
            denied = "reject" if verdict.answered else "drop"
            assert walk(rule_set, way) == ("accept" if verdict.outcome is Outcome.ALLOW else denied), verdict


def test_nearly_all_of_these_lists_become_trees() -> None:
    maps = [compiled(long_policy(Random(seed), 90), _EAGER).maps for seed in range(8)]
    assert sum(len(found) > 2 for found in maps) >= 7  # those of interfaces are always there


@pytest.mark.parametrize("seed", range(6))
def test_a_compiler_that_remembers_grows_the_same_trees(seed: int) -> None:
    random = Random(seed)
    compiler = Compiler(_EAGER)
    policy = long_policy(random, 60)
    for _ in range(4):
        assert compiler.compile(policy) == compile_policy(policy, _EAGER)
        changed = random.choice(list(policy.policies))
        other = long_policy(random, 60).policies
        if changed in other:
            policy = replace(policy, policies={**policy.policies, changed: other[changed]})


def test_few_rules_are_written_as_they_are() -> None:
    policy = one_tier(*(allow(number, "10.0.0.0/8", 80 + number) for number in range(8)))
    assert compiled(policy) == compiled(policy, NO_LOOKUPS)


def test_without_look_ups_every_rule_is_a_line() -> None:
    policy = one_tier(*(allow(number, f"10.{number}.0.0/16", 80 + number) for number in range(50)))
    assert len(compiled(policy, NO_LOOKUPS).chains["policy-in-default/a"].rules) == 50


def test_a_packet_meets_few_of_many_rules_on_distinct_ports() -> None:
    policy = one_tier(*(allow(number, f"10.{number % 200}.0.0/16", 1000 + number) for number in range(500)))
    rule_set = compiled(policy)
    assert rules_met(rule_set) <= 3
    (services,) = (
        item for name, item in rule_set.maps.items() if name.startswith("services-tier-in-default")
    )
    assert len(services.elements) == 500


def test_networks_of_one_verdict_are_one_set() -> None:
    policy = one_tier(*(allow(number, f"10.{2 * number}.0.0/16", 443) for number in range(100)))
    rule_set = compiled(policy)
    assert rules_met(rule_set) <= 3
    assert [len(item.elements) for name, item in rule_set.sets.items() if name.startswith("nets4")] == [100]


def test_networks_of_different_verdicts_are_looked_up_in_a_map() -> None:
    actions = (Action.ALLOW, Action.DENY)
    rules = [allow(number, f"10.{2 * number}.0.0/16", 443, actions[number % 2]) for number in range(100)]
    rule_set = compiled(one_tier(*rules))
    assert rules_met(rule_set) <= 8
    (sources,) = (item for name, item in rule_set.maps.items() if name.startswith("match-sources4"))
    assert sources.flags == (INTERVAL,)
    assert sources.fixed
    for source, outcome in (("10.2.0.1", "drop"), ("10.4.0.1", "accept"), ("10.5.0.1", "drop")):
        assert walk(rule_set, packet(source, destination_port=443)) == outcome


def test_what_no_packet_gets_to_is_dropped() -> None:
    rules = [allow(number, "10.0.0.0/8", 80) for number in range(20)]
    rule_set = compiled(
        one_tier(*rules, rule(20, Action.DENY), *(allow(21 + n, "192.0.2.0/24", 99) for n in range(9)))
    )
    text = rule_set.text()
    assert "192.0.2.0/24" not in text
    assert text.count("10.0.0.0/8") == 1


def test_a_change_of_one_rule_changes_few_objects() -> None:
    rules = [allow(number, f"10.{number % 200}.0.0/16", 1000 + number) for number in range(500)]
    before = compiled(one_tier(*rules))
    rules[77] = replace(rules[77], source=MatchPeer(nets=("192.0.2.0/24",)))
    after = compiled(one_tier(*rules))
    assert len(after.chains.keys() - before.chains.keys()) == 1
    assert {name for name in after.chains if after.chains[name] != before.chains.get(name)} == (
        after.chains.keys() - before.chains.keys()
    )
    name = next(name for name in after.maps if name.startswith("services-tier-in"))
    changed = dict(after.maps[name].elements.items() - before.maps[name].elements.items())
    assert list(changed) == ["6 . 1077"]


def test_rules_are_not_repeated_without_end() -> None:
    """Any protocol, mixed verdicts, between rules of a thousand ports: a list of that kind stays a list."""
    rules = []
    for number in range(1000):
        rules.append(allow(2 * number, "10.0.0.0/8", 1000 + number, Action.DENY))
        rules.append(rule(2 * number + 1, source=MatchPeer(not_nets=(f"10.{number % 250}.0.0/16",))))
    rule_set = compiled(one_tier(*rules))
    assert sum(len(chain.rules) for chain in rule_set.chains.values()) < 16 * 2 * len(rules) + 100


def test_logging_keeps_its_place() -> None:
    rules = [allow(number, f"10.{number}.0.0/16", 80 + number) for number in range(20)]
    rules.insert(10, rule(99, Action.LOG, protocol=6))
    rule_set = compiled(one_tier(*rules))
    for service, log_first in (("6 . 85", False), ("6 . 95", True)):
        rules_of_service = rule_set.chains[_service_chain(rule_set, service)].rules
        assert len(rules_of_service) == 3
        assert "log prefix" in rules_of_service[0 if log_first else 1]


def _service_chain(rule_set: RuleSet, service: str) -> str:
    (services,) = (item for name, item in rule_set.maps.items() if name.endswith("ipv4") and "-in-" in name)
    return services.elements[service].removeprefix("goto ")


def test_a_rule_for_every_port_needs_no_chain() -> None:
    rules = [rule(n, protocol=6, destination=MatchPeer(ports=(PortRange(n + 1, n + 1),))) for n in range(30)]
    rule_set = compiled(one_tier(*rules))
    (services,) = (item for name, item in rule_set.maps.items() if name.endswith("ipv6") and "-in-" in name)
    assert set(services.elements.values()) == {"accept"}
    assert walk(rule_set, packet(destination_port=30)) == "accept"
    assert walk(rule_set, packet(destination_port=31)) == "drop"
