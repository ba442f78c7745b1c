"""Lints about single rules and lists of rules: what can never match, and what is open to everybody."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from catflap.check.inventory import Inventory, RulePlace, rules_of
from catflap.check.lints.containment import net_within, ports_within, rule_contains
from catflap.check.lints.lint import Remark
from catflap.model.resources import (
    PORT_PROTOCOLS,
    Action,
    Direction,
    Peer,
    Policy,
    PolicyKind,
    Rule,
    ip_version_of,
)

MAX_EARLIER = 200  # rules that each rule is compared with: long lists shall not take minutes
_EVERYWHERE = ("0.0.0.0/0", "::/0")


def never_matches(inventory: Inventory) -> Iterator[Remark]:
    """A rule whose conditions contradict each other."""
    for place in inventory.rules():
        for field, reason in _contradictions(place.rule):
            where = f"{place.field}.{field}" if field else place.field
            yield Remark(place.source, where, f"the rule can never match: {reason}.")


def _contradictions(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.protocol is not None and rule.protocol == rule.not_protocol:
        yield "notProtocol", "it is the same as protocol"
    if rule.icmp is not None and rule.icmp == rule.not_icmp:
        yield "notICMP", "it is the same as icmp"
    for name, peer in (("source", rule.source), ("destination", rule.destination)):
        for field, reason in _peer_contradictions(peer):
            yield f"{name}.{field}", reason
    versions = _versions(rule)
    if len(versions) > 1:
        yield "", " and ".join(versions)


def _peer_contradictions(peer: Peer) -> Iterator[tuple[str, str]]:
    if peer.nets and all(net_within(net, peer.not_nets) for net in peer.nets):
        yield "notNets", "notNets contains all of nets"
    elif all(net_within(net, peer.not_nets) for net in _EVERYWHERE):
        yield "notNets", "notNets contains all addresses"
    if peer.selector is not None and peer.selector == peer.not_selector:
        yield "notSelector", "it is the same as selector"
    if peer.ports and not peer.named_ports and ports_within(peer.ports, peer.not_ports):
        yield "notPorts", "notPorts contains all of ports"


def _versions(rule: Rule) -> list[str]:
    """What limits the rule to one IP version, if there are two such limits for two versions."""
    limits: dict[int, str] = {}
    if rule.ip_version is not None:
        limits[rule.ip_version] = f"it is for IPv{rule.ip_version} only"
    for name, peer in (("source", rule.source), ("destination", rule.destination)):
        versions = {ip_version_of(net) for net in peer.nets}
        if len(versions) == 1:
            version = versions.pop()
            limits.setdefault(version, f"its {name} nets are IPv{version} only")
    return list(limits.values()) if len(limits) > 1 else []


def shadowed(inventory: Inventory) -> Iterator[Remark]:
    """A rule of which an earlier rule of the same list takes every packet."""
    for places in inventory.rule_lists():
        earlier: list[RulePlace] = []
        for place in places:
            cover = next((each for each in earlier if rule_contains(each.rule, place.rule)), None)
            if cover is not None:
                yield Remark(place.source, place.field, _shadow(cover, place))
            elif place.rule.action is not Action.LOG and len(earlier) < MAX_EARLIER:
                earlier.append(place)


def _shadow(cover: RulePlace, place: RulePlace) -> str:
    same = " with the same action" if cover.rule.action is place.rule.action else ""
    return (
        f"the rule is never reached: {cover.field} ({cover.rule.action}){same} takes every packet that it matches."
        " Remove it, or put it first."
    )


def wide_open(inventory: Inventory) -> Iterator[Remark]:
    """A policy lets everybody in, to all ports."""
    for place in inventory.rules():
        if (
            place.direction is Direction.INGRESS
            and place.source.kind != "Profile"
            and _is_wide_open(place.rule)
        ):
            yield Remark(
                place.source,
                place.field,
                "this allows everything from anywhere to all ports. Name sources, or protocol and ports.",
            )


def _is_wide_open(rule: Rule) -> bool:
    all_ports = rule.protocol is None or rule.protocol in PORT_PROTOCOLS
    anywhere = not rule.source.nets or any(net in _EVERYWHERE for net in rule.source.nets)
    unlimited = msgspec.structs.replace(rule.source, nets=()) == Peer() and rule.destination == Peer()
    return rule.action is Action.ALLOW and all_ports and anywhere and unlimited


def log_only(inventory: Inventory) -> Iterator[Remark]:
    """A policy that only logs, in a direction in which the tier denies the rest."""
    for policy in inventory.of(Policy):
        if policy.resource.kind is not PolicyKind.NORMAL or not inventory.ends_in_deny(policy.resource):
            continue
        for direction in sorted(policy.resource.types):
            rules = rules_of(policy.resource, direction)
            if rules and all(rule.action is Action.LOG for rule in rules):
                yield Remark(
                    policy.source,
                    f"spec.{direction.lower()}",
                    "these rules only log: where no other policy allows the packets they are denied at the end of"
                    " the tier. End with Pass or Allow if they shall go on.",
                )
