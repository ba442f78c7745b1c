"""Rules as ``projectcalico.org/v3`` documents write them: the opposite of `v3_rules`.

What a document cannot say comes from the guide's encoding; it is named as it stands there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from catflap.model.encoded_values import Gaps, ports, stated
from catflap.model.resources import (
    ICMP,
    ICMPV6,
    SCTP,
    TCP,
    UDP,
    UDPLITE,
    IcmpMatch,
    Peer,
    Policy,
    ProfileRules,
    Rule,
)
from catflap.model.v3_encode_namespaces import peer_selectors

_PROTOCOL_NAMES: Final[Mapping[int, str]] = {
    TCP: "TCP",
    UDP: "UDP",
    ICMP: "ICMP",
    ICMPV6: "ICMPv6",
    SCTP: "SCTP",
    UDPLITE: "UDPLite",
}


def encode_rules(carrier: Policy | ProfileRules, namespace: str, gaps: Gaps) -> dict[str, Any]:
    """The fields ``ingress`` and ``egress``; ``namespace`` is that of the policy, empty where it has none."""
    return {
        "ingress": _rules(carrier.ingress, namespace, "inbound_rules", gaps),
        "egress": _rules(carrier.egress, namespace, "outbound_rules", gaps),
    }


def _rules(rules: tuple[Rule, ...], namespace: str, place: str, gaps: Gaps) -> list[dict[str, Any]]:
    return [_rule(rule, namespace, f"{place}[{index}]", gaps) for index, rule in enumerate(rules)]


def _rule(rule: Rule, namespace: str, place: str, gaps: Gaps) -> dict[str, Any]:
    if rule.log_prefix is not None:
        gaps.add(f"{place}.log_prefix", "rules in v3 documents have none", "remove it")
    _check_tags(rule, place, gaps)
    return stated(
        {
            "action": rule.action.value,
            "ipVersion": rule.ip_version,
            "protocol": encode_protocol(rule.protocol),
            "notProtocol": encode_protocol(rule.not_protocol),
            "icmp": _icmp(rule.icmp),
            "notICMP": _icmp(rule.not_icmp),
            "source": _peer(rule.source, namespace, f"{place}.source", gaps),
            "destination": _peer(rule.destination, namespace, f"{place}.destination", gaps),
            "metadata": stated({"annotations": dict(rule.annotations)}),
        }
    )


def _check_tags(rule: Rule, place: str, gaps: Gaps) -> None:
    for end, peer in (("src", rule.source), ("dst", rule.destination)):
        for sign, tag in (("", peer.tag), ("!", peer.not_tag)):
            if tag is not None:
                remedy = "give the profiles a label in its place, and select that"
                gaps.add(f"{place}.{sign}{end}_tag", "v3 documents have no tags", remedy)


def encode_protocol(number: int | None) -> str | int | None:
    """The name of a protocol that has one, else its number."""
    return None if number is None else _PROTOCOL_NAMES.get(number, number)


def _icmp(match: IcmpMatch | None) -> dict[str, Any] | None:
    return None if match is None else stated({"type": match.type, "code": match.code})


def _peer(peer: Peer, namespace: str, place: str, gaps: Gaps) -> dict[str, Any]:
    if namespace:
        selectors = peer_selectors(peer, namespace, place, gaps)
    else:
        selectors = {"selector": peer.selector and str(peer.selector)}
    return stated(
        {
            "nets": list(peer.nets),
            "notNets": list(peer.not_nets),
            **selectors,
            "notSelector": peer.not_selector and str(peer.not_selector),
            "ports": ports(peer.ports, peer.named_ports),
            "notPorts": ports(peer.not_ports, peer.not_named_ports),
        }
    )
