"""Every metric: its name, type, labels and meaning.

The reference, the dashboard and the alerts are held to this table. Names, types and labels are promises: dashboards of
others ask for them. None has a label whose values a set or a member could make more of, and policies can do so just
where ``PolicyCounters`` says so. The library for metrics is not needed here, since it costs memory.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec


class Type(enum.StrEnum):
    """What Prometheus takes a metric for."""

    GAUGE = "gauge"
    COUNTER = "counter"  # the name in the table ends with _total, as it is served
    HISTOGRAM = "histogram"  # in seconds; served as _bucket, _sum and _count
    SUMMARY = "summary"  # without quantiles: served as _sum and _count
    UNTYPED = "untyped"  # an old name of a counter, without the ending that counters have


class Metric(msgspec.Struct, frozen=True):
    """One metric.

    Attributes:
        name: as it is served.
        type: see `Type`.
        help: one sentence, served as its help and printed in the reference.
        labels: names of its labels, in the order of their values.
    """

    name: str
    type: Type
    help: str
    labels: tuple[str, ...] = ()

    def served_names(self) -> tuple[str, ...]:
        """The names of its time series."""
        match self.type:
            case Type.HISTOGRAM:
                return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
            case Type.SUMMARY:
                return (f"{self.name}_sum", f"{self.name}_count")
            case _:
                return (self.name,)


_G, _C, _H, _S, _U = Type.GAUGE, Type.COUNTER, Type.HISTOGRAM, Type.SUMMARY, Type.UNTYPED

HEALTH: Final = (
    Metric("catflap_build_info", _G, "Always 1; the version of the agent is the label", ("version",)),
    Metric("catflap_ready", _G, "1 if the kernel holds what it should, as /readyz says; 0 if not"),
    Metric(
        "catflap_kernel_checked_age_seconds",
        _G,
        "Seconds since the kernel was compared with what it should hold and found right; -1 before the first time",
    ),
    Metric("catflap_interfaces_not_enforced", _G, "Interfaces whose policy the kernel refuses"),
    Metric(
        "catflap_interfaces_unsupported",
        _G,
        "Interfaces that cannot be policed, such as one with an odd name",
    ),
)

STORE: Final = (
    Metric("catflap_store_state", _G, "1 for the state in force, 0 for the others", ("state",)),
    Metric("catflap_store_staleness_seconds", _G, "Seconds since the store last proved itself alive"),
    Metric("catflap_store_revision_seen", _G, "Newest revision of the store heard of, whatever it concerns"),
    Metric("catflap_invalid_objects", _G, "Stored objects that are invalid, by kind", ("kind",)),
)

ENFORCEMENT: Final = (
    Metric("catflap_enforced_revision", _G, "Revision of the store that is enforced, 0 for none"),
    Metric(
        "catflap_enforced_revision_age_seconds",
        _G,
        "Seconds since the kernel was changed last to what policy says, 0 before the first time",
    ),
    Metric(
        "catflap_enforcement_behind_seconds",
        _G,
        "Seconds that the oldest known change has been waiting for the kernel, 0 if none is",
    ),
    Metric("catflap_event_to_kernel_seconds", _H, "From hearing of a change to the kernel enforcing it"),
    Metric(
        "catflap_passes_total",
        _C,
        "Passes of enforcement by result: changed, unchanged, partly_refused, failed",
        ("result",),
    ),
    Metric("catflap_last_pass_seconds", _G, "Seconds that the last pass of enforcement took"),
    Metric("catflap_transactions_total", _C, "Transactions of nftables that passes ran"),
    Metric(
        "catflap_kept_for_boot",
        _G,
        "1 if the rule set in force is on disk for the next boot, 0 if that failed",
    ),
)

TABLE: Final = (
    Metric("catflap_foreign_changes_total", _C, "Commits of other programs that changed table inet catflap"),
    Metric("catflap_foreign_war", _G, "1 while some program keeps changing table inet catflap"),
    Metric("catflap_repairs_total", _C, "Damage to table inet catflap that was undone, by kind", ("kind",)),
    Metric("catflap_chains", _G, "Chains in table inet catflap"),
    Metric("catflap_rules", _G, "Rules in table inet catflap"),
    Metric("catflap_sets", _G, "Sets and maps in table inet catflap, by kind: set, map", ("kind",)),
    Metric("catflap_set_members", _G, "Members of all sets and maps together, by kind: set, map", ("kind",)),
    Metric("catflap_largest_set_members", _G, "Members of the largest set"),
)

_DECIDED = ("reason", "policy", "direction", "rule")

POLICY: Final = (
    Metric(
        "catflap_policy_packets_total",
        _C,
        "Packets of new connections by what decided about them, with PolicyCounters=policy or rule",
        _DECIDED,
    ),
    Metric("catflap_policy_bytes_total", _C, "Bytes of these packets, with their IP headers", _DECIDED),
)

CONNECTIONS: Final = (
    Metric(
        "catflap_connections_ended_total",
        _C,
        "Existing connections ended because policy no longer allows them",
    ),
    Metric(
        "catflap_connections_unsure",
        _G,
        "Existing connections that the last check kept because nobody knows where they come from",
    ),
)

OLD: Final = (
    Metric("felix_resync_state", _G, "1 wait-for-ready, 2 resync, 3 in-sync (and stale)"),
    Metric("felix_resyncs_started", _U, "Snapshots of the store begun to be taken over"),
    Metric("felix_active_local_endpoints", _G, "Interfaces and workloads policed on this host"),
    Metric("felix_active_local_policies", _G, "Policies in force on this host"),
    Metric(
        "felix_active_local_selectors", _G, "Selectors, tags and network sets that rules in force refer to"
    ),
    Metric("felix_ipsets_calico", _G, "IP sets in force on this host"),
    Metric("felix_int_dataplane_apply_time_seconds", _S, "From policy to kernel, for passes that changed it"),
    Metric("felix_int_dataplane_failures", _U, "Passes of enforcement that failed"),
)

GROUPS: Final = {
    "Health": HEALTH,
    "Store": STORE,
    "Enforcement": ENFORCEMENT,
    "The table in the kernel": TABLE,
    "Policy": POLICY,
    "Existing connections": CONNECTIONS,
    "Names of the old system": OLD,
}

METRICS: Final = {metric.name: metric for group in GROUPS.values() for metric in group}


def reference() -> str:
    """The tables of the reference, as Markdown."""
    return "\n".join(f"## {title}\n\n{_table(group)}" for title, group in GROUPS.items())


def _table(group: tuple[Metric, ...]) -> str:
    rows = "".join(f"| `{item.name}{_labels(item)}` | {item.type} | {item.help} |\n" for item in group)
    return f"| metric | type | meaning |\n|---|---|---|\n{rows}"


def _labels(metric: Metric) -> str:
    return "{" + ",".join(f'{label}="…"' for label in metric.labels) + "}" if metric.labels else ""
