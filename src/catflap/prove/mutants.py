"""Wrong policies, to prove that the proof can fail: each is a mistake that a compiler could make.

A mutant is what the kernel is given in place of the policy that the evaluator reads. A prover that does not find it
within some series of worlds would not find that mistake in a compiler either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from catflap.model.resources import MAX_PORT, Action, PortRange
from catflap.policy import HostPolicy
from catflap.policy.host_policy import (
    DirectionPolicy,
    InterfacePolicy,
    MatchPeer,
    MatchRule,
    RuleLists,
    TierStep,
)

Mutant: TypeAlias = Callable[[HostPolicy], HostPolicy]

_SWAPPED: Final = {Action.ALLOW: Action.DENY, Action.DENY: Action.ALLOW}


def _rules(change: Callable[[MatchRule], MatchRule]) -> Mutant:
    """Change every rule."""

    def lists(found: RuleLists) -> RuleLists:
        return replace(
            found, ingress=tuple(map(change, found.ingress)), egress=tuple(map(change, found.egress))
        )

    return lambda policy: replace(
        policy,
        policies={key: lists(found) for key, found in policy.policies.items()},
        profiles={key: lists(found) for key, found in policy.profiles.items()},
    )


def _without(*fields: str) -> Mutant:
    """Rules that forget fields."""
    return _rules(lambda rule: replace(rule, **dict.fromkeys(fields)))


def _peers(change: Callable[[MatchPeer], MatchPeer]) -> Mutant:
    """Change both ends of every rule."""
    return _rules(
        lambda rule: replace(rule, source=change(rule.source), destination=change(rule.destination))
    )


def _forgetting(*fields: str) -> Mutant:
    """Peers that forget fields."""
    return _peers(lambda peer: replace(peer, **dict.fromkeys(fields, ())))


def _interfaces(change: Callable[[InterfacePolicy], InterfacePolicy]) -> Mutant:
    return lambda policy: replace(policy, interfaces=tuple(map(change, policy.interfaces)))


def _without_tiers(field: str) -> Mutant:
    return _interfaces(lambda interface: replace(interface, **{field: ()}))


def _sides(change: Callable[[DirectionPolicy], DirectionPolicy]) -> Mutant:
    """Change what decides about the host's own traffic and that of workloads."""

    def both(item: Any) -> Any:
        return replace(item, ingress=change(item.ingress), egress=change(item.egress))

    return lambda policy: replace(
        policy,
        interfaces=tuple(map(both, policy.interfaces)),
        workloads=tuple(map(both, policy.workloads)),
    )


def _tiers(change: Callable[[TierStep], TierStep]) -> Mutant:
    return _sides(lambda side: replace(side, tiers=tuple(map(change, side.tiers))))


def _acting(old: Action, new: Action) -> Mutant:
    return _rules(lambda rule: replace(rule, action=new) if rule.action is old else rule)


def _one_port_more(peer: MatchPeer) -> MatchPeer:
    return replace(
        peer, ports=tuple(PortRange(each.first, min(each.last + 1, MAX_PORT)) for each in peer.ports)
    )


def _without_failsafe_nets(policy: HostPolicy) -> HostPolicy:
    failsafe = policy.failsafe
    return replace(
        policy,
        failsafe=replace(
            failsafe,
            inbound=tuple(replace(port, net=None) for port in failsafe.inbound),
            outbound=tuple(replace(port, net=None) for port in failsafe.outbound),
        ),
    )


def _smaller_ip_sets(policy: HostPolicy) -> HostPolicy:
    sets = {
        name: replace(found, members=frozenset(sorted(found.members)[1:]))
        for name, found in policy.ip_sets.items()
    }
    return replace(policy, ip_sets=sets)


def _smaller_port_sets(policy: HostPolicy) -> HostPolicy:
    sets = {
        name: replace(found, members=frozenset(sorted(found.members)[1:]))
        for name, found in policy.port_sets.items()
    }
    return replace(policy, port_sets=sets)


def _workloads(**fields: Any) -> Mutant:
    return lambda policy: replace(
        policy, workloads=tuple(replace(workload, **fields) for workload in policy.workloads)
    )


MUTANTS: Final[Mapping[str, Mutant]] = {
    "Allow and Deny swapped": _rules(
        lambda rule: replace(rule, action=_SWAPPED.get(rule.action, rule.action))
    ),
    "Pass allows": _acting(Action.PASS, Action.ALLOW),
    "Pass goes to the next policy": _acting(Action.PASS, Action.LOG),
    "Log decides": _acting(Action.LOG, Action.ALLOW),
    "Reject does not answer": _acting(Action.REJECT, Action.DENY),
    "Deny answers": _acting(Action.DENY, Action.REJECT),
    "IP version forgotten": _without("ip_version"),
    "excluded protocol forgotten": _without("not_protocol"),
    "ICMP type forgotten": _without("icmp"),
    "excluded ICMP type forgotten": _without("not_icmp"),
    "networks forgotten": _forgetting("nets"),
    "excluded networks forgotten": _forgetting("not_nets"),
    "selector forgotten": _forgetting("ip_sets"),
    "excluded selector forgotten": _forgetting("not_ip_sets"),
    "ports forgotten": _forgetting("ports"),
    "excluded ports forgotten": _forgetting("not_ports"),
    "named ports forgotten": _forgetting("port_sets"),
    "excluded named ports forgotten": _forgetting("not_port_sets"),
    "one port more": _peers(_one_port_more),
    "source and destination swapped": _rules(
        lambda rule: replace(rule, source=rule.destination, destination=rule.source)
    ),
    "an address missing in sets": _smaller_ip_sets,
    "a member missing in named ports": _smaller_port_sets,
    "tiers always deny": _tiers(lambda tier: replace(tier, default_action=Action.DENY)),
    "tiers always pass": _tiers(lambda tier: replace(tier, default_action=Action.PASS)),
    "policies in the wrong order": _tiers(lambda tier: replace(tier, policies=tier.policies[::-1])),
    "tiers in the wrong order": _sides(lambda side: replace(side, tiers=side.tiers[::-1])),
    "profiles in the wrong order": _sides(lambda side: replace(side, profiles=side.profiles[::-1])),
    "missing profiles ignored": _sides(
        lambda side: replace(side, profiles=tuple(step for step in side.profiles if step.key))
    ),
    "directions swapped": _interfaces(
        lambda interface: replace(interface, ingress=interface.egress, egress=interface.ingress)
    ),
    "no doNotTrack on the way in": _without_tiers("untracked_ingress"),
    "no doNotTrack on the way out": _without_tiers("untracked_egress"),
    "no preDNAT": _without_tiers("pre_dnat"),
    "no policy for forwarding from an interface": _without_tiers("forward_ingress"),
    "no policy for forwarding to an interface": _without_tiers("forward_egress"),
    "patterns in the wrong order": lambda policy: replace(policy, interfaces=policy.interfaces[::-1]),
    "no failsafe ports": lambda policy: replace(policy, failsafe=type(policy.failsafe)()),
    "failsafe networks forgotten": _without_failsafe_nets,
    "MAC addresses forgotten": _workloads(mac=None),
    "workloads may not spoof": _workloads(spoofable_nets=()),
    "workloads may spoof": _workloads(spoofable_nets=("0.0.0.0/0", "::/0")),
    "workloads reach their host": lambda policy: replace(policy, workload_to_host=Action.ALLOW),
    "workloads never reach their host": lambda policy: replace(policy, workload_to_host=Action.DENY),
    "unknown workloads left alone": lambda policy: replace(policy, workload_prefixes=()),
}
