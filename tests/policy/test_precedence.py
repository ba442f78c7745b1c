from __future__ import annotations

from catflap.model.resources import Encoding, Kind, Tier
from catflap.policy.precedence import both_encodings, winner

V1, V3 = both_encodings(Kind.TIER, "t")


def test_both_encodings_are_named_the_weaker_first() -> None:
    assert (V1.encoding, V3.encoding) == (Encoding.V1, Encoding.V3)


def test_the_newer_encoding_wins_and_either_serves_alone() -> None:
    assert winner({V1: Tier("t"), V3: Tier("t")}, Kind.TIER, "t") == V3
    assert winner({V1: Tier("t")}, Kind.TIER, "t") == V1
    assert winner({V3: Tier("t")}, Kind.TIER, "t") == V3
    assert winner({V1: Tier("t")}, Kind.TIER, "u") is None
