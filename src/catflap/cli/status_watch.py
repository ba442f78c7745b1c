"""Shows lines that change: in their place on a terminal, one block after the other elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from catflap.cli.lines import Line


@contextmanager
def screen() -> Iterator[Callable[[Sequence[Line]], None]]:
    """What shows lines in the place of those before."""
    if not sys.stdout.isatty():
        yield _print_block
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False)

    def show(lines: Sequence[Line]) -> None:
        """As many as fit on the screen: the first ones matter most."""
        text = Text(no_wrap=True)
        for line in lines[: max(1, console.height - 1)]:
            shown = Text(f"{line.text}\n")
            shown.stylize(line.style, 0, line.marked)
            text.append_text(shown)
        live.update(text, refresh=True)

    with Live(console=console, auto_refresh=False, screen=True) as live:
        yield show


def _print_block(lines: Sequence[Line]) -> None:
    for line in lines:
        print(line.text)
    print(flush=True)
