"""A diagnosis for people: what was found, then who sees a packet in which order. At most 100 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from catflap.cli.lines import MAX_WIDTH, Line, print_lines
from catflap.cli.object_table import fitted, printable
from catflap.doctor.examine import Diagnosis
from catflap.doctor.finding import Finding, Level
from catflap.doctor.foreign import ChainView

_OBJECT_WIDTH = 31  # columns; longer names have a line of their own
_LEVEL_WIDTH = 9
_STYLES = {Level.PROBLEM: "bold red", Level.WARNING: "yellow", Level.NOTE: "dim"}


def show(diagnosis: Diagnosis) -> None:
    """Print it."""
    print_lines(lines(diagnosis))


def lines(diagnosis: Diagnosis) -> Iterator[Line]:
    """The lines of a diagnosis."""
    yield Line(_summary(diagnosis))
    if diagnosis.findings:
        yield Line("")
        yield Line(f"{'LEVEL':<{_LEVEL_WIDTH}}{'OBJECT':<{_OBJECT_WIDTH}}FINDING")
        for each in diagnosis.findings:
            yield from _finding(each)
    if diagnosis.chains:
        yield Line("")
        yield from map(Line, fitted([_HEADER, *map(_row, diagnosis.chains)]))


def _summary(diagnosis: Diagnosis) -> str:
    counts = [
        f"{number} {level}{'' if number == 1 else 's'}"
        for level in Level
        if (number := diagnosis.count(level))
    ]
    return ", ".join(counts) if counts else "Nothing is the matter."


def _finding(finding: Finding) -> Iterator[Line]:
    indent = " " * (_LEVEL_WIDTH + _OBJECT_WIDTH)
    texts = [*_wrapped(finding.message, ""), *_wrapped(finding.remedy, "-> ")]
    first = f"{finding.level:<{_LEVEL_WIDTH}}{printable(finding.object)}"
    style = _STYLES[finding.level]
    if len(first) < len(indent):
        yield Line(f"{first:<{len(indent)}}{texts.pop(0)}", len(finding.level), style)
    else:
        yield Line(first, len(finding.level), style)
    for text in texts:
        yield Line(f"{indent}{text}")


def _wrapped(text: str, mark: str) -> list[str]:
    return textwrap.wrap(
        printable(text),
        MAX_WIDTH - _LEVEL_WIDTH - _OBJECT_WIDTH,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )


_HEADER = ("HOOK", "PRIORITY", "TABLE", "CHAIN", "POLICY", "RULES", "CAN", "OWNER", "ORDER")


def _row(chain: ChainView) -> tuple[str, ...]:
    legacy = " (legacy)" if chain.legacy else ""
    can = ",".join(chain.effects) or "-"
    return (
        chain.hook,
        str(chain.priority),
        f"{chain.family} {chain.table}{legacy}",
        chain.chain,
        chain.policy,
        "?" if chain.rules is None else str(chain.rules),
        can,
        chain.owner,
        chain.order or "-",
    )
