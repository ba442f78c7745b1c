"""From what nft lists of our table to a value that can be compared with a rule set.

Rules are not read: their text in a listing is not the text that made them, so whoever takes a table over writes all
its chains anew. A listing may come from another version of us or hold what somebody else put in; nothing here may fail
on that.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from catflap.model.resources import DCCP, PROTOCOL_NUMBERS
from catflap.nft.plan import Existing
from catflap.nft.ruleset import CONCATENATION, Hook, NftSet, VerdictMap

# nft lists protocols by the names of /etc/protocols, where that has one.
_PROTOCOLS = {name: str(number) for name, number in {**PROTOCOL_NUMBERS, "dccp": DCCP}.items()}


def existing(document: Mapping[str, Any] | None) -> Existing:
    """What a document of ``nft -j list table`` says that there is; None stands for no table."""
    if document is None:
        return Existing()
    objects = document["nftables"]
    return Existing(
        present=True,
        sets={item["name"]: _set(item) for item in _of_kind(objects, "set")},
        maps={item["name"]: _map(item) for item in _of_kind(objects, "map")},
        hooks={item["name"]: _hook(item) for item in _of_kind(objects, "chain")},
        counters=frozenset(item["name"] for item in _of_kind(objects, "counter")),
    )


def _of_kind(objects: list[Mapping[str, Any]], kind: str) -> Iterator[Mapping[str, Any]]:
    return (item[kind] for item in objects if kind in item)


def _set(item: Mapping[str, Any]) -> NftSet:
    type_ = _type(item["type"])
    elements = frozenset(_element(element) for element in item.get("elem", ()))
    if type_.startswith("ipv6_addr"):
        elements = frozenset(map(_as_python_writes, elements))
    return NftSet(item["name"], type_, tuple(item.get("flags", ())), elements, item.get("comment", ""))


def _map(item: Mapping[str, Any]) -> VerdictMap:
    """A map to something else than verdicts gets a type that none of ours has."""
    strange = {_type(item["map"])} - {"verdict"}
    type_ = " ".join([_type(item["type"]), *strange])
    elements = {_element(key): _verdict(data) for key, data in item.get("elem", ())}
    if type_.startswith("ipv6_addr"):
        elements = {_as_python_writes(key): verdict for key, verdict in elements.items()}
    return VerdictMap(item["name"], type_, elements, tuple(item.get("flags", ())))


def _hook(item: Mapping[str, Any]) -> Hook | None:
    return Hook(item["hook"], item["prio"], item["type"], item["policy"]) if "hook" in item else None


def _type(type_: Any) -> str:
    """A type as nft text; one of several parts is listed as such."""
    return CONCATENATION.join(map(str, type_)) if isinstance(type_, list) else str(type_)


def _element(element: Any) -> str:
    """An element as nft text; of kinds that our sets and maps never have, any text."""
    match element:
        case str():
            return element
        case {"prefix": {"addr": address, "len": length}}:
            return f"{address}/{length}"
        case {"range": [first, last]}:
            return f"{first}-{last}"
        case {"concat": [*parts]}:
            return CONCATENATION.join(_PROTOCOLS.get(text, text) for text in map(_element, parts))
        case {"elem": {"val": value}}:  # somebody gave it a comment, a timeout or a counter
            return _element(value)
        case _:
            return str(element)


def _verdict(data: Any) -> str:
    match data:
        case {"jump": {"target": target}}:
            return f"jump {target}"
        case {"goto": {"target": target}}:
            return f"goto {target}"
        case dict():
            return " ".join(data)
        case _:
            return str(data)


def _as_python_writes(element: str) -> str:
    """An IPv6 element: nft writes IPv4-mapped addresses with dots, Python in some versions only."""
    first, *rest = element.split(CONCATENATION)
    address, slash, length = first.partition("/")
    if "." not in address or "-" in address:
        return element
    return CONCATENATION.join([f"{ipaddress.IPv6Address(address)}{slash}{length}", *rest])
