"""Whether every packet that one rule matches is matched by another one, too.

Conservative: it answers yes only where that follows from the two rules alone, without knowing what selectors stand for.
A wrong yes would tell somebody to delete a rule that is needed; a no costs nothing.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable, Sequence

from catflap.model.resources import IcmpMatch, IpVersion, Peer, PortRange, Rule, ip_version_of


def rule_contains(wide: Rule, narrow: Rule) -> bool:
    """Whether ``wide`` certainly matches all that ``narrow`` matches. What differs most often is compared first."""
    return (
        wide.protocol in (None, narrow.protocol)
        and _peer_contains(wide.source, narrow.source)
        and _peer_contains(wide.destination, narrow.destination)
        and wide.ip_version in (None, version_of(narrow))
        and _not_protocol_contains(wide, narrow)
        and _icmp_contains(wide.icmp, narrow.icmp)
        and wide.not_icmp in (None, narrow.not_icmp)
    )


def version_of(rule: Rule) -> IpVersion | None:
    """The only IP version that a rule can match, as written or by its networks; None if there may be two."""
    if rule.ip_version is not None:
        return rule.ip_version
    for nets in (rule.source.nets, rule.destination.nets):
        versions = {ip_version_of(net) for net in nets}
        if len(versions) == 1:
            return versions.pop()
    return None


def net_within(net: str, nets: Iterable[str]) -> bool:
    """Whether a network lies inside of one of others."""
    version, first, last = _extent(net)
    for other in nets:
        outer_version, outer_first, outer_last = _extent(other)
        if outer_version == version and outer_first <= first and last <= outer_last:
            return True
    return False


def ports_within(ports: Sequence[PortRange], ranges: Iterable[PortRange]) -> bool:
    """Whether all ports are in the ranges, taken together."""
    merged = merge_ports(ranges)
    return all(any(r.first <= port.first and port.last <= r.last for r in merged) for port in ports)


def merge_ports(ranges: Iterable[PortRange]) -> list[PortRange]:
    """The same ports in as few ranges as possible, sorted."""
    merged: list[PortRange] = []
    for each in sorted(ranges):
        if merged and each.first <= merged[-1].last + 1:
            merged[-1] = PortRange(merged[-1].first, max(merged[-1].last, each.last))
        else:
            merged.append(each)
    return merged


@functools.lru_cache(maxsize=65536)
def _extent(net: str) -> tuple[int, int, int]:
    """IP version, first and last address of a network, as numbers: comparing those is what takes the time."""
    network = ipaddress.ip_network(net)
    return network.version, int(network.network_address), int(network.broadcast_address)


def _not_protocol_contains(wide: Rule, narrow: Rule) -> bool:
    if wide.not_protocol is None or wide.not_protocol == narrow.not_protocol:
        return True
    return narrow.protocol is not None and narrow.protocol != wide.not_protocol


def _icmp_contains(wide: IcmpMatch | None, narrow: IcmpMatch | None) -> bool:
    if wide is None:
        return True
    return narrow is not None and narrow.type == wide.type and wide.code in (None, narrow.code)


def _peer_contains(wide: Peer, narrow: Peer) -> bool:
    return (
        _nets_contain(wide.nets, narrow.nets)
        and all(net_within(net, narrow.not_nets) for net in wide.not_nets)
        and wide.selector in (None, narrow.selector)
        and wide.not_selector in (None, narrow.not_selector)
        and wide.tag in (None, narrow.tag)
        and wide.not_tag in (None, narrow.not_tag)
        and _ports_contain(wide, narrow)
        and _not_ports_contain(wide, narrow)
    )


def _nets_contain(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    if not wide:
        return True
    return bool(narrow) and all(net_within(net, wide) for net in narrow)


def _ports_contain(wide: Peer, narrow: Peer) -> bool:
    if not wide.ports and not wide.named_ports:
        return True
    if not narrow.ports and not narrow.named_ports:
        return False
    # What a port's name stands for depends on the selector beside it.
    named = not narrow.named_ports or (
        wide.selector == narrow.selector and set(narrow.named_ports) <= set(wide.named_ports)
    )
    return named and ports_within(narrow.ports, wide.ports)


def _not_ports_contain(wide: Peer, narrow: Peer) -> bool:
    if wide.not_named_ports:
        return wide.selector == narrow.selector and set(wide.not_named_ports) <= set(narrow.not_named_ports)
    return ports_within(wide.not_ports, narrow.not_ports)
