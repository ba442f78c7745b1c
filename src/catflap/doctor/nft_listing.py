"""Reads what other programs have in nf_tables, cheaply and without trusting it.

First all chains, which costs the same however much they hold; then, of each table that hooks into the packets' way, its
rules without the elements of sets. The rules are read from text: nft 1.0.6 writes garbage into the JSON form of a table
with flags. One table at a time, so that one that nft cannot read hides no other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from catflap.doctor.port import Host, ProgramError
from catflap.doctor.tables import Hooked, Rule, Table, nft_rule
from catflap.nft.ruleset import FAMILY, TABLE_NAME

ALL_CHAINS: Final = ("nft", "--json", "list", "chains")
OWN: Final = (FAMILY, TABLE_NAME)

_FAMILIES: Final = frozenset({"ip", "ip6", "inet", "bridge", "netdev"})  # arp is not about our packets
_NAME: Final = re.compile(r"[\w./-]+", re.ASCII)  # what nft's own language can name
_FLAGS: Final = re.compile(r"^\tflags ([\w, ]+)$", re.MULTILINE)
_CHAIN: Final = re.compile(r"^\tchain ([^\s{]+) \{\n(.*?)^\t\}$", re.MULTILINE | re.DOTALL)


class NftListing(msgspec.Struct, frozen=True):
    """What nf_tables holds.

    Attributes:
        own: our table; None where there is none.
        foreign: those of others that hook into the packets' way, but for sleeping ones.
        names: all chains of all tables, by family and name of the table.
        unread: why the rules of tables could not be read, by title.
    """

    own: Table | None
    foreign: tuple[Table, ...]
    names: Mapping[tuple[str, str], frozenset[str]]
    unread: Mapping[str, str]


def list_nft(host: Host) -> NftListing:
    """All base chains, and what their rules can do.

    Raises:
        ProgramError: not even the chains can be listed.
    """
    chains = _chains(host)
    names: dict[tuple[str, str], set[str]] = {}
    hooks: dict[tuple[str, str], dict[str, Hooked]] = {}
    for chain in chains:
        place = str(chain["family"]), str(chain["table"])
        names.setdefault(place, set()).add(str(chain["name"]))
        if "hook" in chain:
            hooks.setdefault(place, {})[str(chain["name"])] = _hooked(chain)
    unread: dict[str, str] = {}
    tables = {
        place: _table(host, place, hooks.get(place, {}), unread)
        for place in names
        if place[0] in _FAMILIES and (place in hooks or place == OWN)
    }
    if OWN not in tables:  # a table without chains
        own = _table(host, OWN, {}, {})
        tables |= {OWN: own} if own.chains is not None else {}
    return NftListing(
        own=tables.get(OWN),
        foreign=tuple(each for place, each in tables.items() if place != OWN and "dormant" not in each.flags),
        names={place: frozenset(each) for place, each in names.items()},
        unread=unread,
    )


def parse_table(text: str) -> tuple[frozenset[str], dict[str, tuple[Rule, ...]]]:
    """The flags of a table, and the rules of its chains, from ``nft list table``."""
    flags = _FLAGS.search(text)
    words = flags.group(1).replace(",", " ").split() if flags else ()
    return frozenset(words), {name: _rules(body) for name, body in _CHAIN.findall(text)}


def _rules(body: str) -> tuple[Rule, ...]:
    lines = (line.strip() for line in body.splitlines())
    return tuple(
        nft_rule(line) for line in lines if line and not line.startswith(("type ", "comment ", "policy "))
    )


def _chains(host: Host) -> list[Mapping[str, Any]]:
    try:
        objects = json.loads(host.run(*ALL_CHAINS))["nftables"]
        return [item["chain"] for item in objects if "chain" in item]
    except (ValueError, KeyError, TypeError) as error:
        raise ProgramError(f"nft lists chains in a form that cannot be read: {error}") from None


def _hooked(chain: Mapping[str, Any]) -> Hooked:
    return Hooked(
        str(chain["hook"]),
        int(chain.get("prio", 0)),
        str(chain.get("type")),
        str(chain.get("policy", "accept")),
    )


def _table(host: Host, place: tuple[str, str], hooks: Mapping[str, Hooked], unread: dict[str, str]) -> Table:
    """One table; where its rules cannot be read, only its hooks are known."""
    family, name = place
    table = Table(family, name, hooks=hooks)
    if not _NAME.fullmatch(name):
        unread[table.title] = "nft has no way to name it"
        return table
    try:
        text = host.run("nft", "--terse", "list", "table", family, name)
    except ProgramError as error:
        unread[table.title] = str(error)
        return table
    flags, chains = parse_table(text)
    return msgspec.structs.replace(table, flags=flags, chains=chains)
