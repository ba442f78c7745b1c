"""The chains that keep a host reachable and its IPv6 alive whatever policy says. They only ever accept.

Failsafe ports are written like rules of policy. Of ICMPv6 the messages pass without which a host's IPv6 does not work
(RFC 4890, section 4.4): errors, neighbour discovery where the hop limit proves that it comes from the link (RFC 4861),
and multicast listener discovery. Echo is a matter of policy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from catflap.model.resources import ICMPV6, Action, Direction, PortRange
from catflap.nft.match import conditions
from catflap.nft.rules import RuleText, line
from catflap.nft.ruleset import Chain
from catflap.nft.sets import SetTable
from catflap.policy.host_policy import Failsafe, MatchPeer, MatchRule

ICMPV6_JUMP = f"meta nfproto ipv6 meta l4proto {ICMPV6} jump essential-icmpv6"
ICMPV6_CHAIN = Chain(
    "essential-icmpv6",
    (
        line("icmpv6 type 1-4 accept", about="errors"),
        line("icmpv6 type 133-137 ip6 hoplimit 255 accept", about="neighbour discovery"),
        line("icmpv6 type 130-132 accept", about="multicast listener discovery"),
        line("icmpv6 type 143 accept", about="multicast listener discovery version 2"),
    ),
)


def failsafe_text(failsafe: Failsafe, direction: Direction) -> RuleText:
    """Accept the failsafe ports of one direction: one rule for each protocol and network."""
    ports = failsafe.inbound if direction is Direction.INGRESS else failsafe.outbound
    groups: defaultdict[tuple[int, str | None], list[PortRange]] = defaultdict(list)
    for port in ports:
        groups[port.protocol, port.net].append(port.ports)
    sets = SetTable({})
    matches = [
        text for key, ranges in groups.items() for text in conditions(_rule(*key, ranges, direction), sets)
    ]
    lines = tuple(line(text, "accept", about=f"failsafe {direction.lower()}") for text in matches)
    return RuleText(lines, sets.needs, passes=False)


def _rule(protocol: int, net: str | None, ports: Sequence[PortRange], direction: Direction) -> MatchRule:
    nets = () if net is None else (net,)
    ingress = direction is Direction.INGRESS
    return MatchRule(
        number=0,
        action=Action.ALLOW,
        protocol=protocol,
        source=MatchPeer(nets=nets if ingress else ()),
        destination=MatchPeer(nets=() if ingress else nets, ports=tuple(ports)),
    )
