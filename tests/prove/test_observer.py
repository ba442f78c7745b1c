from __future__ import annotations

import json

from catflap.prove import observer
from catflap.prove.observer import Seen, clear_text, read_sets, table_text
from catflap.prove.topology import TRANSLATIONS


def test_every_set_is_made_filled_and_emptied() -> None:
    text = table_text()
    for seen in Seen:
        assert f"set {seen} {{" in text
        assert f"add @{seen} {{" in text
        assert f"flush set {observer.TABLE} {seen}\n" in clear_text()


def test_every_translation_is_there() -> None:
    text = table_text()
    for old, new in TRANSLATIONS.items():
        assert f"daddr {old.address} " in text
        assert f"{new.address}]:{new.port}" in text or f"{new.address}:{new.port}" in text


def test_sets_are_read_and_those_without_elements_are_empty() -> None:
    listing = {
        "nftables": [
            {"metainfo": {}},
            {"set": {"name": "arrived", "elem": [3, 1]}},
            {"set": {"name": "input"}},
        ]
    }
    found = read_sets(json.dumps(listing).encode())
    assert found[Seen.ARRIVED] == {1, 3}
    assert found[Seen.INPUT] == set()
    assert found.keys() == set(Seen)
