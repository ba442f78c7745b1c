"""What is in force on which interface, since when, and by which revision of the store.

It learns of every pass of enforcement at the moment when the kernel has it, and so must cost next to nothing: only
what changed is looked at. It never changes what is enforced.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

import msgspec

from catflap.agent.document import MAX_LISTED, MAX_TITLES, InterfaceReport, Titles, cut
from catflap.agent.shared_engine import Decision
from catflap.model import ResourceKey
from catflap.nft import Enforced
from catflap.policy import HostPolicy
from catflap.policy.endpoints import describe
from catflap.policy.host_policy import DirectionPolicy, InterfacePolicy, TierStep, WorkloadPolicy, is_pattern

Policed: TypeAlias = InterfacePolicy | WorkloadPolicy

ENFORCED: Final = "enforced"
KEPT: Final = "kept"
CLOSED: Final = "closed"
NOT_POLICED: Final = "not policed"
ABSENT: Final = "absent"


def utc_now() -> str:
    """This moment as reports write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Row(msgspec.Struct, frozen=True):
    """An interface's policy, the revision that it came with, and when."""

    policy: Policed
    revision: int
    since: str


class InForce:
    """What is in force. ``clock`` tells the time, for reports."""

    def __init__(self, clock: Callable[[], str] = utc_now) -> None:
        self._clock = clock
        self._rows: dict[str, _Row] = {}
        self._policy = HostPolicy()
        self._fates: Mapping[
            str, tuple[str, str]
        ] = {}  # of interfaces that are not enforced: state and reason
        self._endpoints: frozenset[ResourceKey] = frozenset()
        self.revision: int | None = None
        self.since: str | None = None
        self.entries: int | None = None
        self.notices: tuple[str, ...] = ()

    def take(self, decision: Decision, enforced: Enforced) -> None:
        """Learn of a pass that has just been made."""
        now = self._clock()
        fates = dict(_fates(enforced))
        if decision.policy is not self._policy or fates != self._fates:
            self._take_policy(decision.policy, fates, decision.revision, now)
        if decision.revision != self.revision:
            self.revision, self.since = decision.revision, now
        self.entries, self.notices = decision.entries, decision.notices
        self._endpoints = decision.endpoints

    def _take_policy(
        self, policy: HostPolicy, fates: Mapping[str, tuple[str, str]], revision: int, now: str
    ) -> None:
        old, changed = self._rows, _changed_lists(self._policy, policy)
        rows: dict[str, _Row] = {}
        policed: tuple[Policed, ...] = (*policy.interfaces, *policy.workloads)
        for item in policed:
            before = old.get(item.interface)
            kept = fates.get(item.interface, ("", ""))[0] == KEPT
            healed = item.interface in self._fates and item.interface not in fates
            same = before is not None and not healed and before.policy == item
            if before is not None and (kept or (same and changed.isdisjoint(_keys(item)))):
                rows[item.interface] = before
            else:
                rows[item.interface] = _Row(item, revision, now)
        self._rows, self._policy, self._fates = rows, policy, fates

    @property
    def total(self) -> int:
        """How many interfaces and patterns are policed, or should be."""
        return len(self._rows)

    @property
    def endpoints(self) -> frozenset[ResourceKey]:
        """The endpoints of this host."""
        return self._endpoints

    def reports(self, existing: Iterable[str]) -> Iterator[InterfaceReport]:
        """At most `MAX_LISTED` interfaces and what is in force on them, those that are not enforced first.

        Args:
            existing: the names of the interfaces that there are.
        """
        names = dict.fromkeys(sorted(existing))
        order = sorted(self._rows.values(), key=lambda row: row.policy.interface not in self._fates)
        for row in order[:MAX_LISTED]:
            yield self._report(row, names)

    def _report(self, row: _Row, existing: Collection[str]) -> InterfaceReport:
        item = row.policy
        present = is_pattern(item.interface) or item.interface in existing
        state, reason = self._fates.get(item.interface, (ENFORCED if present else ABSENT, None))
        host = item if isinstance(item, InterfacePolicy) else None
        return InterfaceReport(
            interface=cut(item.interface),
            endpoint=cut(describe(item.endpoint)),
            covers=tuple(self.covered(item.interface, existing)[:MAX_TITLES]),
            state=state,
            reason=reason,
            revision=row.revision,
            since=row.since,
            ingress=self._titles(item.ingress.tiers),
            egress=self._titles(item.egress.tiers),
            forward=self._titles((*host.forward_ingress, *host.forward_egress)) if host else Titles(),
            untracked=self._titles((*host.untracked_ingress, *host.untracked_egress)) if host else Titles(),
            pre_dnat=self._titles(host.pre_dnat) if host else Titles(),
            profiles=_profiles(item.ingress),
        )

    def covered(self, interface: str, existing: Iterable[str]) -> list[str]:
        """The existing interfaces that a pattern stands for; of a name, none."""
        if not is_pattern(interface):
            return []
        names = [each for each in existing if each not in self._rows and each != "lo"]
        for item in self._policy.interfaces:
            if item.is_pattern:
                found = [each for each in names if each.startswith(item.interface[:-1])]
                if item.interface == interface:
                    prefixes = self._policy.workload_prefixes
                    return [each for each in found if not each.startswith(prefixes)]
                names = [each for each in names if each not in found]
        return []

    def interfaces_by_endpoint(self) -> Mapping[ResourceKey, Sequence[str]]:
        """The interfaces and patterns of each endpoint that has any."""
        found: dict[ResourceKey, list[str]] = {}
        for name, row in self._rows.items():
            found.setdefault(row.policy.endpoint, []).append(name)
        return found

    def fails(self, interface: str) -> bool:
        """Whether what should be in force on an interface or pattern is not."""
        return interface in self._fates

    def without_interface(self, existing: Iterable[str]) -> Iterator[str]:
        """The host's endpoints that nothing belongs to: no interface that exists, and no pattern."""
        present = set(existing)
        covering = {
            row.policy.endpoint for name, row in self._rows.items() if name in present or is_pattern(name)
        }
        return (cut(describe(key)) for key in sorted(self._endpoints - covering))

    def _titles(self, tiers: Iterable[TierStep]) -> Titles:
        found = dict.fromkeys(
            self._policy.policies[key].title
            for tier in tiers
            for key in tier.policies
            if key in self._policy.policies
        )
        return _titles(found)


