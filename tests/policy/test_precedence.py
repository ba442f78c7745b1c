from __future__ import annotations

from catflap.model.resources import Encoding, Kind, ResourceKey, Tier
from catflap.policy.precedence import winner

V1, V3 = (ResourceKey(Kind.TIER, "t", encoding=encoding) for encoding in (Encoding.V1, Encoding.V3))


def test_the_newer_encoding_wins_and_either_serves_alone() -> None:
    assert winner({V1: Tier("t"), V3: Tier("t")}, Kind.TIER, "t") == V3
    assert winner({V1: Tier("t")}, Kind.TIER, "t") == V1
    assert winner({V3: Tier("t")}, Kind.TIER, "t") == V3
    assert winner({V1: Tier("t")}, Kind.TIER, "u") is None
