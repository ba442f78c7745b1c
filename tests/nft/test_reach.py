from __future__ import annotations

from msgspec.structs import replace

from catflap.nft.compile import compile_policy
from catflap.nft.reach import interfaces_that_meet
from catflap.nft.ruleset import Chain, Hook, RuleSet, VerdictMap
from catflap.policy.host_policy import DirectionPolicy, IpSet, MatchPeer, TierStep

from .host_policies import complete, host_policy, lists, policy_key, rule, workload

_A, _B = policy_key("a"), policy_key("b")


def test_those_whose_policy_refers_to_it() -> None:
    base = host_policy(("eth0", "eth*"), [TierStep("default", (_A,))], rules=[lists(_A, [rule()])])
    other = workload("cali1", ingress=DirectionPolicy((TierStep("default", (_B,)),)))
    rules = [lists(_A, [rule()]), lists(_B, [rule(source=MatchPeer(ip_sets=("s",)))])]
    policy = complete(
        replace(base, workloads=(other,), ip_sets={"s": IpSet("s", "", frozenset({"10.0.0.1"}))}), rules
    )
    rule_set = compile_policy(policy).rule_set
    names = ["eth0", "eth*", "cali1"]
    assert interfaces_that_meet(rule_set, names, {"addresses4-s"}) == ["cali1"]
    assert interfaces_that_meet(rule_set, names, {"policy-in-default/a"}) == ["eth0", "eth*"]
    assert interfaces_that_meet(rule_set, names, {"failsafe-in"}) == ["eth0", "eth*"]
    assert interfaces_that_meet(rule_set, names, {"unknown"}) == []


def test_ways_through_maps_and_no_words_in_comments() -> None:
    rule_set = RuleSet(
        {},
        {
            "ingress_interfaces": VerdictMap("ingress_interfaces", "ifname", {"eth0": "goto shared"}),
            "ports": VerdictMap("ports", "inet_service", {"80": "jump web"}),
        },
        {
            "input": Chain("input", ("iifname vmap @ingress_interfaces",), Hook("input", -5)),
            "shared": Chain("shared", ("tcp dport vmap @ports", 'drop comment "jump hidden @hidden"')),
            "web": Chain("web", ("goto shared",)),
        },
    )
    assert interfaces_that_meet(rule_set, ["eth0", "eth1"], {"web"}) == ["eth0"]
    assert interfaces_that_meet(rule_set, ["eth0"], {"hidden"}) == []
