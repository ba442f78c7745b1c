"""Rules with selectors, tags and named ports replaced by the sets that stand for them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from catflap.model.resources import Peer, Policy, PolicyKind, ProfileRules, ResourceKey, Rule
from catflap.policy.criteria import PortCriterion, SetCriterion, TagCriterion, set_id
from catflap.policy.host_policy import MatchPeer, MatchRule, RuleLists


class ResolvedRules(msgspec.Struct, frozen=True):
    """Rule lists ready to be enforced, and what their sets stand for."""

    lists: RuleLists
    criteria: frozenset[SetCriterion]


def resolve_rules(key: ResourceKey, title: str, owner: Policy | ProfileRules) -> ResolvedRules:
    """The rules of one policy or profile, with the criteria of all sets that they need."""
    criteria: set[SetCriterion] = set()
    lists = RuleLists(
        key=key,
        title=title,
        ingress=tuple(_resolve_rule(n, rule, criteria) for n, rule in enumerate(owner.ingress)),
        egress=tuple(_resolve_rule(n, rule, criteria) for n, rule in enumerate(owner.egress)),
        kind=owner.kind if isinstance(owner, Policy) else PolicyKind.NORMAL,
    )
    return ResolvedRules(lists, frozenset(criteria))


def policy_title(key: ResourceKey, policy: Policy) -> str:
    """A policy's name for people: tier and name, with the namespace between them where there is one."""
    namespace = f"{key.namespace}/" if key.namespace else ""
    return f"{policy.tier}/{namespace}{policy.name}"


def _resolve_rule(number: int, rule: Rule, criteria: set[SetCriterion]) -> MatchRule:
    return MatchRule(
        number=number,
        action=rule.action,
        ip_version=rule.ip_version,
        protocol=rule.protocol,
        not_protocol=rule.not_protocol,
        icmp=rule.icmp,
        not_icmp=rule.not_icmp,
        source=_resolve_peer(rule.source, rule.protocol, criteria),
        destination=_resolve_peer(rule.destination, rule.protocol, criteria),
        log_prefix=rule.log_prefix,
        annotations=rule.annotations,
    )


def _resolve_peer(peer: Peer, protocol: int | None, criteria: set[SetCriterion]) -> MatchPeer:
    tag = None if peer.tag is None else TagCriterion(peer.tag)
    not_tag = None if peer.not_tag is None else TagCriterion(peer.not_tag)
    ports, not_ports = (
        PortCriterion(tuple(sorted(set(names))), protocol, peer.selector, tag) if names else None
        for names in (peer.named_ports, peer.not_named_ports)
    )
    return MatchPeer(
        nets=peer.nets,
        not_nets=peer.not_nets,
        ip_sets=_set_ids((peer.selector, tag), criteria),
        not_ip_sets=_set_ids((peer.not_selector, not_tag), criteria),
        ports=peer.ports,
        not_ports=peer.not_ports,
        port_sets=_set_ids((ports,), criteria),
        not_port_sets=_set_ids((not_ports,), criteria),
    )


def _set_ids(needed: Iterable[SetCriterion | None], criteria: set[SetCriterion]) -> tuple[str, ...]:
    """The ids of sets, whose criteria are noted down; None needs no set."""
    found = [criterion for criterion in needed if criterion is not None]
    criteria.update(found)
    return tuple(map(set_id, found))
