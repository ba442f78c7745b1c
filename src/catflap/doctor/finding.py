"""What the doctor finds: each names an object of the host, says what is the matter, and what helps."""

from __future__ import annotations

import enum

import msgspec


class Level(enum.StrEnum):
    """How much it matters, the worst first."""

    PROBLEM = "problem"  # something does not work as policy says, or will not
    WARNING = "warning"  # it may not, depending on what the host is for
    NOTE = "note"  # worth knowing


class Finding(msgspec.Struct, frozen=True):
    """One thing that was found.

    Attributes:
        level: how much it matters.
        check: a stable word for what was looked at: ``foreign-chain``, ``own-table``, ``agents``, ``kernel``,
            ``flush``, ``leftover``, ``felix-configuration``, ``felix-store``, ``felix-host`` or ``not-looked-at``.
        object: what it is about, as the host's own tools name it.
        message: what is the matter.
        remedy: what helps; empty where nothing needs help.
    """

    level: Level
    check: str
    object: str
    message: str
    remedy: str = ""


def sorted_by_level(findings: list[Finding]) -> list[Finding]:
    """Problems first; otherwise in the given order."""
    order = list(Level)
    return sorted(findings, key=lambda each: order.index(each.level))
