"""Two readings of the same policy: what the host policy says of a packet, and what the nft text does with it.

Both are written as plainly as possible and share nothing, so that they can be held against each other.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Literal

import msgspec
from hypothesis import strategies as st
from tests.nft.host_policies import ADDRESSES

from catflap.model.resources import ICMP, ICMPV6, Action, Direction, IcmpMatch, PortRange, ip_version_of
from catflap.nft.ruleset import RuleSet
from catflap.policy.host_policy import FailsafePort, HostPolicy, MatchPeer, MatchRule, RuleLists

Verdict = Literal["accept", "drop"]


class Packet(msgspec.Struct, frozen=True):
    source: str
    destination: str
    protocol: int
    sport: int = 0  # of an ICMP packet: the type
    dport: int = 0  # of an ICMP packet: the code
    state: str = "new"
    hop_limit: int = 64

    @property
    def version(self) -> int:
        return ip_version_of(self.source)


@st.composite
def packets_for(draw: st.DrawFn, match: MatchRule) -> Packet:
    """A packet with a fair chance to match: its fields come from the rule's where it has any."""
    side = draw(
        st.sampled_from([[item for item in ADDRESSES if (":" in item) is ipv6] for ipv6 in (False, True)])
    )
    protocol = (
        st.sampled_from([1, 6, 17, 58, 132, 255]) if match.protocol is None else st.just(match.protocol)
    )
    edges = [
        port
        for peer in (match.source, match.destination)
        for ports in (*peer.ports, *peer.not_ports)
        for port in (ports.first, ports.last, max(ports.first - 1, 0))
    ]
    header = st.sampled_from([0, 1, 3, 8, 128, 255, *edges])
    return Packet(
        draw(st.sampled_from(side)), draw(st.sampled_from(side)), draw(protocol), draw(header), draw(header)
    )


# --- what the host policy says ---


def rule_matches(rule: MatchRule, packet: Packet, policy: HostPolicy) -> bool:
    icmp_version = {ICMP: 4, ICMPV6: 6}.get(rule.protocol or 0)
    return all(
        (
            rule.ip_version in (None, packet.version),
            rule.protocol in (None, packet.protocol),
            rule.not_protocol != packet.protocol,
            not (rule.icmp or rule.not_icmp) or packet.version == icmp_version,
            rule.icmp is None or _icmp_matches(rule.icmp, packet),
            rule.not_icmp is None or not _icmp_matches(rule.not_icmp, packet),
            _peer_matches(rule.source, packet.source, packet.sport, policy),
            _peer_matches(rule.destination, packet.destination, packet.dport, policy),
        )
    )


def _icmp_matches(icmp: IcmpMatch, packet: Packet) -> bool:
    return packet.sport == icmp.type and icmp.code in (None, packet.dport)


def _peer_matches(peer: MatchPeer, address: str, port: int, policy: HostPolicy) -> bool:
    def member(set_id: str) -> bool:
        return _in_any(address, tuple(policy.ip_sets[set_id].members))

    return (
        (not peer.nets or _in_any(address, peer.nets))
        and not _in_any(address, peer.not_nets)
        and all(map(member, peer.ip_sets))
        and not any(map(member, peer.not_ip_sets))
        and (not peer.ports or _in_ranges(port, peer.ports))
        and not _in_ranges(port, peer.not_ports)
    )


def _in_any(address: str, nets: tuple[str, ...]) -> bool:
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(net) for net in nets)


def _in_ranges(port: int, ranges: tuple[PortRange, ...]) -> bool:
    return any(item.first <= port <= item.last for item in ranges)


def expected(policy: HostPolicy, interface: str, direction: Direction, packet: Packet) -> Verdict:
    """The verdict on a packet, from the words of the design."""
    steps = next((item for item in policy.interfaces if item.interface == interface), None)
    if steps is None or packet.state in {"established", "related"}:
        return "accept"
    ports = policy.failsafe.inbound if direction is Direction.INGRESS else policy.failsafe.outbound
    if any(_failsafe(port, direction, packet) for port in ports) or _essential(packet):
        return "accept"
    if packet.state == "invalid":
        return "drop"
    for tier in steps.direction(direction).tiers:
        found = [_decision(policy.policies[key], direction, packet, policy) for key in tier.policies]
        action = next((item for item in found if item), tier.default_action)
        if action is not Action.PASS:
            return "accept" if action is Action.ALLOW else "drop"
    for profile in steps.direction(direction).profiles:
        if profile.key is None:
            return "drop"
        action = _decision(policy.profiles[profile.key], direction, packet, policy) or Action.PASS
        if action is not Action.PASS:
            return "accept" if action is Action.ALLOW else "drop"
    return "drop"


