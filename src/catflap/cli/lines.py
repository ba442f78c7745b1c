"""Text for people, line by line: at most 100 columns wide, in colour on a terminal only."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator

import msgspec

MAX_WIDTH = 100


class Line(msgspec.Struct, frozen=True):
    """One line, and the style of its ``marked`` beginning where there are colours."""

    text: str
    marked: int = 0  # characters
    style: str = ""


def wrapped(text: str, indent: str) -> Iterator[Line]:
    """A paragraph; long words such as paths are not broken."""
    for line in textwrap.wrap(
        text,
        MAX_WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        yield Line(line)


def print_lines(lines: Iterable[Line]) -> None:
    """Print lines. What does not fit is left to the terminal to break, so that it can be copied."""
    if not sys.stdout.isatty():
        for line in lines:
            print(line.text)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for line in lines:
        text = Text(line.text)
        text.stylize(line.style, 0, line.marked)
        console.print(text, soft_wrap=True)
