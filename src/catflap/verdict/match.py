"""Whether a rule matches a packet: a rule is a list of clauses, and all of them must hold.

A clause compares one field of the packet with what the rule wants there, or excludes. The same clauses decide and
explain, so that an explanation cannot differ from the verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from catflap.model.resources import Action, IcmpMatch, IpVersion, PortRange
from catflap.policy.host_policy import HostPolicy, IpSet, MatchPeer, MatchRule, PortSet, SocketAddress
from catflap.verdict.header import Header, IcmpValues
from catflap.verdict.networks import Address, Networks
from catflap.verdict.packet import protocol_name


class Clause(msgspec.Struct, frozen=True):
    """One field of a rule.

    ``value`` takes the field from a header, ``contains`` says whether it is among what the rule names. The clause
    holds if it is, or (``negated``) if it is not. For people: ``about`` names the field, ``wanted`` what the rule
    names, and ``show`` writes the packet's value. ``set_id`` is the IP set, where the clause is about one, and
    ``sentence`` the id of the sentence of the policy reference that the clause follows.
    """

    sentence: str
    about: str
    value: Callable[[Header], Any]
    contains: Callable[[Any], bool]
    wanted: str
    negated: bool = False
    show: Callable[[Any], str] = str
    set_id: str | None = None

    def holds(self, header: Header) -> bool:
        """Whether the packet is as this clause wants it."""
        value = self.value(header)
        if value is None:
            return False  # [match-absent]
        return self.contains(value) is not self.negated  # [match-not]


class Rule(msgspec.Struct, frozen=True):
    """A rule, ready to be compared with packets. One without clauses matches every packet."""

    number: int
    action: Action
    clauses: tuple[Clause, ...]

    def matches(self, header: Header) -> bool:
        """Whether every clause holds."""
        for clause in self.clauses:  # noqa: SIM110 - all() takes twice as long  # [match-all]
            if not clause.holds(header):
                return False
        return True


def first_match(rules: Sequence[Rule], header: Header) -> Rule | None:
    """The first rule that matches and decides: Log does not."""
    for rule in rules:  # [action-first]
        if rule.matches(header) and rule.action is not Action.LOG:  # [action-log]
            return rule
    return None


class Sets:
    """The sets of a host policy, parsed once for all rules."""

    def __init__(self, policy: HostPolicy) -> None:
        self.ip_sets: Mapping[str, IpSet] = policy.ip_sets
        self.port_sets: Mapping[str, PortSet] = policy.port_sets
        self.networks = {set_id: Networks(ip_set.members) for set_id, ip_set in policy.ip_sets.items()}


def prepare_rule(rule: MatchRule, sets: Sets) -> Rule:
    """Parse a rule. Its clauses stand in the order in which people read a packet."""
    return Rule(rule.number, rule.action, tuple(_clauses(rule, sets)))


def _clauses(rule: MatchRule, sets: Sets) -> Iterator[Clause]:
    if rule.ip_version is not None:
        yield _ip_version(rule.ip_version)
    if rule.protocol is not None:
        yield _protocol(rule.protocol, negated=False)
    if rule.not_protocol is not None:
        yield _protocol(rule.not_protocol, negated=True)
    yield from _address("source", rule.source, sets)
    yield from _address("destination", rule.destination, sets)
    yield from _port("source", rule.source, sets)
    yield from _port("destination", rule.destination, sets)
    if rule.icmp is not None:
        yield _icmp(rule.icmp, negated=False)
    if rule.not_icmp is not None:
        yield _icmp(rule.not_icmp, negated=True)


def _ip_version(version: IpVersion) -> Clause:
    among = frozenset({version}).__contains__
    return Clause("match-version", "IP version", attrgetter("version"), among, str(version))


def _protocol(protocol: int, *, negated: bool) -> Clause:
    return Clause(
        "match-protocol",
        "protocol",
        attrgetter("protocol"),
        frozenset({protocol}).__contains__,
        protocol_name(protocol),
        negated,
        protocol_name,
    )


def _address(end: str, peer: MatchPeer, sets: Sets) -> Iterator[Clause]:
    value = attrgetter(end)
    for nets, negated in ((peer.nets, False), (peer.not_nets, True)):
        if nets:
            cover = Networks(nets).cover
            yield Clause("match-nets", end, value, cover, f"in {', '.join(nets)}", negated, _text)
    for set_ids, negated in ((peer.ip_sets, False), (peer.not_ip_sets, True)):
        for set_id in set_ids:
            cover, description = sets.networks[set_id].cover, sets.ip_sets[set_id].description
            wanted = f"in the set of {description}"
            yield Clause("match-sets", end, value, cover, wanted, negated, _text, set_id)


def _text(address: Address) -> str:
    return address.text


def _port(end: str, peer: MatchPeer, sets: Sets) -> Iterator[Clause]:
    for ports, set_ids, negated in (
        (peer.ports, peer.port_sets, False),
        (peer.not_ports, peer.not_port_sets, True),
    ):
        if ports or set_ids:
            port_sets = [sets.port_sets[set_id] for set_id in set_ids]
            yield Clause(
                "match-ports",
                f"{end} port",
                attrgetter(f"{end}_socket"),
                _Ports(ports, port_sets).contain,
                _among([*map(str, ports), *(port_set.description for port_set in port_sets)]),
                negated,
                _port_text,
            )


class _Ports:
    """Ports by number and by name."""

    def __init__(self, ranges: Sequence[PortRange], port_sets: Sequence[PortSet]) -> None:
        self._ranges = tuple(range(ports.first, ports.last + 1) for ports in ranges)
        self._named = tuple(port_set.members for port_set in port_sets)

    def contain(self, socket: SocketAddress) -> bool:
        port = socket.port
        for ports in self._ranges:
            if port in ports:
                return True
        return any(socket in members for members in self._named)  # [match-named-ports]


def _port_text(socket: SocketAddress) -> str:
    return str(socket.port)


def _among(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"in {', '.join(items)}"


def _icmp(match: IcmpMatch, *, negated: bool) -> Clause:
    def contains(values: IcmpValues) -> bool:
        icmp_type, code = values
        return icmp_type == match.type and match.code in (None, code)

    wanted = _icmp_text((match.type, match.code))
    return Clause("match-icmp", "ICMP type", attrgetter("icmp"), contains, wanted, negated, _icmp_text)


def _icmp_text(values: IcmpValues) -> str:
    icmp_type, code = values
    return str(icmp_type) if code is None else f"{icmp_type} code {code}"