def _decision(lists: RuleLists, direction: Direction, packet: Packet, policy: HostPolicy) -> Action | None:
    deciding = (rule for rule in lists.rules(direction) if rule.action is not Action.LOG)
    return next((rule.action for rule in deciding if rule_matches(rule, packet, policy)), None)


def _failsafe(port: FailsafePort, direction: Direction, packet: Packet) -> bool:
    other = packet.source if direction is Direction.INGRESS else packet.destination
    return (
        packet.protocol == port.protocol
        and _in_ranges(packet.dport, (port.ports,))
        and (port.net is None or _in_any(other, (port.net,)))
    )


def _essential(packet: Packet) -> bool:
    if packet.version != 6 or packet.protocol != ICMPV6:
        return False
    neighbour = 133 <= packet.sport <= 137 and packet.hop_limit == 255
    return neighbour or packet.sport in {1, 2, 3, 4, 130, 131, 132, 143}


# --- what the nft text does ---

_COMMENT = re.compile(r'(?:log prefix "[^"]*" level notice)|(?:comment "[^"]*")')


def walk(rule_set: RuleSet, interface: str, direction: Direction, packet: Packet) -> Verdict:
    """The verdict of our base chain; its policy is accept."""
    hook = "input" if direction is Direction.INGRESS else "output"
    if hook not in rule_set.chains:
        return "accept"
    return _walk_chain(rule_set, hook, interface, packet) or "accept"


def _walk_chain(rule_set: RuleSet, chain: str, interface: str, packet: Packet) -> Verdict | None:
    for rule in rule_set.chains[chain].rules:
        words = _COMMENT.sub("", rule).split()
        if words[1:2] == ["vmap"]:
            verdict = rule_set.maps[words[2][1:]].elements.get(interface)
            words = verdict.split() if verdict else ["continue"]
        words = _unmatched(words, rule_set, packet)
        match words:
            case ["accept"]:
                return "accept"
            case ["drop"]:
                return "drop"
            case ["return"]:
                return None
            case ["jump", target]:
                if decided := _walk_chain(rule_set, target, interface, packet):
                    return decided
            case [] | ["continue"]:
                pass
            case _:
                raise AssertionError(f"not understood: {rule}")
    return None


def condition_matches(condition: str, sets: RuleSet, packet: Packet) -> bool:
    """Whether a condition without a verdict matches."""
    return _unmatched([*condition.split(), "accept"], sets, packet) == ["accept"]


def _unmatched(words: list[str], rule_set: RuleSet, packet: Packet) -> list[str]:
    """The words after the conditions, or "continue" where one does not match."""
    while words and words[0] not in {"accept", "drop", "return", "jump", "continue"}:
        negated = words[2] == "!="
        field, value, rest = words[:2], words[2 + negated], words[3 + negated :]
        actual = _field(" ".join(field), packet)
        if actual is None or _equals(actual, value, rule_set) == negated:
            return ["continue"]
        words = rest
    return words


def _field(name: str, packet: Packet) -> str | int | None:
    """The value of a field, or None where the packet does not have it."""
    ip, icmp = {4: ("ip", "icmp"), 6: ("ip6", "icmpv6")}[packet.version]
    is_icmp = packet.protocol == {4: ICMP, 6: ICMPV6}[packet.version]
    values: dict[str, str | int | None] = {
        "meta nfproto": f"ipv{packet.version}",
        "meta l4proto": packet.protocol,
        "ct state": packet.state,
        "th sport": packet.sport,
        "th dport": packet.dport,
        f"{ip} saddr": packet.source,
        f"{ip} daddr": packet.destination,
        "ip6 hoplimit": packet.hop_limit,
        f"{icmp} type": packet.sport if is_icmp else None,
        f"{icmp} code": packet.dport if is_icmp else None,
    }
    return values.get(name)


def _equals(actual: str | int, value: str, rule_set: RuleSet) -> bool:
    candidates = rule_set.sets[value[1:]].elements if value.startswith("@") else [value]
    return any(_equals_one(actual, candidate) for candidate in candidates)


def _equals_one(actual: str | int, value: str) -> bool:
    if isinstance(actual, int):
        first, _, last = value.partition("-")
        return int(first) <= actual <= int(last or first)
    if "." in value or ":" in value:
        same_version = (":" in actual) == (":" in value)
        return same_version and ipaddress.ip_address(actual) in ipaddress.ip_network(value)
    return actual in value.split(",")