def _titles(names: Iterable[str]) -> Titles:
    found = list(names)
    return Titles(listed=tuple(map(cut, found[:MAX_TITLES])), more=max(0, len(found) - MAX_TITLES))


def _profiles(policy: DirectionPolicy) -> Titles:
    return _titles(step.name if step.key else f"{step.name} (does not exist)" for step in policy.profiles)


def _fates(enforced: Enforced) -> Iterator[tuple[str, tuple[str, str]]]:
    """The interfaces that are not enforced: state and reason."""
    for unsupported in enforced.unsupported:
        yield unsupported.name, (NOT_POLICED, cut(unsupported.reason))
    for refused in enforced.refused:
        reason = cut(f"nf_tables refuses {refused.object}: {refused.reason}")
        for name in refused.interfaces:
            yield name, (KEPT if refused.kept else CLOSED, reason)


def _changed_lists(old: HostPolicy, new: HostPolicy) -> set[ResourceKey]:
    """The policies and profiles whose rules are others now. What did not change is the same object."""
    return {
        key
        for before, after in ((old.policies, new.policies), (old.profiles, new.profiles))
        for key, lists in after.items()
        if lists is not before.get(key) and lists != before.get(key)
    }


def _keys(item: Policed) -> Iterator[ResourceKey]:
    for direction in (item.ingress, item.egress):
        for tier in direction.tiers:
            yield from tier.policies
        for step in direction.profiles:
            if step.key is not None:
                yield step.key
    if isinstance(item, InterfacePolicy):
        for tier in (
            *item.forward_ingress,
            *item.forward_egress,
            *item.untracked_ingress,
            *item.untracked_egress,
            *item.pre_dnat,
        ):
            yield from tier.policies
