"""What is enforced on interfaces whose policy the kernel refuses: the last confirmed state, or else closed.

Closed is an endpoint without policy or profile: established connections, failsafe ports and essential ICMPv6 go on, and
nothing new is let through. Never less strict than what was asked for, never a mixture of two states of one endpoint.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TypeAlias, TypeVar

from msgspec.structs import replace

from catflap.model.resources import ResourceKey
from catflap.policy.host_policy import (
    DirectionPolicy,
    HostPolicy,
    InterfacePolicy,
    IpSet,
    PortSet,
    RuleLists,
    TierStep,
    WorkloadPolicy,
)

_Policed: TypeAlias = InterfacePolicy | WorkloadPolicy
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

_NOTHING = DirectionPolicy()
_DENY = (TierStep("not-enforced", ()),)


def closed(policy: HostPolicy, interfaces: Collection[str]) -> HostPolicy:
    """The policy with nothing new let through on some interfaces."""
    return replace(
        policy,
        interfaces=tuple(
            _closed(item) if item.interface in interfaces else item for item in policy.interfaces
        ),
        workloads=tuple(
            replace(item, ingress=_NOTHING, egress=_NOTHING) if item.interface in interfaces else item
            for item in policy.workloads
        ),
    )


def _closed(item: InterfacePolicy) -> InterfacePolicy:
    """What earlier hooks would have denied to forwarded packets, too, has to be denied later."""
    forward = item.forward_ingress or item.pre_dnat or item.untracked_ingress
    return InterfacePolicy(
        item.interface,
        item.endpoint,
        _NOTHING,
        _NOTHING,
        forward_ingress=_DENY if forward else (),
        forward_egress=_DENY if item.forward_egress else (),
    )


def kept(
    policy: HostPolicy, last: HostPolicy, interfaces: Collection[str]
) -> tuple[HostPolicy, frozenset[str]] | None:
    """The policy with some interfaces as they were last, and which of them: those that were policed by then.

    None where that cannot stand: none was, or the old policy needs an object in a state in which others must not meet
    it any more.
    """
    old = [item for item in _policed(last) if item.interface in interfaces]
    staying = frozenset(item.interface for item in old)
    others = [item for item in _policed(policy) if item.interface not in staying]
    here, there = _Used(last, old), _Used(policy, others)
    if not old or policy.accept_mark != last.accept_mark or here.contradicts(there):
        return None
    interfaces_before = {item.interface: item for item in last.interfaces if item.interface in staying}
    workloads_before = {item.interface: item for item in last.workloads if item.interface in staying}
    return replace(
        policy,
        interfaces=tuple(interfaces_before.get(item.interface, item) for item in policy.interfaces),
        workloads=tuple(workloads_before.get(item.interface, item) for item in policy.workloads),
        policies={**here.policies, **there.policies},
        profiles={**here.profiles, **there.profiles},
        ip_sets={**here.ip_sets, **there.ip_sets},
        port_sets={**here.port_sets, **there.port_sets},
    ), staying


def _policed(policy: HostPolicy) -> Iterator[_Policed]:
    yield from policy.interfaces
    yield from policy.workloads


class _Used:
    """What the policy of some interfaces consists of."""

    def __init__(self, policy: HostPolicy, items: list[_Policed]) -> None:
        tiers = {tier for item in items for tier in _tiers(item)}
        steps = {step for item in items for step in (*item.ingress.profiles, *item.egress.profiles)}
        self.policies: dict[ResourceKey, RuleLists] = {
            key: policy.policies[key] for tier in tiers for key in tier.policies
        }
        self.profiles: dict[ResourceKey, RuleLists] = {
            step.key: policy.profiles[step.key] for step in steps if step.key is not None
        }
        peers = [
            peer
            for lists in (*self.policies.values(), *self.profiles.values())
            for rule in (*lists.ingress, *lists.egress)
            for peer in (rule.source, rule.destination)
        ]
        self.ip_sets: dict[str, IpSet] = {
            name: policy.ip_sets[name] for peer in peers for name in (*peer.ip_sets, *peer.not_ip_sets)
        }
        self.port_sets: dict[str, PortSet] = {
            name: policy.port_sets[name] for peer in peers for name in (*peer.port_sets, *peer.not_port_sets)
        }

    def contradicts(self, other: _Used) -> bool:
        """Whether the two differ in something that both consist of."""
        return (
            _differ(self.policies, other.policies)
            or _differ(self.profiles, other.profiles)
            or _differ(self.ip_sets, other.ip_sets)
            or _differ(self.port_sets, other.port_sets)
        )


def _tiers(item: _Policed) -> Iterator[TierStep]:
    yield from (*item.ingress.tiers, *item.egress.tiers)
    if isinstance(item, InterfacePolicy):
        yield from (*item.forward_ingress, *item.forward_egress, *item.pre_dnat)
        yield from (*item.untracked_ingress, *item.untracked_egress)


def _differ(some: Mapping[_Key, _Value], others: Mapping[_Key, _Value]) -> bool:
    return any(others.get(key, value) != value for key, value in some.items())
