"""Tells people and programs how a proof goes and what it came to."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Final, Self

import msgspec
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from catflap.prove.coverage import Coverage
from catflap.prove.run import Finding, Proof

_INTERVAL: Final = 15.0  # seconds between lines where there is no terminal
_TOPICS: Final = {
    "reasons": "reason of the evaluator",
    "stages": "stage that decided",
    "paths": "path",
    "states": "connection state",
    "actions": "deciding rule: stage and action",
    "fields": "deciding rule: what it asks for",
}


class Progress:
    """Watches a proof: one line that changes on a terminal, else a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("starting")
        self._next_line = _INTERVAL

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def show(self, proof: Proof, finding: Finding) -> None:
        """Say how far it is."""
        if finding.result.case:
            self._console.print(failure(finding))
        if self._console.is_terminal:
            self._status.update(_state(proof))
        elif proof.seconds >= self._next_line:
            self._next_line = proof.seconds + _INTERVAL
            self._console.print(_state(proof))


def _state(proof: Proof) -> str:
    covered = proof.coverage
    rate = covered.packets / max(proof.seconds, math.ulp(1))
    return (
        f"{covered.worlds:,} worlds, {covered.packets:,} packets in {proof.seconds:,.0f} s"
        f" ({rate:,.0f}/s), {len(proof.failed)} failures"
    )


def failure(finding: Finding) -> Text:
    """What failed, and where it was written to."""
    case = finding.result.case
    difference = case.difference if case else ""
    text = (
        f"FAILED series {finding.result.seed}: {difference}\n  repeat it: make prove REPLAY={finding.folder}"
    )
    return Text(text, style="red")


def summary(proof: Proof) -> Group:
    """What was proved and how often each thing occurred."""
    tables = [_table(title, getattr(proof.coverage, topic)) for topic, title in _TOPICS.items()]
    lines = [_state(proof), *_remarks(proof.coverage)]
    verdict = f"{len(proof.failed)} series failed" if proof.failed else "kernel and evaluator agree"
    return Group(*tables, *map(Text, lines), Text(verdict, style="red" if proof.failed else "green"))


def _table(title: str, counts: Counter[str]) -> Table:
    table = Table(title, "packets", box=None, padding=(0, 2, 0, 0))
    for name, count in counts.most_common():
        table.add_row(str(name), f"{count:,}")
    table.add_row()
    return table


def _remarks(coverage: Coverage) -> list[str]:
    remarks = [
        f"{coverage.translated:,} packets with translated destinations, {coverage.unroutable:,} without a route",
        f"{coverage.invalid_documents:,} invalid objects",
    ]
    if gaps := coverage.gaps():
        remarks.append(f"never occurred: {', '.join(gaps)}")
    return remarks


def data(proof: Proof) -> dict[str, Any]:
    """The same for programs."""
    return {
        "seed": proof.plan.seed,
        "seconds": round(proof.seconds, 1),
        "coverage": msgspec.to_builtins(proof.coverage),
        "gaps": proof.coverage.gaps(),
        "failures": [
            {
                "series": finding.result.seed,
                "folder": str(finding.folder),
                "difference": finding.result.case.difference if finding.result.case else "",
            }
            for finding in proof.failed
        ],
    }
