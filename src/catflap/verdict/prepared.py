"""A `HostPolicy` made ready for walking: networks parsed, rules as clauses, keys replaced by what they stand for.

It changes no meaning. It is made once for a policy, and every packet walks the same one.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from catflap.model.resources import Action, Direction, ResourceKey
from catflap.policy.host_policy import (
    LOOPBACK,
    DirectionPolicy,
    HostPolicy,
    InterfacePolicy,
    RuleLists,
    TierStep,
    WorkloadPolicy,
    is_pattern,
)
from catflap.verdict.fixed import FailsafeLists
from catflap.verdict.match import Rule, Sets, prepare_rule
from catflap.verdict.networks import Networks


class RuleList(msgspec.Struct, frozen=True):
    """The rules of a policy or profile for one direction."""

    key: ResourceKey
    title: str
    rules: tuple[Rule, ...]


class Tier(msgspec.Struct, frozen=True):
    """A tier with the policies of one direction."""

    name: str
    policies: tuple[RuleList, ...]
    default_action: Action


class Profile(msgspec.Struct, frozen=True):
    """A profile that an endpoint names; without rules where there is none of that name."""

    name: str
    rules: RuleList | None


class Side(msgspec.Struct, frozen=True):
    """What decides about new connections in one direction."""

    tiers: tuple[Tier, ...]
    profiles: tuple[Profile, ...]


class HostInterface(msgspec.Struct, frozen=True):
    """An interface, or a pattern of names, that a host endpoint polices."""

    name: str
    endpoint: ResourceKey
    ingress: Side
    egress: Side
    forward_ingress: tuple[Tier, ...]
    forward_egress: tuple[Tier, ...]
    untracked_ingress: tuple[Tier, ...]
    untracked_egress: tuple[Tier, ...]
    pre_dnat: tuple[Tier, ...]


class Workload(msgspec.Struct, frozen=True):
    """A workload's interface, and the addresses that it may send from."""

    name: str
    endpoint: ResourceKey
    ingress: Side
    egress: Side
    mac: str | None
    sources: Networks


class Host:
    """All of a host policy, with the answer to the question which endpoint polices an interface."""

    def __init__(self, policy: HostPolicy) -> None:
        rules = _RuleTable(policy)
        interfaces = [rules.host_interface(interface) for interface in policy.interfaces]
        self._exact = {item.name: item for item in interfaces if not is_pattern(item.name)}
        self._patterns = tuple((item.name[:-1], item) for item in interfaces if is_pattern(item.name))
        self._prefixes = policy.workload_prefixes
        self._workloads = {workload.interface: rules.workload(workload) for workload in policy.workloads}
        self.failsafe = FailsafeLists(policy.failsafe)
        self.workload_to_host = policy.workload_to_host

    def is_workload(self, interface: str) -> bool:
        """Whether an interface is a workload's by its name, known or not."""
        return interface.startswith(self._prefixes)  # [interface-workload]

    def workload(self, interface: str) -> Workload | None:
        """The workload on an interface, if it is known."""
        return self._workloads.get(interface) if self.is_workload(interface) else None

    def interface(self, name: str) -> HostInterface | None:
        """What polices the host's own traffic on an interface that is no workload's."""
        if name in self._exact:
            return self._exact[name]  # [interface-exact]
        if name == LOOPBACK:
            return None  # [interface-loopback]
        for prefix, item in self._patterns:  # [interface-pattern]
            if name.startswith(prefix):
                return item
        return None  # [interface-none]

    def forwarding_interface(self, name: str) -> HostInterface | None:
        """What polices forwarded traffic on any interface: on those of workloads only ``*``."""
        if not self.is_workload(name):
            return self.interface(name)
        for prefix, item in self._patterns:  # [interface-star]
            if not prefix:
                return item
        return None


class _RuleTable:
    """Every policy and profile, prepared once for each direction."""

    def __init__(self, policy: HostPolicy) -> None:
        sets = Sets(policy)
        self._lists = {
            (lists.key, direction): _prepare(lists, direction, sets)
            for table in (policy.policies, policy.profiles)
            for lists in table.values()
            for direction in Direction
        }

    def host_interface(self, interface: InterfacePolicy) -> HostInterface:
        return HostInterface(
            name=interface.interface,
            endpoint=interface.endpoint,
            ingress=self._side(interface.ingress, Direction.INGRESS),
            egress=self._side(interface.egress, Direction.EGRESS),
            forward_ingress=self._tiers(interface.forward_ingress, Direction.INGRESS),
            forward_egress=self._tiers(interface.forward_egress, Direction.EGRESS),
            untracked_ingress=self._tiers(interface.untracked_ingress, Direction.INGRESS),
            untracked_egress=self._tiers(interface.untracked_egress, Direction.EGRESS),
            pre_dnat=self._tiers(interface.pre_dnat, Direction.INGRESS),
        )

    def workload(self, workload: WorkloadPolicy) -> Workload:
        return Workload(
            name=workload.interface,
            endpoint=workload.endpoint,
            ingress=self._side(workload.ingress, Direction.INGRESS),
            egress=self._side(workload.egress, Direction.EGRESS),
            mac=workload.mac,
            sources=Networks((*workload.addresses, *workload.spoofable_nets)),
        )

    def _side(self, policy: DirectionPolicy, direction: Direction) -> Side:
        profiles = tuple(
            Profile(step.name, None if step.key is None else self._lists[step.key, direction])
            for step in policy.profiles
        )
        return Side(self._tiers(policy.tiers, direction), profiles)

    def _tiers(self, steps: Iterable[TierStep], direction: Direction) -> tuple[Tier, ...]:
        return tuple(
            Tier(step.name, tuple(self._lists[key, direction] for key in step.policies), step.default_action)
            for step in steps
        )


def _prepare(lists: RuleLists, direction: Direction, sets: Sets) -> RuleList:
    return RuleList(
        lists.key, lists.title, tuple(prepare_rule(rule, sets) for rule in lists.rules(direction))
    )
