"""Who sees a packet first: where a foreign base chain stands on a packet's way, compared with ours.

Measured: of two chains at one hook with the same priority the one that was registered last goes first, whether they
belong to nf_tables or to iptables-legacy.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final

from catflap.doctor.tables import Hooked

_STEPS: Final = ("ingress", "prerouting", "input", "forward", "output", "postrouting", "egress")
_AT: Final = {
    "ingress": 0,
    "prerouting": 1,
    "input": 2,
    "forward": 2,
    "output": 2,
    "postrouting": 3,
    "egress": 4,
}
_WAYS: Final = (
    ("ingress", "prerouting", "input"),
    ("ingress", "prerouting", "forward", "postrouting", "egress"),
    ("output", "postrouting", "egress"),
)


class Order(enum.StrEnum):
    """Where a chain stands, compared with all of ours on its packets' ways."""

    BEFORE = "before"
    BETWEEN = "between"
    AFTER = "after"
    ALONE = "alone"  # we have no chain on its packets' ways


def order(chain: Hooked, family: str, ours: Iterable[Hooked]) -> Order:
    """Where a foreign chain stands. Frames on a bridge meet its chains before the host takes them for its own."""
    if family == "bridge":
        return Order.AFTER if chain.hook in ("output", "postrouting") else Order.BEFORE
    hooks = {hook for way in _WAYS if chain.hook in way for hook in way}
    others = [_place(each) for each in ours if each.hook in hooks]
    place = _place(chain)
    if not others:
        return Order.ALONE
    if place < min(others):
        return Order.BEFORE
    return Order.AFTER if place > max(others) else Order.BETWEEN


def sort_key(chain: Hooked) -> tuple[int, int]:
    """Sorts chains as a reader expects: by hook on the way of a packet, then by priority."""
    known = chain.hook in _STEPS
    return _STEPS.index(chain.hook) if known else len(_STEPS), chain.priority


def _place(chain: Hooked) -> tuple[int, int]:
    return _AT.get(chain.hook, 0), chain.priority
