"""The values of the metrics, read whenever somebody fetches them; what each one means stands in `metric_table`.

Everything is read from values that are replaced and never changed, by the thread that answers: nobody who enforces
waits for it. A further source of samples is one more function like these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import catflap
from catflap.agent.health import Health
from catflap.agent.histogram import Distribution
from catflap.agent.passes import Passes, Result
from catflap.agent.status import AgentStatus, State
from catflap.nft import DamageKind, RuleSet

# The old system's numbers; it knew no staleness, and stayed in sync when it lost its store.
RESYNC_STATES: Final = {State.WAIT_FOR_READY: 1, State.RESYNC: 2, State.IN_SYNC: 3, State.STALE: 3}


class Sample(NamedTuple):
    """A value of the metric ``name``; ``labels`` are the values of its labels, in the order of the table."""

    name: str
    value: float | Distribution
    labels: tuple[str, ...] = ()


def status_samples(status: AgentStatus) -> Iterator[Sample]:
    """How the agent stands."""
    store = status.store
    for state in State:
        yield Sample("catflap_store_state", float(state is store.state), (state,))
    yield Sample("catflap_store_staleness_seconds", store.seconds_since_alive)
    yield Sample("catflap_store_revision_seen", store.revision_seen or 0)
    for kind, number in status.invalid_kinds.items():
        yield Sample("catflap_invalid_objects", number, (kind,))
    yield Sample("catflap_enforced_revision", status.revision_enforced or 0)
    yield Sample("catflap_interfaces_not_enforced", len(status.not_enforced))
    yield Sample("catflap_kept_for_boot", float(status.kept.problem is None))
    yield Sample("catflap_connections_ended_total", status.connections.ended)
    yield Sample("catflap_connections_unsure", status.connections.unsure)
    yield Sample("felix_resync_state", RESYNC_STATES[store.state])
    yield Sample("felix_resyncs_started", status.resyncs)


def health_samples(health: Health) -> Iterator[Sample]:
    """The judgement, as far as it is known without looking at the kernel now."""
    checked = health.kernel_checked_seconds_ago
    yield Sample("catflap_build_info", 1, (catflap.__version__,))
    yield Sample("catflap_ready", float(health.ready))
    yield Sample("catflap_kernel_checked_age_seconds", -1 if checked is None else checked)


def pass_samples(passes: Passes) -> Iterator[Sample]:
    """What the passes of enforcement have come to."""
    yield Sample("catflap_interfaces_unsupported", len(passes.unsupported))
    yield Sample("catflap_enforced_revision_age_seconds", passes.in_force_seconds)
    yield Sample("catflap_enforcement_behind_seconds", passes.behind)
    yield Sample("catflap_event_to_kernel_seconds", passes.to_kernel.distribution)
    for result, number in passes.results.items():
        yield Sample("catflap_passes_total", number, (result,))
    yield Sample("catflap_last_pass_seconds", passes.last_seconds)
    yield Sample("catflap_transactions_total", passes.transactions)
    yield Sample("felix_int_dataplane_apply_time_seconds", passes.programming.distribution)
    yield Sample("felix_int_dataplane_failures", passes.results[Result.FAILED])
    policy = passes.policy
    interfaces = len(policy.interfaces) + len(policy.workloads) if policy else 0
    yield Sample("felix_active_local_endpoints", interfaces)
    yield Sample("felix_active_local_policies", len(policy.policies) if policy else 0)
    yield Sample("felix_active_local_selectors", len(policy.ip_sets) if policy else 0)


def repair_samples(
    repairs: Mapping[DamageKind, int], foreign_changes: int, *, at_war: bool
) -> Iterator[Sample]:
    """What others did to the table, and what was undone."""
    yield Sample("catflap_foreign_changes_total", foreign_changes)
    yield Sample("catflap_foreign_war", float(at_war))
    for kind, number in repairs.items():
        yield Sample("catflap_repairs_total", number, (kind,))


class RuleSetSamples:
    """How large the rule set in force is; counted once for each."""

    def __init__(self) -> None:
        self._counted = RuleSet()
        self._samples = _rule_set_samples(self._counted)

    def of(self, rule_set: RuleSet) -> tuple[Sample, ...]:
        """The samples of the rule set in force."""
        if rule_set is not self._counted:
            self._samples, self._counted = _rule_set_samples(rule_set), rule_set
        return self._samples


def _rule_set_samples(rule_set: RuleSet) -> tuple[Sample, ...]:
    sets = [len(item.elements) for item in rule_set.sets.values()]
    maps = [len(item.elements) for item in rule_set.maps.values()]
    return (
        Sample("catflap_chains", len(rule_set.chains)),
        Sample("catflap_rules", sum(len(chain.rules) for chain in rule_set.chains.values())),
        Sample("catflap_sets", len(sets), ("set",)),
        Sample("catflap_sets", len(maps), ("map",)),
        Sample("catflap_set_members", sum(sets), ("set",)),
        Sample("catflap_set_members", sum(maps), ("map",)),
        Sample("catflap_largest_set_members", max(sets, default=0)),
        Sample("felix_ipsets_calico", len(sets)),
    )
