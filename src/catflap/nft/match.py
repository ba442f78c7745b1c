"""From one rule to the nft conditions that match exactly its packets, in a table that sees both IP versions.

A rule becomes no, one or several lines: one for each IP version where they differ, and one for each way to match where
nft has no "or". The lines of a rule exclude each other, so that a packet is logged once at most. What one IP version
cannot satisfy does not exist for it: a network of the other version never matches, and its negation always does. A rule
with named ports is written for each IP version, since they are looked up together with the address.

Ports come with a protocol that has them and ICMP fields with ICMP or ICMPv6: the model sees to that.
"""

from __future__ import annotations

from itertools import product

from catflap.model.resources import ICMP, ICMP_VERSIONS, IcmpMatch, IpVersion
from catflap.nft.ruleset import CONCATENATION
from catflap.nft.sets import ALL_PORTS, EVERYTHING, IP_VERSIONS, SetTable, merge_ports, nets_of
from catflap.policy.host_policy import MatchPeer, MatchRule

_IP: dict[IpVersion, str] = {4: "ip", 6: "ip6"}
_FAMILY: dict[IpVersion, str] = {4: "meta nfproto ipv4", 6: "meta nfproto ipv6"}


def conditions(rule: MatchRule, sets: SetTable) -> list[str]:
    """The nft expressions of which exactly one matches a packet that the rule matches, and none any other packet.

    An empty expression matches everything; an empty list means that no packet can match.

    Args:
        rule: what to match; its action is not looked at.
        sets: takes up the sets that the expressions refer to.
    """
    versions = [version for version in IP_VERSIONS if _possible(rule, version, sets)]
    if not versions or _contradicts(rule):
        return []
    transports = _transport(rule, sets)
    ends = {version: _ends(rule, version, sets) for version in versions}
    if len(versions) == len(IP_VERSIONS) and all(texts == [("", "")] for texts in ends.values()):
        return transports
    return [
        _join(transport, addresses, sockets) if addresses else _join(_FAMILY[version], transport, sockets)
        for version in versions
        for (addresses, sockets), transport in product(ends[version], transports)
    ]


def version_conditions(rule: MatchRule, version: IpVersion, sets: SetTable) -> list[str]:
    """`conditions` for packets that are known to be of one IP version."""
    if not can_match(rule, version, sets):
        return []
    return [
        _join(transport, addresses, sockets)
        for (addresses, sockets), transport in product(_ends(rule, version, sets), _transport(rule, sets))
    ]


def can_match(rule: MatchRule, version: IpVersion, sets: SetTable) -> bool:
    """Whether `version_conditions` has any."""
    return _possible(rule, version, sets) and not _contradicts(rule)


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _contradicts(rule: MatchRule) -> bool:
    """Whether the rule excludes all that it asks for, in a way that does not depend on the IP version."""
    excluded_ports = (rule.source.not_ports, rule.destination.not_ports)
    return (
        (rule.protocol is not None and rule.protocol == rule.not_protocol)
        or any(merge_ports(ports) == [ALL_PORTS] for ports in excluded_ports)
        or (bool(rule.icmp or rule.not_icmp) and not _icmp(rule))
    )


def _possible(rule: MatchRule, version: IpVersion, sets: SetTable) -> bool:
    """Whether packets of an IP version can match."""
    if rule.ip_version not in (None, version):
        return False
    if (rule.icmp or rule.not_icmp) and ICMP_VERSIONS.get(rule.protocol) != version:
        return False
    return all(_peer_possible(peer, version, sets) for peer in (rule.source, rule.destination))


def _peer_possible(peer: MatchPeer, version: IpVersion, sets: SetTable) -> bool:
    if peer.nets and not nets_of(peer.nets, version):
        return False
    if any(sets.is_everything(set_id, version) for set_id in peer.not_ip_sets):
        return False
    return nets_of(peer.not_nets, version) != [EVERYTHING[version]]


def _transport(rule: MatchRule, sets: SetTable) -> list[str]:
    """What is asked of the protocol and its header, in both IP versions alike."""
    common = _join(
        _protocol(rule),
        _ports("th sport", rule.source, sets),
        _ports("th dport", rule.destination, sets),
    )
    return [_join(common, icmp) for icmp in _icmp(rule)]


def _protocol(rule: MatchRule) -> str:
    if rule.protocol is not None:
        return f"meta l4proto {rule.protocol}"
    return "" if rule.not_protocol is None else f"meta l4proto != {rule.not_protocol}"


