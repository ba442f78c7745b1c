"""Rules with selectors and tags replaced by the IP sets that stand for them."""

from __future__ import annotations

import msgspec

from catflap.model.resources import Peer, Policy, ProfileRules, ResourceKey, Rule
from catflap.model.selector import Selector
from catflap.policy.endpoints import TagCriterion
from catflap.policy.host_policy import MatchPeer, MatchRule, RuleLists
from catflap.policy.ip_sets import SetCriterion, ip_set_id


class ResolvedRules(msgspec.Struct, frozen=True):
    """Rule lists ready to be enforced, and what their IP sets stand for."""

    lists: RuleLists
    criteria: frozenset[SetCriterion]


def resolve_rules(key: ResourceKey, title: str, owner: Policy | ProfileRules) -> ResolvedRules:
    """The rules of one policy or profile, with the criteria of all IP sets that they need."""
    criteria: set[SetCriterion] = set()
    lists = RuleLists(
        key=key,
        title=title,
        ingress=tuple(_resolve_rule(n, rule, criteria) for n, rule in enumerate(owner.ingress)),
        egress=tuple(_resolve_rule(n, rule, criteria) for n, rule in enumerate(owner.egress)),
    )
    return ResolvedRules(lists, frozenset(criteria))


def _resolve_rule(number: int, rule: Rule, criteria: set[SetCriterion]) -> MatchRule:
    return MatchRule(
        number=number,
        action=rule.action,
        ip_version=rule.ip_version,
        protocol=rule.protocol,
        not_protocol=rule.not_protocol,
        icmp=rule.icmp,
        not_icmp=rule.not_icmp,
        source=_resolve_peer(rule.source, criteria),
        destination=_resolve_peer(rule.destination, criteria),
        log_prefix=rule.log_prefix,
    )


def _resolve_peer(peer: Peer, criteria: set[SetCriterion]) -> MatchPeer:
    return MatchPeer(
        nets=peer.nets,
        not_nets=peer.not_nets,
        ip_sets=_set_ids(peer.selector, peer.tag, criteria),
        not_ip_sets=_set_ids(peer.not_selector, peer.not_tag, criteria),
        ports=peer.ports,
        not_ports=peer.not_ports,
    )


def _set_ids(selector: Selector | None, tag: str | None, criteria: set[SetCriterion]) -> tuple[str, ...]:
    needed: list[SetCriterion] = []
    if selector is not None:
        needed.append(selector)
    if tag is not None:
        needed.append(TagCriterion(tag))
    criteria.update(needed)
    return tuple(ip_set_id(criterion) for criterion in needed)
