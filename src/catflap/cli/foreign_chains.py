"""Base chains of other tables on a packet's way, which keep their say whatever Catflap allows. Only listed."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from catflap.model.resources import IpVersion
from catflap.nft.ruleset import FAMILY, TABLE_NAME
from catflap.verdict.packet import Path

_HOOKS: Final[Mapping[Path, frozenset[str]]] = {
    Path.IN: frozenset({"prerouting", "input"}),
    Path.OUT: frozenset({"output", "postrouting"}),
    Path.FORWARD: frozenset({"prerouting", "forward", "postrouting"}),
}
_FAMILIES: Final[Mapping[IpVersion, frozenset[str]]] = {
    4: frozenset({"ip", "inet"}),
    6: frozenset({"ip6", "inet"}),
}
_LIST = ("nft", "--json", "--terse", "list", "ruleset")


class ListingError(Exception):
    """The kernel's tables cannot be listed; the text says why."""


def list_ruleset() -> Mapping[str, Any]:
    """All tables of this network namespace, without the elements of sets, as ``nft`` writes them.

    Raises:
        ListingError: the program is missing or refuses.
    """
    try:
        done = subprocess.run(_LIST, capture_output=True, check=True)
        document: Mapping[str, Any] = json.loads(done.stdout)
    except FileNotFoundError:
        raise ListingError("the program nft is not installed") from None
    except subprocess.CalledProcessError as error:
        raise ListingError(error.stderr.decode(errors="replace").strip()) from None
    except ValueError as error:
        raise ListingError(f"nft lists them in a form that cannot be read: {error}") from None
    return document


def foreign_chains(document: Mapping[str, Any], path: Path, version: IpVersion) -> list[str]:
    """The base chains of other tables that may drop or change a packet: with rules, or with another policy than accept.

    Each is described as ``ip filter INPUT (policy drop, 3 rules)``.
    """
    objects: Sequence[Mapping[str, Any]] = document.get("nftables", ())
    rules = Counter(_place(item["rule"], "chain") for item in objects if "rule" in item)
    return [
        f"{' '.join(place)} (policy {chain.get('policy', 'accept')}, {_rules(rules[place])})"
        for chain in _base_chains(objects)
        if chain["hook"] in _HOOKS[path] and chain["family"] in _FAMILIES[version]
        for place in (_place(chain, "name"),)
        if rules[place] or chain.get("policy", "accept") != "accept"
    ]


def _base_chains(objects: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for item in objects:
        chain = item.get("chain")
        if chain and "hook" in chain and (chain["family"], chain["table"]) != (FAMILY, TABLE_NAME):
            yield chain


def _place(item: Mapping[str, Any], name: str) -> tuple[str, str, str]:
    return item["family"], item["table"], item[name]


def _rules(count: int) -> str:
    return "1 rule" if count == 1 else f"{count} rules"
