"""How rules are written: the choices that leave the meaning of policy alone."""

from __future__ import annotations

import enum
import sys
from typing import Final

import msgspec


class Counting(enum.StrEnum):
    """For what packets are counted. Rules that are counted apart cannot be put together."""

    NONE = "none"
    POLICY = "policy"
    RULE = "rule"


class RuleStyle(msgspec.Struct, frozen=True):
    """The cost model of look-ups, and what is counted.

    ``rules``: a list of no more is written as it is, and any node should have no more. ``repetition``: how often a rule
    may stand in a tree, on average. ``union``: an IP set with more addresses is never put together with others.
    ``addresses``: how many may be in the unions of a tree for one IP version, a power of two.
    """

    rules: int = 8
    repetition: int = 16
    union: int = 4_096
    addresses: int = 1 << 20
    counting: Counting = Counting.NONE


DEFAULT_STYLE: Final = RuleStyle()
NO_LOOKUPS: Final = RuleStyle(rules=sys.maxsize)  # every rule as it was written
