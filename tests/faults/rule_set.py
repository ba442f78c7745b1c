"""A rule set that can be compared with another one: what the kernel numbers, counts or orders by itself is left out."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final

OWN: Final = frozenset({"handle", "packets", "bytes"})  # the kernel's own numbers


def normalised(listing: str) -> frozenset[str]:
    """Each object of ``nft -j list table …`` as text; a rule with its place in its chain."""
    places: Counter[str] = Counter()
    found = []
    for item in json.loads(listing)["nftables"]:
        if "metainfo" in item:
            continue
        text = json.dumps(_without_numbers(item), sort_keys=True)
        if "rule" in item:
            chain = item["rule"]["chain"]
            places[chain] += 1
            text = f"{chain} {places[chain]} {text}"
        found.append(text)
    return frozenset(found)


def _without_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _elements(key, each) for key, each in value.items() if key not in OWN}
    if isinstance(value, list):
        return [_without_numbers(each) for each in value]
    return value


def _elements(key: str, value: Any) -> Any:
    """The elements of a set have no order."""
    plain = _without_numbers(value)
    if key in ("elem", "set") and isinstance(plain, list):
        return sorted(plain, key=lambda each: json.dumps(each, sort_keys=True))
    return plain
