"""Whatever policy can be said in both wire encodings means the same in both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.model.corpus import V1, V3

from catflap.model.decode import decode
from catflap.model.resources import (
    BOTH_DIRECTIONS,
    ICMP_VERSIONS,
    LAST,
    PORT_PROTOCOLS,
    Action,
    Direction,
    IcmpMatch,
    Peer,
    Policy,
    PolicyKind,
    PortRange,
    Resource,
    Rule,
)
from catflap.model.selector import parse_selector

NETS = {4: ("10.0.0.0/8", "192.0.2.1/32", "0.0.0.0/0"), 6: ("::/0", "2001:db8::/32", "fe80::1/128")}
SELECTORS = [
    parse_selector(text) for text in ("all()", "has(a)", "role == 'web' && !has(b)", "a in {'b', 'c'}")
]
PROTOCOLS = (6, 17, 132, 136, 1, 58, 47)
RANGES = st.builds(
    lambda first, more: PortRange(first, min(first + more, 65535)), st.integers(0, 65535), st.integers(0, 9)
)
V1_ACTIONS = {Action.PASS: "next-tier"}


def _several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, max_size=3, unique=True).map(tuple)


@st.composite
def peers(draw: st.DrawFn, protocol: int | None, version: int | None) -> Peer:
    nets = _several(st.sampled_from([*NETS[4], *NETS[6]] if version is None else NETS[version]))
    selectors = st.none() | st.sampled_from(SELECTORS)
    ports, names = _several(RANGES), _several(st.sampled_from(("http", "dns-1", "8x")))
    if protocol not in PORT_PROTOCOLS:
        ports = names = st.just(())
    return Peer(
        nets=draw(nets),
        not_nets=draw(nets),
        selector=draw(selectors),
        not_selector=draw(selectors),
        ports=draw(ports),
        not_ports=draw(ports),
        named_ports=draw(names),
        not_named_ports=draw(names),
    )


@st.composite
def rules(draw: st.DrawFn, actions: Sequence[Action]) -> Rule:
    protocol = draw(st.none() | st.sampled_from(PROTOCOLS))
    version = ICMP_VERSIONS.get(protocol) or draw(st.sampled_from((None, 4, 6)))
    icmp: st.SearchStrategy[Any] = st.none()
    if protocol in ICMP_VERSIONS:
        icmp |= st.builds(IcmpMatch, st.integers(0, 255), st.none() | st.integers(0, 255))
    return Rule(
        action=draw(st.sampled_from(actions)),
        ip_version=version,
        protocol=protocol,
        not_protocol=draw(st.none() | st.sampled_from(PROTOCOLS)),
        icmp=draw(icmp),
        not_icmp=draw(icmp),
        source=draw(peers(protocol, version)),
        destination=draw(peers(protocol, version)),
    )


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    kind = draw(st.sampled_from(PolicyKind))
    ingress_only = kind is PolicyKind.PRE_DNAT
    actions = [action for action in Action if kind is not PolicyKind.UNTRACKED or action is not Action.REJECT]
    lists = st.lists(rules(actions), max_size=2).map(tuple)
    types = st.sampled_from([BOTH_DIRECTIONS, *(frozenset({direction}) for direction in Direction)])
    return Policy(
        name="x",
        tier="default",
        selector=draw(st.sampled_from(SELECTORS)),
        order=draw(st.just(LAST) | st.floats(allow_nan=False, allow_infinity=False)),
        ingress=draw(lists),
        egress=() if ingress_only else draw(lists),
        types=frozenset({Direction.INGRESS}) if ingress_only else draw(types),
        kind=kind,
        apply_on_forward=kind is not PolicyKind.NORMAL or draw(st.booleans()),
    )


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _written_ports(ranges: Sequence[PortRange], names: Sequence[str]) -> list[int | str] | None:
    numbers = [each.first if each.first == each.last else f"{each.first}:{each.last}" for each in ranges]
    return [*numbers, *names] or None


def v1_peer(end: str, peer: Peer) -> dict[str, Any]:
    """One network stands by itself, several in a list: both must be understood."""
    fields: dict[str, Any] = {
        f"{end}_selector": peer.selector and str(peer.selector),
        f"!{end}_selector": peer.not_selector and str(peer.not_selector),
        f"{end}_ports": _written_ports(peer.ports, peer.named_ports),
        f"!{end}_ports": _written_ports(peer.not_ports, peer.not_named_ports),
    }
    for sign, nets in (("", peer.nets), ("!", peer.not_nets)):
        fields |= {f"{sign}{end}_net": nets[0]} if len(nets) == 1 else {f"{sign}{end}_nets": list(nets)}
    return _without_none(**fields)


def v1_rule(rule: Rule) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "action": V1_ACTIONS.get(rule.action, rule.action.lower()),
        "ip_version": rule.ip_version,
        "protocol": rule.protocol,
        "!protocol": rule.not_protocol,
    }
    for sign, icmp in (("", rule.icmp), ("!", rule.not_icmp)):
        if icmp is not None:
            fields |= {f"{sign}icmp_type": icmp.type, f"{sign}icmp_code": icmp.code}
    return _without_none(**fields, **v1_peer("src", rule.source), **v1_peer("dst", rule.destination))


def v1_policy(policy: Policy) -> dict[str, Any]:
    return _without_none(
        selector=str(policy.selector),
        order="default" if policy.order == LAST else policy.order,
        inbound_rules=[v1_rule(rule) for rule in policy.ingress],
        outbound_rules=[v1_rule(rule) for rule in policy.egress],
        types=[direction.lower() for direction in policy.types],
        untracked=policy.kind is PolicyKind.UNTRACKED,
        pre_dnat=policy.kind is PolicyKind.PRE_DNAT,
        apply_on_forward=policy.apply_on_forward,
    )


def v3_peer(peer: Peer) -> dict[str, Any]:
    return _without_none(
        nets=peer.nets or None,
        notNets=peer.not_nets or None,
        selector=peer.selector and str(peer.selector),
        notSelector=peer.not_selector and str(peer.not_selector),
        ports=_written_ports(peer.ports, peer.named_ports),
        notPorts=_written_ports(peer.not_ports, peer.not_named_ports),
    )


def v3_rule(rule: Rule) -> dict[str, Any]:
    return _without_none(
        action=rule.action,
        ipVersion=rule.ip_version,
        protocol=rule.protocol,
        notProtocol=rule.not_protocol,
        icmp=rule.icmp and {"type": rule.icmp.type, "code": rule.icmp.code},
        notICMP=rule.not_icmp and {"type": rule.not_icmp.type, "code": rule.not_icmp.code},
        source=v3_peer(rule.source),
        destination=v3_peer(rule.destination),
    )


def v3_policy(policy: Policy) -> dict[str, Any]:
    return {
        "spec": _without_none(
            selector=str(policy.selector),
            order=None if policy.order == LAST else policy.order,
            ingress=[v3_rule(rule) for rule in policy.ingress],
            egress=[v3_rule(rule) for rule in policy.egress],
            types=list(policy.types),
            doNotTrack=policy.kind is PolicyKind.UNTRACKED,
            preDNAT=policy.kind is PolicyKind.PRE_DNAT,
            applyOnForward=policy.apply_on_forward,
        )
    }


def decoded(path: str, value: Any) -> Resource | None:
    result = decode(path, msgspec.json.encode(value))

    assert result.problems == ()
    return result.changes[0].resource


@settings(max_examples=300, deadline=None)
@given(policies())
def test_a_policy_means_the_same_in_both_encodings(policy: Policy) -> None:
    assert decoded(f"{V1}policy/tier/default/policy/x", v1_policy(policy)) == policy
    assert decoded(f"{V3}globalnetworkpolicies/x", v3_policy(policy)) == policy
