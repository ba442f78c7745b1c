from __future__ import annotations

from catflap.model.resources import Kind, ResourceKey, Tier
from catflap.policy.tables import put

KEY = ResourceKey(Kind.TIER, "a")


def test_a_resource_is_added_replaced_and_removed() -> None:
    table: dict[ResourceKey, Tier] = {}
    put(table, KEY, Tier("a", 1))
    put(table, KEY, Tier("a", 2))
    assert table == {KEY: Tier("a", 2)}
    put(table, KEY, None)
    put(table, KEY, None)
    assert table == {}
