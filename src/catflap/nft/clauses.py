"""One rule as the packets of one IP version meet it, in parts that rules have in common.

`catflap.nft.decision` puts many rules into few look-ups. It has to know of each what it asks of the protocol, the
destination port and both networks, and whether it asks anything else. What a clause stands for is the text that
`catflap.nft.match` writes; nothing here may decide about packets in any other way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec
from msgspec.structs import replace

from catflap.model.resources import Action, Direction, IpVersion, PortRange
from catflap.nft.counters import Counted, Counters
from catflap.nft.match import can_match, version_conditions
from catflap.nft.rules import about_rule, counted_decisions, line, log_statement
from catflap.nft.sets import EVERYTHING, IP_VERSIONS, SetTable, SplitSets, merge_ports, nets_of
from catflap.nft.style import Counting
from catflap.policy.host_policy import MatchPeer, MatchRule, RuleLists

_MOST_PORTS = 64  # of a rule that is looked up by each of its ports
_ASKS_NOTHING = MatchRule(0, Action.ALLOW)


class Known(msgspec.Struct, frozen=True):
    """What look-ups have found out about a packet already, so that no rule needs to ask again.

    ``service``: its protocol and destination port are those that a rule asks for, where it asks; ``source`` and
    ``destination``: so are its networks.
    """

    version: IpVersion
    service: bool = False
    source: bool = False
    destination: bool = False


class Clause(msgspec.Struct, frozen=True, eq=False):
    """A rule for one IP version; two of them are never equal.

    ``protocol``, ``ports``, ``sources`` and ``destinations`` are None where any will do; ``ports`` are merged, networks
    collapsed. ``services`` are the protocols and ports that it asks for, where they are few, and else empty.
    ``source_set`` or ``destination_set`` is the one IP set that an address must be in, where nothing else is asked but
    the four parts; ``plain``: nothing at all is. ``asked`` is the same for clauses that match the same packets, and
    empty where that is not known. ``verdict`` is empty where the packet goes on.
    """

    rule: MatchRule
    verdict: str
    condition: str
    log: str
    about: str
    protocol: int | None
    ports: tuple[PortRange, ...] | None
    sources: tuple[str, ...] | None
    destinations: tuple[str, ...] | None
    source_set: str | None
    destination_set: str | None
    plain: bool
    services: tuple[tuple[int, int], ...] = ()
    asked: str = ""

    @property
    def commutes(self) -> bool:
        """Whether it makes no difference in which order it and one of the same verdict are met."""
        return bool(self.verdict) and not self.log

    def decides_all(self, known: Known) -> bool:
        """Whether no packet of which this is known gets past it."""
        return self.plain and bool(self.verdict) and self.asks_nothing_but_sets(known)

    def asks_nothing_but_sets(self, known: Known) -> bool:
        """Whether nothing of its four parts is left to be asked."""
        return (
            (known.service or (self.protocol is None and self.ports is None))
            and (known.source or self.sources is None)
            and (known.destination or self.destinations is None)
        )

    def conditions(self, known: Known, sets: SetTable) -> list[str]:
        """What is left to be asked, as `match.version_conditions` writes it."""
        texts = version_conditions(self._left(known), known.version, sets)
        return [" ".join(filter(None, (text, self.condition))) for text in texts]

    def lines(self, known: Known, sets: SetTable) -> list[str]:
        """Its rules in nft text."""
        return [line(text, self.log, self.verdict, about=self.about) for text in self.conditions(known, sets)]

    def _left(self, known: Known) -> MatchRule:
        """The rule without what is known to hold."""
        rule = self.rule
        if known.source and rule.source.nets:
            rule = replace(rule, source=replace(rule.source, nets=()))
        if known.destination and rule.destination.nets:
            rule = replace(rule, destination=replace(rule.destination, nets=()))
        if known.service:
            if self.ports is not None:
                rule = replace(rule, destination=replace(rule.destination, ports=()))
            if not (rule.icmp or rule.not_icmp):  # the type of a message has another name for each protocol
                rule = replace(rule, protocol=None)
        return rule


class Clauses(msgspec.Struct, frozen=True):
    """The clauses of one direction of a policy or profile in order, for each IP version.

    ``ip_sets`` are those whose shape (`sets.FamilySets`) they depend on, ``counted`` the counters that they refer to.
    """

    ipv4: tuple[Clause, ...] = ()
    ipv6: tuple[Clause, ...] = ()
    ip_sets: frozenset[str] = frozenset()
    counted: Mapping[str, Counted] = {}

    def of(self, version: IpVersion) -> tuple[Clause, ...]:
        """Those of one IP version."""
        return self.ipv4 if version == 4 else self.ipv6  # noqa: PLR2004  # its name

    def __len__(self) -> int:
        return max(len(self.ipv4), len(self.ipv6))


def clauses_of(
    lists: RuleLists,
    direction: Direction,
    sets: SplitSets,
    mark: int,
    counting: Counting = Counting.NONE,
) -> Clauses:
    """The rules of one direction. Those that no packet of an IP version can match are not among them."""
    table, counters = SetTable(sets), Counters()
    decided = [
        (rule, about_rule(lists, direction, rule), decision)
        for rule in lists.rules(direction)
        for decision in counted_decisions(lists, direction, rule, mark, counting, counters)
    ]
    ipv4, ipv6 = (
        tuple(
            _clause(narrowed, version, verdict, condition, log_statement(rule), about)
            for rule, about, (narrowed, condition, verdict) in decided
            if can_match(narrowed, version, table)
        )
        for version in IP_VERSIONS
    )
    peers = (peer for rule in lists.rules(direction) for peer in (rule.source, rule.destination))
    ip_sets = frozenset(name for peer in peers for name in (*peer.ip_sets, *peer.not_ip_sets))
    return Clauses(ipv4, ipv6, ip_sets, counters.counted)


def joined(lists: Iterable[Clauses]) -> Clauses:
    """The clauses of several policies, one after the other."""
    found = list(lists)
    return Clauses(
        tuple(clause for item in found for clause in item.ipv4),
        tuple(clause for item in found for clause in item.ipv6),
        frozenset().union(*(item.ip_sets for item in found)),
        {name: counted for item in found for name, counted in item.counted.items()},
    )


@lru_cache
def final(verdict: str, about: str) -> Clause:
    """What becomes of all packets that come this far; the same clause whenever the same is asked for."""
    rule = MatchRule(0, Action.DENY)
    return Clause(rule, verdict, "", "", about, None, None, None, None, None, None, plain=True)


def _clause(
    rule: MatchRule, version: IpVersion, verdict: str, condition: str, log: str, about: str
) -> Clause:
    source, destination = rule.source, rule.destination
    ports = tuple(merge_ports(destination.ports)) if destination.ports and not destination.port_sets else None
    rest = _unasked(rule)
    source_set = rest.source.ip_sets[0] if rest == _asking_source(rest) else None
    destination_set = rest.destination.ip_sets[0] if rest == _asking_destination(rest) else None
    plain = not condition and rest == _ASKS_NOTHING
    source_set, destination_set = (None, None) if condition else (source_set, destination_set)
    sources, destinations = _nets(source, version), _nets(destination, version)
    asked = rule.protocol, ports, sources, destinations, source_set, destination_set
    return Clause(
        rule=rule,
        verdict=verdict,
        condition=condition,
        log=log,
        about=about,
        protocol=rule.protocol,
        ports=ports,
        sources=sources,
        destinations=destinations,
        source_set=source_set,
        destination_set=destination_set,
        plain=plain,
        services=_services(rule.protocol, ports),
        asked=repr(asked) if plain or source_set or destination_set else "",
    )


def _services(protocol: int | None, ports: tuple[PortRange, ...] | None) -> tuple[tuple[int, int], ...]:
    if protocol is None or ports is None or sum(item.last - item.first + 1 for item in ports) > _MOST_PORTS:
        return ()
    return tuple((protocol, port) for item in ports for port in range(item.first, item.last + 1))


def _nets(peer: MatchPeer, version: IpVersion) -> tuple[str, ...] | None:
    nets = nets_of(peer.nets, version)
    return tuple(nets) if nets and nets != [EVERYTHING[version]] else None


def _unasked(rule: MatchRule) -> MatchRule:
    """What a rule asks besides the four parts, as a rule that is the same whatever its number and action."""
    source = replace(rule.source, nets=())
    ports = rule.destination.ports if rule.destination.port_sets else ()
    destination = replace(rule.destination, nets=(), ports=ports)
    return MatchRule(
        0,
        Action.ALLOW,
        not_protocol=rule.not_protocol,
        icmp=rule.icmp,
        not_icmp=rule.not_icmp,
        source=source,
        destination=destination,
    )


def _asking_source(rest: MatchRule) -> MatchRule | None:
    """A rule that asks nothing but that the source is in the first of the sets of ``rest``; None without one."""
    sets = rest.source.ip_sets[:1]
    return MatchRule(0, Action.ALLOW, source=MatchPeer(ip_sets=sets)) if sets else None


def _asking_destination(rest: MatchRule) -> MatchRule | None:
    sets = rest.destination.ip_sets[:1]
    return MatchRule(0, Action.ALLOW, destination=MatchPeer(ip_sets=sets)) if sets else None
