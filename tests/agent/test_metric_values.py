from __future__ import annotations

from collections.abc import Iterable

from catflap.agent.health import Health
from catflap.agent.histogram import Distribution
from catflap.agent.metric_table import METRICS, Type
from catflap.agent.metric_values import (
    RuleSetSamples,
    Sample,
    health_samples,
    pass_samples,
    repair_samples,
    status_samples,
)
from catflap.agent.passes import Passes
from catflap.agent.policy_metrics import policy_samples
from catflap.agent.status import AgentStatus, ConnectionsStatus, KeptStatus, State, StoreStatus
from catflap.model.resources import Direction
from catflap.nft import Counted, CounterValue, DamageKind, Enforced, RuleSet, compile_policy
from catflap.nft.ruleset import Chain, NftSet, VerdictMap
from catflap.policy import HostPolicy
from catflap.policy.host_policy import IpSet

STALE = AgentStatus(
    StoreStatus(State.STALE, 17.5, 12, 2.5, "lost"),
    11,
    3,
    2,
    ("eth0", "eth1"),
    connections=ConnectionsStatus(1, 5, 6),
    invalid_kinds={"Tier": 2, "unreadable": 1},
)
FRESH = AgentStatus(
    StoreStatus(State.WAIT_FOR_READY, 1, None, 1, None), None, 0, 0, kept=KeptStatus(problem="full")
)
HEALTH = Health(
    alive=True,
    ready=True,
    problems=(),
    remarks=(),
    store_state="in-sync",
    revision_enforced=11,
    kernel_checked_seconds_ago=1.5,
)
RULES = RuleSet(
    sets={
        "s": NftSet("s", "ipv4_addr", elements=frozenset({"10.0.0.1", "10.0.0.2"})),
        "t": NftSet("t", "ipv4_addr", elements=frozenset({"10.0.0.3"})),
    },
    maps={"m": VerdictMap("m", "ifname", elements={'"eth0"': "drop"})},
    chains={"a": Chain("a", ("drop", "accept")), "b": Chain("b", ("drop",))},
)


def values(samples: Iterable[Sample]) -> dict[object, object]:
    return {(item.name, *item.labels) if item.labels else item.name: item.value for item in samples}


def every_sample() -> list[Sample]:
    passes = Passes()
    return [
        *health_samples(HEALTH),
        *status_samples(STALE),
        *pass_samples(passes),
        *repair_samples(dict.fromkeys(DamageKind, 0), 0, at_war=False),
        *RuleSetSamples().of(RULES),
        *policy_samples(lambda: {Counted("NO_MATCH_DENY", Direction.EGRESS): CounterValue()}),
    ]


def test_every_metric_of_the_table_has_values_and_nothing_else_has() -> None:
    samples = every_sample()
    assert {sample.name for sample in samples} == METRICS.keys()
    assert len({(sample.name, sample.labels) for sample in samples}) == len(samples)


def test_values_and_labels_are_as_the_table_says() -> None:
    for sample in every_sample():
        metric = METRICS[sample.name]
        assert len(sample.labels) == len(metric.labels)
        assert isinstance(sample.value, Distribution) == (metric.type in (Type.HISTOGRAM, Type.SUMMARY))


def test_there_are_few_series_whatever_the_policy() -> None:
    assert len(every_sample()) < 100


def test_the_status_is_told() -> None:
    assert values(status_samples(STALE)) == {
        ("catflap_store_state", "wait-for-ready"): 0,
        ("catflap_store_state", "resync"): 0,
        ("catflap_store_state", "in-sync"): 0,
        ("catflap_store_state", "stale"): 1,
        "catflap_store_staleness_seconds": 17.5,
        "catflap_store_revision_seen": 12,
        ("catflap_invalid_objects", "Tier"): 2,
        ("catflap_invalid_objects", "unreadable"): 1,
        "catflap_enforced_revision": 11,
        "catflap_interfaces_not_enforced": 2,
        "catflap_kept_for_boot": 1,
        "catflap_connections_ended_total": 5,
        "catflap_connections_unsure": 6,
        "felix_resync_state": 3,
        "felix_resyncs_started": 2,
    }
    fresh = values(status_samples(FRESH))
    assert (fresh["felix_resync_state"], fresh["catflap_enforced_revision"]) == (1, 0)
    assert (fresh["catflap_store_revision_seen"], fresh["catflap_kept_for_boot"]) == (0, 0)


def test_the_judgement_is_told() -> None:
    told = values(health_samples(HEALTH))
    assert (told["catflap_ready"], told["catflap_kernel_checked_age_seconds"]) == (1, 1.5)


def test_the_passes_are_told() -> None:
    passes = Passes(lambda: 100.0)
    policy = HostPolicy(ip_sets={"s": IpSet("s", "all()", frozenset({"10.0.0.1"}))})
    passes.requested(98.0)
    passes.succeeded(policy, Enforced(2, 0.5, rule_set=compile_policy(policy).rule_set), passes.begun())
    passes.failed("no", passes.begun())
    told = values(pass_samples(passes))
    assert told["catflap_transactions_total"] == 2
    assert told["catflap_passes_total", "changed"] == told["catflap_passes_total", "failed"] == 1
    assert told["felix_int_dataplane_failures"] == told["felix_active_local_selectors"] == 1
    to_kernel, apply = (
        told["catflap_event_to_kernel_seconds"],
        told["felix_int_dataplane_apply_time_seconds"],
    )
    assert isinstance(to_kernel, Distribution)
    assert isinstance(apply, Distribution)
    assert (to_kernel.total, apply.total) == (2.0, 0.5)


def test_repairs_are_told_by_kind() -> None:
    repairs = {**dict.fromkeys(DamageKind, 0), DamageKind.CHAIN_RULES: 4}
    told = values(repair_samples(repairs, 3, at_war=True))
    assert told["catflap_repairs_total", "chain_rules"] == 4
    assert told["catflap_repairs_total", "table_deleted"] == 0
    assert (told["catflap_foreign_changes_total"], told["catflap_foreign_war"]) == (3, 1)


def test_the_sizes_of_the_rule_set_are_told_and_counted_once() -> None:
    samples = RuleSetSamples()
    told = samples.of(RULES)
    assert values(told) == {
        "catflap_chains": 2,
        "catflap_rules": 3,
        ("catflap_sets", "set"): 2,
        ("catflap_sets", "map"): 1,
        ("catflap_set_members", "set"): 3,
        ("catflap_set_members", "map"): 1,
        "catflap_largest_set_members": 2,
        "felix_ipsets_calico": 2,
    }
    assert samples.of(RULES) is told
    assert values(samples.of(RuleSet()))["catflap_chains"] == 0
