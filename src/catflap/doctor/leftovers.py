"""What an earlier agent of Calico has left in the kernel: known by exact names, and nothing else is ever touched.

Felix 1 calls its chains ``felix-…`` and its IP sets ``felix-…``; later ones ``cali-…`` and ``cali40…``, ``cali60…``,
``cali4t…``, ``cali6t…`` and mark rules that they put into chains of others with a comment ``cali:`` and a hash. In
nftables they have tables of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from catflap.doctor.finding import Finding, Level
from catflap.doctor.iptables_listing import Kind, Saved, SavedTable
from catflap.doctor.port import Host, ProgramError, ProgramMissingError

CONFIGURATION: Final = "/etc/calico/felix.cfg"
NFT_TABLES: Final = (("ip", "calico"), ("ip6", "calico"), ("arp", "calico-arp"))

_CHAIN: Final = re.compile(r"(?:felix|cali)-.+")
_SET: Final = re.compile(r"felix-.+|cali[46][0t-].*")
_TARGET: Final = re.compile(r" (?:-j|-g) (\S+)")
_COMMENT: Final = re.compile(r'--comment "?cali:[\w-]{16}"?(?: |$)')
_REMEDY: Final = "catflap doctor --remove-leftovers"


class IptablesLeftovers(msgspec.Struct, frozen=True):
    """What is left in one table of iptables.

    Attributes:
        program: which iptables it is, such as ``iptables-legacy``.
        table: the name of the table.
        rules: rules in chains of others that lead to these chains or are marked as Calico's, as ``iptables-save``
            prints them.
        chains: the chains.
        closed: chains of others with such rules and the policy DROP: without the rules they drop more than before.
    """

    program: str
    table: str
    rules: tuple[str, ...]
    chains: tuple[str, ...]
    closed: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """As people call it."""
        return f"{self.program}, table {self.table}"


class Leftovers(msgspec.Struct, frozen=True):
    """All that is left."""

    iptables: tuple[IptablesLeftovers, ...] = ()
    sets: tuple[str, ...] = ()
    nft_tables: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.iptables or self.sets or self.nft_tables)


def find_leftovers(
    host: Host, saved: Saved, nft_names: Mapping[tuple[str, str], frozenset[str]], unread: dict[str, str]
) -> Leftovers:
    """What is left.

    Args:
        host: where to look for IP sets.
        saved: the tables of iptables.
        nft_names: the chains of all tables in nf_tables, by family and name of the table.
        unread: where to put what could not be looked at, and why.
    """
    unread |= _hidden(saved, nft_names)
    return Leftovers(
        iptables=tuple(_iptables(saved)),
        sets=tuple(_sets(host, unread)),
        nft_tables=tuple(" ".join(place) for place in NFT_TABLES if place in nft_names),
    )


def leftover_findings(leftovers: Leftovers) -> Iterator[Finding]:
    """What is the matter with what is left."""
    for each in leftovers.iptables:
        counts = f"{_count(len(each.chains), 'chain')} of Calico and {_count(len(each.rules), 'rule')} leading there"
        message = f"has {counts}: they still decide about packets, by policy that nobody updates"
        yield Finding(Level.PROBLEM, "leftover", each.title, message, _REMEDY)
    for title in leftovers.nft_tables:
        message = "is a table of Calico: it still decides about packets, by policy that nobody updates"
        yield Finding(Level.PROBLEM, "leftover", title, message, _REMEDY)
    if leftovers.sets:
        names = ", ".join(leftovers.sets[:3]) + (", …" if len(leftovers.sets) > 3 else "")  # noqa: PLR2004  # enough
        message = f"{_count(len(leftovers.sets), 'IP set')} of Calico ({names}), which only its rules use"
        yield Finding(Level.WARNING, "leftover", "ipset", message, _REMEDY)


def configuration_findings(host: Host, *, is_left: bool) -> Iterator[Finding]:
    """A note on the configuration file, which Catflap reads as well."""
    if is_left and host.read(CONFIGURATION) is not None:
        yield Finding(
            Level.NOTE,
            "leftover",
            CONFIGURATION,
            "is the old agent's configuration, and Catflap's, too, by default: it is not removed",
            "",
        )


def _hidden(saved: Saved, nft_names: Mapping[tuple[str, str], frozenset[str]]) -> dict[str, str]:
    """Tables of iptables-nft that have such chains, and that its own program is not there for, or cannot read."""
    shown = {
        (kind.family, each.name)
        for kind, tables in saved.tables.items()
        if not kind.legacy
        for each in tables
    }
    return {
        f"{family} {name}": "it has chains of Calico, and iptables-nft-save is not installed or does not show them"
        for (family, name), chains in nft_names.items()
        if family in ("ip", "ip6") and (family, name) not in {*shown, *NFT_TABLES}
        if any(map(_CHAIN.fullmatch, chains))
    }


def _iptables(saved: Saved) -> Iterator[IptablesLeftovers]:
    for kind, tables in saved.tables.items():
        for table in tables:
            found = _in_table(kind, table)
            if found.rules or found.chains:
                yield found


def _in_table(kind: Kind, table: SavedTable) -> IptablesLeftovers:
    chains = tuple(name for name in table.policies if _CHAIN.fullmatch(name))
    rules = tuple(rule for rule in table.rules if _is_left(rule, chains))
    changed = dict.fromkeys(rule.split(" ", 2)[1] for rule in rules)
    closed = tuple(name for name in changed if table.policies.get(name) == "DROP")
    return IptablesLeftovers(kind.program, table.name, rules, chains, closed)


def _is_left(rule: str, chains: tuple[str, ...]) -> bool:
    """Whether a rule stands in a chain of others and is there for these chains. Their own rules go with them."""
    if rule.split(" ", 2)[1] in chains:
        return False
    return any(target in chains for target in _TARGET.findall(rule)) or bool(_COMMENT.search(rule))


def _sets(host: Host, unread: dict[str, str]) -> list[str]:
    try:
        return [name for name in host.run("ipset", "list", "-name").split() if _SET.fullmatch(name)]
    except ProgramMissingError:  # then nothing here makes any; the kernel cannot be asked without it
        return []
    except ProgramError as error:
        unread["ipset"] = str(error)
        return []


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
