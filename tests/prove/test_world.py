from __future__ import annotations

from catflap.prove.world import World


def test_another_content_keeps_the_configuration() -> None:
    world = World({"InterfacePrefix": "cali"}, {"/a": 1}, restart=True)
    assert world.with_entries({"/b": 2}) == World({"InterfacePrefix": "cali"}, {"/b": 2}, restart=True)
