"""Tables and notes in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

GENERATED: Final = "<!-- Written by `make reference` from the code: change it there. -->\n"


def page(title: str, *parts: str) -> str:
    """A page from its parts, with a blank line between them."""
    return "\n\n".join([f"# {title}\n\n{GENERATED.strip()}", *(part.strip() for part in parts)]) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)


def cell(text: str) -> str:
    """Text that stays within its cell."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: object) -> str:
    """A literal word; nothing for nothing."""
    return f"`{text}`" if f"{text}" else ""
