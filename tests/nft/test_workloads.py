from __future__ import annotations

from tests.nft.host_policies import workload

from catflap.model.resources import Action
from catflap.nft.memo import Memo
from catflap.nft.shared import SharedChains
from catflap.nft.workloads import WorkloadRules
from catflap.policy.host_policy import HostPolicy, WorkloadPolicy


def shared_chains() -> SharedChains:
    memo = Memo()
    memo.begin(HostPolicy())
    return SharedChains(HostPolicy(), memo)


def without_comments(rules: list[str]) -> list[str]:
    return [rule.split(" comment ")[0] for rule in rules]


def source(item: WorkloadPolicy, *first: str) -> list[str]:
    return without_comments(WorkloadRules(shared_chains(), Action.DENY, first).source(item))


def to_host(action: Action) -> list[str]:
    shared = shared_chains()
    assert WorkloadRules(shared, action).to_host() == "goto workload-to-host"
    return without_comments(list(shared.take_new()[0].rules))


def test_a_workload_sends_from_its_own_addresses_only() -> None:
    assert source(workload("cali1", addresses=("10.65.0.2", "fd00::2"))) == [
        "ip saddr 10.65.0.2 accept",
        "ip6 saddr fd00::2 accept",
        "jump workload-sources",
        "drop",
    ]


def test_several_addresses_and_networks_are_one_set() -> None:
    shared = shared_chains()
    item = workload("cali1", addresses=("10.65.0.2",), spoofable_nets=("10.66.0.0/24",))
    WorkloadRules(shared, Action.DENY).source(item)
    (found,) = shared.needs.values.values()
    assert found.elements == {"10.65.0.2", "10.66.0.0/24"}


def test_without_addresses_only_those_of_every_workload_remain() -> None:
    assert source(workload("cali1")) == ["jump workload-sources", "drop"]


def test_everything_may_be_spoofed_where_it_says_so() -> None:
    assert source(workload("cali1", spoofable_nets=("0.0.0.0/0",)))[0] == "meta nfproto ipv4 accept"


def test_the_mac_is_looked_at_where_it_is_known_and_before_addresses() -> None:
    item = workload("cali1", mac="02:00:00:00:00:01", addresses=("10.65.0.2",))
    assert source(item)[:2] == ["ether saddr != 02:00:00:00:00:01 drop", "ip saddr 10.65.0.2 accept"]


def test_the_first_rules_are_first() -> None:
    item = workload("cali1", mac="02:00:00:00:00:01")
    assert source(item, "clear")[0] == "clear"


def test_established_is_accepted_and_invalid_dropped_before_a_workloads_policy() -> None:
    rules = WorkloadRules(shared_chains(), Action.DENY)
    for stage in (rules.egress, rules.ingress):
        assert without_comments(stage(workload("cali1"))) == [
            "ct state established,related accept",
            "ct state invalid drop",
            "drop",
        ]


def test_workloads_reach_the_services_that_they_need_and_nothing_else_of_the_host() -> None:
    assert to_host(Action.DENY) == [
        "ct state established,related accept",
        "jump workload-services",
        "ct state invalid drop",
        "drop",
    ]


def test_where_they_may_reach_the_host_their_own_policy_decides() -> None:
    assert to_host(Action.ALLOW)[-2:] == ["iifname vmap @workload_senders", "drop"]