def _ports(field: str, peer: MatchPeer, sets: SetTable) -> str:
    """What is asked of a port by number alone."""
    wanted, excluded = merge_ports(peer.ports), merge_ports(peer.not_ports)
    return _join(
        f"{field} {sets.ports(wanted)}" if wanted and not _named(peer) else "",
        f"{field} != {sets.set_of_ports(excluded)}" if excluded else "",
    )


def _named(peer: MatchPeer) -> tuple[str, ...]:
    """The named ports that can make a difference: with all numbers allowed none can."""
    return () if merge_ports(peer.ports) == [ALL_PORTS] else peer.port_sets


def _icmp(rule: MatchRule) -> list[str]:
    """The ways to have the ICMP type and code that are asked for and not those that are excluded."""
    word = "icmp" if rule.protocol == ICMP else "icmpv6"
    wanted, excluded = rule.icmp, rule.not_icmp
    if wanted is None:
        return [""] if excluded is None else _icmp_except(word, excluded)
    text = f"{word} type {wanted.type}"
    if wanted.code is not None:
        text += f" {word} code {wanted.code}"
    if excluded is None or excluded.type != wanted.type:
        return [text]
    if excluded.code in (None, wanted.code):
        return []
    return [text if wanted.code is not None else f"{text} {word} code != {excluded.code}"]


def _icmp_except(word: str, excluded: IcmpMatch) -> list[str]:
    other_type = f"{word} type != {excluded.type}"
    if excluded.code is None:
        return [other_type]
    return [other_type, f"{word} type {excluded.type} {word} code != {excluded.code}"]


def _ends(rule: MatchRule, version: IpVersion, sets: SetTable) -> list[tuple[str, str]]:
    """The ways in which both ends can be as the rule asks: of their addresses, and of their named ports."""
    ip = _IP[version]
    peers = (("s", rule.source), ("d", rule.destination))
    addresses = (_address(f"{ip} {end}addr", peer, version, sets) for end, peer in peers)
    sockets = (_sockets(f"{ip} {end}addr", f"th {end}port", peer, version, sets) for end, peer in peers)
    return list(product(_both(*addresses), _both(*sockets)))


def _both(sources: list[str], destinations: list[str]) -> list[str]:
    return [_join(*pair) for pair in product(sources, destinations)]


def _sockets(address: str, port: str, peer: MatchPeer, version: IpVersion, sets: SetTable) -> list[str]:
    """The ways in which address, protocol and port can be as the peer asks, where it names ports.

    A port whose number is asked for, too, is in the first only; one of several named ports is in the first of them.
    """
    field = CONCATENATION.join((address, "meta l4proto", port))
    always = _join(*(f"{field} != {sets.port_set(set_id, version)}" for set_id in peer.not_port_sets))
    named = _named(peer)
    if not named:
        return [always]
    wanted = merge_ports(peer.ports)
    choices = [f"{port} {sets.ports(wanted)}"] if wanted else []
    before = [f"{port} != {sets.ports(wanted)}"] if wanted else []
    for set_id in named:
        reference = sets.port_set(set_id, version)
        choices.append(_join(*before, f"{field} {reference}"))
        before.append(f"{field} != {reference}")
    return [_join(choice, always) for choice in choices]


def _address(field: str, peer: MatchPeer, version: IpVersion, sets: SetTable) -> list[str]:
    """The ways in which one address can be as the peer asks."""
    everything = [EVERYTHING[version]]
    nets, not_nets = nets_of(peer.nets, version), nets_of(peer.not_nets, version)
    excluded = [sets.nets(not_nets, version)] if not_nets else []
    for set_id in peer.not_ip_sets:
        excluded += sets.ip_set(set_id, version)
    always = _join(
        f"{field} {sets.nets(nets, version)}" if nets and nets != everything else "",
        *(f"{field} != {value}" for value in excluded),
    )
    some = (set_id for set_id in peer.ip_sets if not sets.is_everything(set_id, version))
    members = [_member(field, *sets.ip_set(set_id, version)) for set_id in some]
    return [_join(always, *choice) for choice in product(*members)]


def _member(field: str, addresses: str, networks: str | None = None) -> list[str]:
    """The ways to be in an IP set. An address that lies in a network, too, is in the first only."""
    if networks is None:
        return [f"{field} {addresses}"]
    return [f"{field} {addresses}", f"{field} {networks} {field} != {addresses}"]
