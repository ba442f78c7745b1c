"""Findings of a check as text for people, the same wherever they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from catflap.check import Finding
from catflap.cli.lines import Line, wrapped


def finding_lines(findings: Iterable[Finding]) -> Iterator[Line]:
    """Each finding with its place, and what is wrong there."""
    for finding in findings:
        place = f"{finding.file}:{finding.line}: {finding.severity}"
        what = ", ".join(filter(None, (f"{finding.kind} {finding.name}".strip(), finding.field)))
        style = "red" if finding.severity == "error" else "yellow"
        yield Line(
            f"{place}: {what} ({finding.code})" if what else f"{place} ({finding.code})", len(place), style
        )
        yield from wrapped(finding.message, "    ")
