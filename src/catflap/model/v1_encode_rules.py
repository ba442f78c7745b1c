"""Rules as the guide's encoding writes them: the opposite of `v1_rules`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from catflap.model.encoded_values import USE_ETCD3, Gaps, ports, stated
from catflap.model.resources import (
    PROTOCOL_NUMBERS,
    Action,
    IcmpMatch,
    IpVersion,
    Peer,
    Rule,
    ip_version_of,
)

# The old agent understood ports and ICMP types with these names of protocols only, not with their numbers.
PROTOCOL_NAMES: Final[Mapping[int, str]] = {number: name for name, number in PROTOCOL_NUMBERS.items()}
_ACTIONS: Final[Mapping[Action, str]] = {
    Action.ALLOW: "allow",
    Action.DENY: "deny",
    Action.REJECT: "reject",
    Action.PASS: "next-tier",
    Action.LOG: "log",
}


def encode_rules(rules: tuple[Rule, ...], place: str, gaps: Gaps) -> list[dict[str, Any]]:
    """The rules; ``place`` is where they stand in the document (``spec.ingress``)."""
    return [_rule(rule, f"{place}[{index}]", gaps) for index, rule in enumerate(rules)]


def _rule(rule: Rule, place: str, gaps: Gaps) -> dict[str, Any]:
    if rule.annotations:
        gaps.add(f"{place}.metadata.annotations", "rules in /calico/v1 have none", USE_ETCD3)
    _check_nets(rule.source, rule.ip_version, f"{place}.source", gaps)
    _check_nets(rule.destination, rule.ip_version, f"{place}.destination", gaps)
    return stated(
        {
            "ip_version": rule.ip_version,
            "protocol": _protocol(rule.protocol),
            "!protocol": _protocol(rule.not_protocol),
            **_icmp("", rule.icmp),
            **_icmp("!", rule.not_icmp),
            **dict(_peer("src", rule.source)),
            **dict(_peer("dst", rule.destination)),
            "log_prefix": rule.log_prefix,
            "action": _ACTIONS[rule.action],
        }
    )


def _check_nets(peer: Peer, version: IpVersion | None, place: str, gaps: Gaps) -> None:
    """A list may hold networks of both versions; only where the rule names a version, /calico/v1 refuses the others."""
    if version is None:
        return
    for field, nets in (("nets", peer.nets), ("notNets", peer.not_nets)):
        for net in nets:
            if ip_version_of(net) != version:
                remedy = f"remove it, which changes nothing, or {USE_ETCD3}"
                gaps.add(f"{place}.{field}", f"the rule is for IPv{version} only, and {net} is not", remedy)


def _protocol(number: int | None) -> str | int | None:
    return None if number is None else PROTOCOL_NAMES.get(number, number)


def _icmp(sign: str, match: IcmpMatch | None) -> dict[str, int | None]:
    return {} if match is None else {f"{sign}icmp_type": match.type, f"{sign}icmp_code": match.code}


def _peer(end: str, peer: Peer) -> Iterator[tuple[str, Any]]:
    """The fields of one end of a packet. One network stands by itself: the old agent knew no lists of them."""
    for sign, nets in (("", peer.nets), ("!", peer.not_nets)):
        yield (f"{sign}{end}_net", nets[0]) if len(nets) == 1 else (f"{sign}{end}_nets", nets)
    yield f"{end}_selector", peer.selector and str(peer.selector)
    yield f"!{end}_selector", peer.not_selector and str(peer.not_selector)
    yield f"{end}_tag", peer.tag
    yield f"!{end}_tag", peer.not_tag
    yield f"{end}_ports", ports(peer.ports, peer.named_ports)
    yield f"!{end}_ports", ports(peer.not_ports, peer.not_named_ports)
