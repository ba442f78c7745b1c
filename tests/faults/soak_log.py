"""Whether a log can be read: how many lines it has of each level and shape."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

LINE: Final = re.compile(
    r"^\d{4}-\d\d-\d\d \S+ \[(?P<level>[A-Z]+)\]\S* (?P<module>\S+) \d+: (?P<message>.*)$"
)
DETAILS: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\b\S*\d\S*")
ALARMING: Final = re.compile(r"Traceback|Internal error|never retrieved|Unclosed|unclosed")
WIDTH: Final = 110


class Shape(msgspec.Struct, frozen=True, order=True):
    """How often a message came, apart from names and numbers."""

    count: int
    level: str
    words: str
    alarming: bool


def summarise(lines: Iterable[str]) -> list[Shape]:
    """The shapes of messages, most frequent first; what is no line of its own counts as such (level ``-``)."""
    counts: Counter[tuple[str, str]] = Counter()
    for line in lines:
        match = LINE.match(line)
        level, text = (match["level"], f"{match['module']}: {match['message']}") if match else ("-", line)
        counts[level, DETAILS.sub("…", text)[:WIDTH]] += 1
    shapes = [
        Shape(count, level, words, bool(ALARMING.search(words))) for (level, words), count in counts.items()
    ]
    return sorted(shapes, reverse=True)


def count_of(summary: Sequence[Shape], *levels: str) -> int:
    """How many lines have one of these levels."""
    return sum(shape.count for shape in summary if shape.level in levels)


def as_text(summary: Sequence[Shape]) -> str:
    """How many lines of each level, then each shape; one that came once and warns of nothing is only counted."""
    levels = sorted({shape.level for shape in summary})
    shown = [shape for shape in summary if shape.count > 1 or shape.level != "INFO"]
    lines = [f"{shape.count:6} {shape.level:<8} {shape.words}" for shape in shown]
    heading = "log: " + ", ".join(f"{count_of(summary, level)} {level}" for level in levels)
    return "\n".join([heading, *lines, f"{len(summary) - len(shown):6} others, each once"])
