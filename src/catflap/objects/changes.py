"""A change of many keys: in which order they are written, and in how many transactions. Pure.

Where one transaction takes all of it there is nothing to order. Otherwise the steps have an order in which the least
can go wrong for somebody who sees the middle: a foreign agent, or one of ours that starts just then (those that run
hold back). What endpoints refer to is written before the endpoints, so that no interface comes under policy that is not
complete: configuration, profiles, tiers, network sets, policies, endpoints, and last the Ready flag. Deletions come
after all that is written and in the opposite order, so that no endpoint is left without what it refers to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from catflap.model import Kind, decode

MAX_STEP = 1 << 20  # bytes of keys and values; etcd takes 1.5 MiB in one request
SINGLES = 100  # keys in one step where a transaction takes only one


class KeyChange(msgspec.Struct, frozen=True):
    """One key: its value before and after (None: there is none), and the version that belongs to ``old``."""

    path: str
    old: bytes | None
    new: bytes | None
    version: int

    @property
    def size(self) -> int:
        """Bytes that it takes in a request, whether it is made or taken back."""
        return len(self.path) + max(len(self.old or b""), len(self.new or b""))


Step: TypeAlias = tuple[KeyChange, ...]

_ORDER: Mapping[Kind, int] = {
    kind: number
    for number, kinds in enumerate(
        (
            (Kind.CONFIGURATION,),
            (Kind.PROFILE_RULES, Kind.PROFILE_TAGS, Kind.PROFILE_LABELS),
            (Kind.TIER,),
            (Kind.NETWORK_SET,),
            (Kind.POLICY, Kind.STAGED_POLICY),
            (Kind.NODE,),
            (Kind.HOST_ENDPOINT, Kind.WORKLOAD_ENDPOINT),
            (Kind.READY,),
        )
    )
    for kind in kinds
}


def ordered(changes: Iterable[KeyChange]) -> list[KeyChange]:
    """The changes in the safest order."""
    return sorted(changes, key=_place)


def _place(change: KeyChange) -> tuple[bool, int, str]:
    number = _order_of(change.path)
    deletes = change.new is None
    return deletes, -number if deletes else number, change.path


def _order_of(path: str) -> int:
    """Keys that mean nothing to an agent come first."""
    return min((_ORDER[change.key.kind] for change in decode(path, None).changes), default=-1)


def fits(changes: Sequence[KeyChange], limit: int | None) -> bool:
    """Whether one transaction of at most ``limit`` operations (None: any number) takes all changes."""
    return limit is None or (len(changes) <= limit and len(divided(changes, limit)) <= 1)


def divided(changes: Iterable[KeyChange], limit: int) -> list[Step]:
    """The changes in steps, each as large as it may be. One change that is too large alone is a step of its own."""
    return [tuple(step) for step in _steps(changes, _room(limit))]


def _room(limit: int) -> int:
    """A transaction also changes the header, and what takes one key at a time need not tell after each of them."""
    return limit - 1 if limit > 1 else SINGLES


def _steps(changes: Iterable[KeyChange], room: int) -> Iterator[list[KeyChange]]:
    step: list[KeyChange] = []
    size = 0
    for change in changes:
        if step and (len(step) == room or size + change.size > MAX_STEP):
            yield step
            step, size = [], 0
        step.append(change)
        size += change.size
    if step:
        yield step
