"""The table of faults: as text for a terminal of 100 columns, and as Markdown for the documentation."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from tests.faults.scene import Row

GROUPS: Final = {
    "test_members": "etcd, v3 API: members",
    "test_network": "etcd, v3 API: network",
    "test_history": "etcd, v3 API: history",
    "test_access": "etcd, v3 API: access",
    "test_load": "etcd, v3 API: load",
    "test_proxy": "etcd, v3 API: behind etcd grpc-proxy",
    "test_agent": "a whole agent",
    "test_etcd2": "etcd, v2 API",
    "test_directory": "directory",
}
HEADINGS: Final = ("fault", "what happens", "store", "model", "revs", "verdict")
WIDTHS: Final = (37, 31, 6, 6, 6, 7)  # 98 columns with the spaces between
NOTHING: Final = "-"  # not measured: nobody wrote, or no time passed
BEGIN, END = "<!-- faults: begin (make faults) -->", "<!-- faults: end -->"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A fault, what happens under it, and what was measured. ``group`` is the name of the test's file."""

    fault: str
    happens: str
    row: Row
    group: str


def in_order(lines: Iterable[Line]) -> list[Line]:
    """By group, then by name: tests end in no particular order."""
    order = list(GROUPS)
    return sorted(lines, key=lambda line: (order.index(line.group), line.fault))


def as_text(lines: Sequence[Line]) -> str:
    """The table, at most 100 columns wide."""
    text = [_join(HEADINGS), _join(["-" * width for width in WIDTHS])]
    group = ""
    for line in lines:
        if line.group != group:
            group = line.group
            text.append(GROUPS[group])
        text += _wrapped(line)
    passed = sum(line.row.verdict == "EQUAL" for line in lines)
    text.append(f"{len(lines)} faults, {passed} EQUAL")
    return "\n".join(text)


def as_markdown(lines: Sequence[Line]) -> str:
    """The same for the documentation."""
    text: list[str] = []
    group = ""
    for line in lines:
        if line.group != group:
            group = line.group
            text += ["", f"**{GROUPS[group]}**", "", _markdown(HEADINGS), _markdown(["---"] * len(HEADINGS))]
        text.append(_markdown(_cells(line)))
    return "\n".join([*text, ""])


def write(document: Path, lines: Sequence[Line]) -> None:
    """Replace the table in a document.

    Raises:
        ValueError: it has no place for one.
    """
    text = document.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{document} has no line {BEGIN!r}, or none {END!r}")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n{as_markdown(lines)}\n{END}{after}", encoding="utf-8")


def _cells(line: Line) -> list[str]:
    row = line.row
    times = [_seconds(row.away), _seconds(row.behind)]
    return [line.fault, line.happens, *times, str(row.revisions or NOTHING), row.verdict]


def _seconds(seconds: float) -> str:
    if not seconds:
        return NOTHING
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _join(cells: Iterable[str]) -> str:
    return " ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def _wrapped(line: Line) -> list[str]:
    columns = [textwrap.wrap(cell, width) or [""] for cell, width in zip(_cells(line), WIDTHS, strict=True)]
    height = max(map(len, columns))
    return [_join(column[at] if at < len(column) else "" for column in columns) for at in range(height)]


def _markdown(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
