from __future__ import annotations

from catflap.nft.style import DEFAULT_STYLE, NO_LOOKUPS
from catflap.prove.world import World


def test_another_content_keeps_the_configuration() -> None:
    world = World({"InterfacePrefix": "cali"}, {"/a": 1}, restart=True)
    assert world.with_entries({"/b": 2}) == World({"InterfacePrefix": "cali"}, {"/b": 2}, restart=True)


def test_worlds_say_how_many_rules_stand_one_below_the_other() -> None:
    assert World({}, {}).style == DEFAULT_STYLE
    assert World({}, {}, rules=-1).style == NO_LOOKUPS
    assert World({}, {}, rules=2).style.rules == 2
