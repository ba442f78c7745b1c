"""Hypothesis strategies for the policy of any host, and packets that are likely to meet something in it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from hypothesis import strategies as st
from tests.verdict.hosts import Host, Tier, ip_sets, nets, policy, port_set, ports, profile, rule, tier

from catflap.model.resources import ICMP, ICMPV6, TCP, UDP, Action, IcmpMatch, PortRange
from catflap.policy.host_policy import (
    Failsafe,
    FailsafePort,
    HostPolicy,
    MatchPeer,
    RuleLists,
    SocketAddress,
)
from catflap.verdict.packet import ConnectionState, Packet, Path

_ADDRESSES = {
    4: ["10.0.0.5", "10.0.0.6", "192.0.2.1", "198.51.100.7", "0.0.0.0"],
    6: ["2001:db8::5", "2001:db8::6", "fe80::1", "::"],
}
_PORTS = [22, 53, 67, 68, 80, 546, 547, 2379]
_INTERFACES = ["eth0", "eth1", "wlan0", "cali1", "cali2", "lo"]
_PATTERNS = ["eth0", "eth1", "lo", "eth*", "*"]
_MAC = "02:00:00:00:00:01"

_MATCHES = [
    rule(),
    rule(ip_version=4),
    rule(ip_version=6, protocol=TCP),
    rule(protocol=UDP),
    rule(not_protocol=UDP),
    rule(protocol=TCP, not_protocol=TCP),
    rule(protocol=ICMP, icmp=IcmpMatch(8)),
    rule(protocol=ICMPV6, icmp=IcmpMatch(128, 0), ip_version=6),
    rule(protocol=ICMPV6, not_icmp=IcmpMatch(128)),
    rule(protocol=TCP, destination=ports(22, 80)),
    rule(protocol=UDP, destination=MatchPeer(ports=(PortRange(22, 80),), not_ports=(PortRange(68, 68),))),
    rule(protocol=TCP, source=MatchPeer(port_sets=("p1",))),
    rule(protocol=TCP, destination=MatchPeer(ports=(PortRange(22, 22),), not_port_sets=("p1",))),
    rule(source=nets("10.0.0.0/8", "2001:db8::/32")),
    rule(source=nets("0.0.0.0/0"), destination=MatchPeer(not_nets=("10.0.0.5/32",))),
    rule(destination=MatchPeer(ip_sets=("s1",))),
    rule(source=MatchPeer(not_ip_sets=("s1", "s2"))),
    rule(source=MatchPeer(ip_sets=("s2",)), destination=MatchPeer(nets=("::/0",))),
]
RULES = [msgspec.structs.replace(match, action=action) for match in _MATCHES for action in Action]
SETS: Mapping[str, object] = {
    "ip_sets": ip_sets(s1=["10.0.0.5", "2001:db8::/33"], s2=["10.0.0.0/9"]),
    "port_sets": port_set("p1", members=frozenset({SocketAddress("10.0.0.5", TCP, 80)})),
}

some_rules = st.lists(st.sampled_from(RULES), max_size=4)
_policies = st.builds(lambda name, rules: policy(name, *rules), st.sampled_from(["a", "b", "c"]), some_rules)
_profiles: st.SearchStrategy[RuleLists | str] = st.just("gone") | st.builds(
    lambda rules: profile("x", *rules), some_rules
)


@st.composite
def _tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    defaults = st.sampled_from([Action.DENY, Action.PASS])
    names = draw(st.sampled_from([(), (), ("t",), ("t", "u")]))
    some = st.lists(_policies, min_size=1, max_size=2)
    return tuple(tier(name, *draw(some), default=draw(defaults)) for name in names)


_failsafe_ports = st.lists(
    st.builds(
        FailsafePort,
        st.sampled_from([TCP, UDP]),
        st.builds(lambda port: PortRange(port, port), st.sampled_from(_PORTS)),
        st.sampled_from([None, "10.0.0.0/8", "2001:db8::/32"]),
    ),
    max_size=2,
).map(tuple)


@st.composite
def any_host(draw: st.DrawFn) -> HostPolicy:
    host = Host(
        failsafe=Failsafe(draw(_failsafe_ports), draw(_failsafe_ports)),
        **SETS,
        workload_to_host=draw(st.sampled_from([Action.DENY, Action.ALLOW])),
    )
    profiles = st.lists(_profiles, max_size=2)
    for name in draw(st.lists(st.sampled_from(_PATTERNS), max_size=3, unique=True)):
        kinds = {kind: draw(_tiers()) for kind in ("local", "forward", "untracked", "pre_dnat")}
        host.interface(name, profiles=draw(profiles), **kinds)
    if draw(st.booleans()):
        host.workload(tiers=draw(_tiers()), profiles=draw(profiles), mac=draw(st.sampled_from([None, _MAC])))
    return host.build()


@st.composite
def any_packet(draw: st.DrawFn) -> Packet:
    addresses = st.sampled_from(_ADDRESSES[draw(st.sampled_from([4, 6]))])
    port = st.none() | st.sampled_from(_PORTS)
    return Packet(
        path=draw(st.sampled_from(Path)),
        interface=draw(st.sampled_from(_INTERFACES)),
        source=draw(addresses),
        destination=draw(addresses),
        protocol=draw(st.sampled_from([TCP, UDP, ICMP, ICMPV6, 47])),
        source_port=draw(port),
        destination_port=draw(port),
        icmp_type=draw(st.sampled_from([None, 1, 8, 128, 130, 133, 135])),
        icmp_code=draw(st.sampled_from([None, 0, 1])),
        state=draw(st.sampled_from(ConnectionState)),
        out_interface=draw(st.sampled_from(_INTERFACES)),
        hop_limit=draw(st.sampled_from([64, 255])),
        original_destination=draw(st.none() | addresses),
        original_destination_port=draw(port),
        source_mac=draw(st.sampled_from([None, _MAC, "02:00:00:00:00:02"])),
    )
