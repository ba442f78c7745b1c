"""The chains that hold whatever policy says: what keeps a host reachable, its IPv6 alive and its workloads served.

They only ever accept. Failsafe ports are written like rules of policy. Of ICMPv6 the messages pass without which a
host's IPv6 does not work (RFC 4890, section 4.4): errors, neighbour discovery where the hop limit proves that it comes
from the link (RFC 4861), and multicast listener discovery. Echo is a matter of policy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from catflap.model.resources import ICMPV6, UDP, Action, Direction, PortRange
from catflap.nft.match import conditions
from catflap.nft.rules import RuleText, line
from catflap.nft.ruleset import TRACKING, Chain
from catflap.nft.sets import SetTable, SplitSets
from catflap.policy.host_policy import Failsafe, MatchPeer, MatchRule

ESTABLISHED = line("ct state established,related accept", about="established")
INVALID = line("ct state invalid drop", about="invalid")

TRACKING_CHAIN = Chain(
    TRACKING,
    (
        line(
            "ct state new accept",
            about="not for packets: while this rule exists the kernel tracks connections",
        ),
    ),
)

IS_ICMPV6 = f"meta nfproto ipv6 meta l4proto {ICMPV6}"
_UDP4, _UDP6 = (f"meta nfproto ipv{version} meta l4proto {UDP}" for version in (4, 6))

ICMPV6_CHAIN = Chain(
    "essential-icmpv6",
    (
        line("icmpv6 type 1-4 accept", about="errors"),
        line("icmpv6 type 133-137 ip6 hoplimit 255 accept", about="neighbour discovery"),
        line("icmpv6 type 130-132 accept", about="multicast listener discovery"),
        line("icmpv6 type 143 accept", about="multicast listener discovery version 2"),
    ),
)

WORKLOAD_SERVICES_CHAIN = Chain(
    "workload-services",
    (
        line(f"{IS_ICMPV6} icmpv6 type 130-132 accept", about="multicast listener discovery"),
        line(f"{IS_ICMPV6} icmpv6 type 133 ip6 hoplimit 255 accept", about="router solicitation"),
        line(f"{IS_ICMPV6} icmpv6 type 135-136 ip6 hoplimit 255 accept", about="neighbour discovery"),
        line(f"{_UDP4} th sport 68 th dport 67 accept", about="DHCP"),
        line(f"{_UDP6} th sport 546 th dport 547 accept", about="DHCPv6"),
        line(f"meta l4proto {UDP} th dport 53 accept", about="DNS"),
    ),
)

WORKLOAD_SOURCES_CHAIN = Chain(
    "workload-sources",
    (
        line(f"ip saddr 0.0.0.0 meta l4proto {UDP} th sport 68 th dport 67 accept", about="DHCP"),
        line("ip6 saddr fe80::/10 accept", about="link-local"),
        line(f"ip6 saddr :: meta l4proto {ICMPV6} accept", about="before there is an address"),
    ),
)


def failsafe_text(failsafe: Failsafe, direction: Direction) -> RuleText:
    """Accept the failsafe ports of one direction: one rule for each protocol and network."""
    return _failsafe_text(failsafe, direction, direction)


def failsafe_replies_text(failsafe: Failsafe, direction: Direction) -> RuleText:
    """Accept what failsafe ports of the other direction answer, for where connections are not tracked."""
    opposite = Direction.EGRESS if direction is Direction.INGRESS else Direction.INGRESS
    return _failsafe_text(failsafe, direction, opposite)


def _failsafe_text(failsafe: Failsafe, direction: Direction, listed: Direction) -> RuleText:
    """Rules for packets of one direction, from the list of one."""
    ports = failsafe.inbound if listed is Direction.INGRESS else failsafe.outbound
    groups: defaultdict[tuple[int, str | None], list[PortRange]] = defaultdict(list)
    for port in ports:
        groups[port.protocol, port.net].append(port.ports)
    sets = SetTable(SplitSets())
    rules = (
        _rule(protocol, net, ranges, direction, replies=direction is not listed)
        for (protocol, net), ranges in groups.items()
    )
    about = f"failsafe {listed.lower()}" if direction is listed else f"replies of failsafe {listed.lower()}"
    lines = tuple(line(text, "accept", about=about) for rule in rules for text in conditions(rule, sets))
    return RuleText(lines, sets.needs, passes=False)


def _rule(
    protocol: int, net: str | None, ranges: Sequence[PortRange], direction: Direction, *, replies: bool
) -> MatchRule:
    """What the other end is, by its network; and the port, which is the destination's but in replies."""
    nets = () if net is None else (net,)
    ingress = direction is Direction.INGRESS
    ports = tuple(ranges)
    return MatchRule(
        number=0,
        action=Action.ALLOW,
        protocol=protocol,
        source=MatchPeer(nets=nets if ingress else (), ports=ports if replies else ()),
        destination=MatchPeer(nets=() if ingress else nets, ports=() if replies else ports),
    )
