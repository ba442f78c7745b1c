"""Reads the tables of iptables, of both kinds: the old one in a part of the kernel of its own, and iptables-nft.

Only the programs that save rules are started: those that list some may make tables that were not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from catflap.doctor.port import Host, ProgramError, ProgramMissingError
from catflap.doctor.tables import Hooked, Table, iptables_rule

_CHAIN: Final = re.compile(r":(\S+) (\S+)")

# Where the kernel's own iptables hooks its tables in: by table, then by chain.
LEGACY_HOOKS: Final[Mapping[str, Mapping[str, int]]] = {
    "raw": {"PREROUTING": -300, "OUTPUT": -300},
    "mangle": dict.fromkeys(("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"), -150),
    "nat": {"PREROUTING": -100, "OUTPUT": -100, "INPUT": 100, "POSTROUTING": 100},
    "filter": dict.fromkeys(("INPUT", "FORWARD", "OUTPUT"), 0),
    "security": dict.fromkeys(("INPUT", "FORWARD", "OUTPUT"), 50),
}


class Kind(msgspec.Struct, frozen=True):
    """A kind of iptables, and the family of its rules: ``iptables-legacy``, ``ip6tables-nft``."""

    program: str
    family: str
    legacy: bool


KINDS: Final = (
    Kind("iptables-legacy", "ip", legacy=True),
    Kind("ip6tables-legacy", "ip6", legacy=True),
    Kind("iptables-nft", "ip", legacy=False),
    Kind("ip6tables-nft", "ip6", legacy=False),
)
LEGACY: Final = tuple(kind for kind in KINDS if kind.legacy)
_NAMES: Final = {"ip": "/proc/net/ip_tables_names", "ip6": "/proc/net/ip6_tables_names"}


class SavedTable(msgspec.Struct, frozen=True):
    """A table as ``iptables-save`` prints it: the policy of each chain (``-`` where it has none), and the rules."""

    name: str
    policies: Mapping[str, str]
    rules: tuple[str, ...]


class Saved(msgspec.Struct, frozen=True):
    """What could be read: the tables of each kind, and why others could not be read, by program."""

    tables: Mapping[Kind, tuple[SavedTable, ...]]
    unread: Mapping[str, str]


def save_all(host: Host, kinds: Sequence[Kind] = KINDS) -> Saved:
    """The tables of these kinds of iptables. A kind whose program is not installed has none, unless it is in use."""
    tables: dict[Kind, tuple[SavedTable, ...]] = {}
    unread: dict[str, str] = {}
    for kind in kinds:
        in_use = legacy_names(host, kind.family) if kind.legacy else ()
        if kind.legacy and not in_use:
            continue
        program = f"{kind.program}-save"
        try:
            tables[kind] = tuple(parse_save(host.run(program)))
        except ProgramMissingError as error:
            if in_use:
                unread[program] = f"{error}, and the tables {', '.join(in_use)} of {kind.program} are in use"
        except ProgramError as error:
            unread[program] = str(error)
    return Saved(tables, unread)


def legacy_names(host: Host, family: str) -> tuple[str, ...]:
    """The tables that the old kind has for a family."""
    return tuple((host.read(_NAMES[family]) or "").split())


def parse_save(text: str) -> Iterator[SavedTable]:
    """The tables in what ``iptables-save`` prints."""
    for block in re.split(r"^\*", text, flags=re.MULTILINE)[1:]:
        name, *lines = block.splitlines()
        policies = {match[1]: match[2] for line in lines if (match := _CHAIN.match(line))}
        yield SavedTable(name.strip(), policies, tuple(line for line in lines if line.startswith("-A ")))


def legacy_tables(saved: Saved) -> Iterator[Table]:
    """The old kind's tables, with their hooks. Those of iptables-nft are tables of nf_tables, and listed there."""
    for kind, tables in saved.tables.items():
        if kind.legacy:
            yield from (_table(kind.family, each) for each in tables)


def _table(family: str, saved: SavedTable) -> Table:
    hooks = {
        chain: Hooked(
            chain.lower(), priority, "filter", "drop" if saved.policies.get(chain) == "DROP" else "accept"
        )
        for chain, priority in LEGACY_HOOKS.get(saved.name, {}).items()
        if chain in saved.policies
    }
    chains = {
        chain: tuple(iptables_rule(rule) for rule in saved.rules if rule.startswith(f"-A {chain} "))
        for chain in saved.policies
    }
    return Table(family, saved.name, legacy=True, chains=chains, hooks=hooks)
