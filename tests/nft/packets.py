"""Packets that have a fair chance to meet what a rule or a host policy speaks of."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from msgspec.structs import replace
from tests.nft.host_policies import ADDRESSES, INTERFACES, MACS, PORTS, rule

from catflap.model.resources import ICMP, ICMPV6, PORT_PROTOCOLS, UDP, Direction, ip_version_of
from catflap.policy.host_policy import HostPolicy, MatchRule
from catflap.verdict.packet import ConnectionState, Packet, Path

_PROTOCOLS = (1, 6, 6, 17, 17, 58, 132, 255)
_ICMPV6_TYPES = (1, 128, 130, 133, 135, 136, 143)
_SIDES = tuple(tuple(item for item in ADDRESSES if (":" in item) is ipv6) for ipv6 in (False, True))
_CLIENT_AND_SERVER_PORTS = ((68, 67), (546, 547), (40000, 53))


def packet(
    source: str = "10.0.0.1", destination: str = "10.0.0.2", protocol: int = 6, **fields: object
) -> Packet:
    """One that the host receives on eth0, if nothing else is said."""
    values = {"path": Path.IN, "interface": "eth0", **fields}
    if protocol in PORT_PROTOCOLS:
        values = {"source_port": 40000, "destination_port": 80, **values}
    return Packet(source=source, destination=destination, protocol=protocol, **values)  # type: ignore[arg-type]  # as above


@st.composite
def packets_for(draw: st.DrawFn, match: MatchRule, more_ports: Sequence[int] = ()) -> Packet:
    """One whose fields come from the rule's where it has any."""
    side = st.sampled_from(draw(st.sampled_from(_SIDES)))
    protocol = draw(st.sampled_from(_PROTOCOLS)) if match.protocol is None else match.protocol
    found = packet(draw(side), draw(side), protocol)
    if protocol in PORT_PROTOCOLS:
        port = st.sampled_from([*PORTS, 40000, *_edges(match), *more_ports])
        return replace(found, source_port=draw(port), destination_port=draw(port))
    if protocol in (ICMP, ICMPV6):
        type_ = st.sampled_from([0, 3, 8, 128, 255, *_ICMPV6_TYPES])
        return replace(found, icmp_type=draw(type_), icmp_code=draw(st.sampled_from([0, 1, 255])))
    return found


def _edges(match: MatchRule) -> list[int]:
    return [
        port
        for peer in (match.source, match.destination)
        for ports in (*peer.ports, *peer.not_ports)
        for port in (ports.first, ports.last, max(ports.first - 1, 0))
    ]


@st.composite
def packets(draw: st.DrawFn, policy: HostPolicy) -> Packet:
    """One on any path through the host."""
    lists = (*policy.policies.values(), *policy.profiles.values())
    rules = [rule(), *(match for owner in lists for side in Direction for match in owner.rules(side))]
    failsafe = [item.ports.first for item in (*policy.failsafe.inbound, *policy.failsafe.outbound)]
    found = draw(packets_for(draw(st.sampled_from(rules)), failsafe))
    if found.protocol == UDP and draw(st.booleans()):
        ports = draw(st.sampled_from(_CLIENT_AND_SERVER_PORTS))
        found = replace(found, source_port=ports[0], destination_port=ports[1])
    path = draw(st.sampled_from(Path))
    known = [item.interface for item in policy.interfaces if not item.is_pattern]
    known += [item.interface for item in policy.workloads]
    interface = st.sampled_from([*INTERFACES, *known, *known])
    found = replace(
        found,
        path=path,
        interface=draw(interface),
        out_interface=draw(interface) if path is Path.FORWARD else None,
        state=draw(st.sampled_from([ConnectionState.NEW, ConnectionState.NEW, *ConnectionState])),
        hop_limit=draw(st.sampled_from([64, 255])),
        source_mac=draw(st.sampled_from([None, *MACS])),
    )
    own = {item.interface: item.addresses for item in policy.workloads}.get(found.interface)
    if own and draw(st.booleans()):
        found = _sent_from(found, draw(st.sampled_from(own)))
    return _translated(found) if draw(st.integers(0, 3)) == 0 else found


def _sent_from(found: Packet, source: str) -> Packet:
    """With another source, of whatever IP version."""
    same = found.ip_version == ip_version_of(source)
    return replace(found, source=source, destination=found.destination if same else source)


def _translated(found: Packet) -> Packet:
    """With another destination than the one that it had on arrival."""
    other = ADDRESSES[0] if found.ip_version == 4 else ADDRESSES[-1]
    port = None if found.destination_port is None else 80
    return replace(found, original_destination=other, original_destination_port=port)
