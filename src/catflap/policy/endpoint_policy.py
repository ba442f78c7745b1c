"""What the policies that apply to one endpoint make of its interface: the lists that decide, in order.

Each policy is in the lists that its kind and its directions say and in no others. Who polices the interface and which
policies apply is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from catflap.model.resources import Direction, Policy, PolicyKind, ResourceKey, WorkloadEndpoint
from catflap.policy.host_policy import (
    DirectionPolicy,
    InterfacePolicy,
    ProfileStep,
    TierStep,
    WorkloadPolicy,
)
from catflap.policy.tiers import TierGroup, tier_steps

INGRESS, EGRESS = Direction.INGRESS, Direction.EGRESS


def interface_policy(
    interface: str, key: ResourceKey, groups: Sequence[TierGroup], profiles: tuple[ProfileStep, ...]
) -> InterfacePolicy:
    """All lists of a host endpoint on one of its interfaces."""
    return InterfacePolicy(
        interface=interface,
        endpoint=key,
        ingress=DirectionPolicy(tier_steps(groups, _list(PolicyKind.NORMAL, INGRESS)), profiles),
        egress=DirectionPolicy(tier_steps(groups, _list(PolicyKind.NORMAL, EGRESS)), profiles),
        forward_ingress=tier_steps(groups, _forward_list(INGRESS)),
        forward_egress=tier_steps(groups, _forward_list(EGRESS)),
        untracked_ingress=tier_steps(groups, _list(PolicyKind.UNTRACKED, INGRESS)),
        untracked_egress=tier_steps(groups, _list(PolicyKind.UNTRACKED, EGRESS)),
        pre_dnat=tier_steps(groups, _list(PolicyKind.PRE_DNAT, INGRESS)),
    )


def workload_policy(
    endpoint: WorkloadEndpoint,
    key: ResourceKey,
    groups: Sequence[TierGroup],
    profiles: tuple[ProfileStep, ...],
) -> WorkloadPolicy:
    """The two lists of a workload: the other kinds of policy are for host endpoints only."""
    return WorkloadPolicy(
        interface=endpoint.interface_name,
        endpoint=key,
        ingress=DirectionPolicy(tier_steps(groups, _list(PolicyKind.NORMAL, INGRESS)), profiles),
        egress=DirectionPolicy(tier_steps(groups, _list(PolicyKind.NORMAL, EGRESS)), profiles),
        mac=endpoint.mac,
        addresses=endpoint.addresses,
        spoofable_nets=endpoint.spoofable_nets,
        gateway6=endpoint.gateway6,
    )


def _list(kind: PolicyKind, direction: Direction) -> Callable[[Policy], bool]:
    return lambda policy: policy.kind is kind and direction in policy.types


def _forward_list(direction: Direction) -> Callable[[Policy], bool]:
    normal = _list(PolicyKind.NORMAL, direction)
    return lambda policy: policy.apply_on_forward and normal(policy)


def policy_keys(policed: Iterable[InterfacePolicy | WorkloadPolicy]) -> set[ResourceKey]:
    """The policies that stand in any list."""
    return {key for item in policed for step in _steps(item) for key in step.policies}


def _steps(item: InterfacePolicy | WorkloadPolicy) -> Iterator[TierStep]:
    yield from item.ingress.tiers
    yield from item.egress.tiers
    if isinstance(item, InterfacePolicy):
        yield from item.forward_ingress
        yield from item.forward_egress
        yield from item.untracked_ingress
        yield from item.untracked_egress
        yield from item.pre_dnat


def profile_keys(policed: Iterable[InterfacePolicy | WorkloadPolicy]) -> set[ResourceKey]:
    """The profiles with rules that any endpoint names."""
    return {step.key for item in policed for step in item.ingress.profiles if step.key is not None}
