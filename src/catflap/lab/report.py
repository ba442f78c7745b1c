"""Shows measurements: from whom, to whom, expected, measured; for people as a table, for programs as data."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final, TypedDict

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from catflap.lab.probes import Measurement, Probe

MAX_WIDTH: Final = 100


class Row(TypedDict):
    """One measurement as plain data."""

    source: str
    to: str
    destination: str
    protocol: str
    port: int
    ip_version: int
    expected: str
    measured: str
    as_expected: bool


def report_data(measurements: Iterable[Measurement]) -> list[Row]:
    """The measurements as JSON-able data, in order."""
    return [_row(measurement) for measurement in measurements]


def print_report(measurements: Sequence[Measurement], file: IO[str] | None = None) -> None:
    """Print a table to ``file`` (standard output), at most 100 columns wide, in colour only on a terminal.

    The IPv4 and IPv6 probes of one question share a line. A cell that differs from what was expected is marked.
    """
    console = Console(file=file, highlight=False)
    console.width = min(console.width, MAX_WIDTH) if console.is_terminal else MAX_WIDTH
    console.print(_table(measurements))
    differing = sum(not each.as_expected for each in measurements)
    agreed = f"{len(measurements) - differing} of {len(measurements)} probes as expected"
    console.print(f"{agreed}; the others are marked with !" if differing else agreed)


def _row(measurement: Measurement) -> Row:
    probe = measurement.expectation.probe
    return Row(
        source=probe.source.role,
        to=_target(probe),
        destination=probe.destination,
        protocol=probe.protocol,
        port=probe.port,
        ip_version=probe.ip_version,
        expected=_expected(measurement),
        measured=measurement.outcome.value,
        as_expected=measurement.as_expected,
    )


def _table(measurements: Sequence[Measurement]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("From", "To", "Service", "Expected", "IPv4", "IPv6"):
        table.add_column(heading, overflow="fold")
    lines: dict[tuple[str, str, str, str], dict[int, list[Measurement]]] = {}
    for measurement in measurements:
        probe = measurement.expectation.probe
        question = probe.source.role, _target(probe), probe.service, _expected(measurement)
        lines.setdefault(question, {}).setdefault(probe.ip_version, []).append(measurement)
    for question, answers in lines.items():
        table.add_row(*question, _cell(answers.get(4, [])), _cell(answers.get(6, [])))
    return table


def _cell(measurements: Sequence[Measurement]) -> Text:
    """All that was measured for one question and IP version; differing outcomes come marked."""
    marked = {
        ("" if each.as_expected else "! ") + each.outcome: "green" if each.as_expected else "bold red"
        for each in measurements
    }
    return Text(", ").join(Text(outcome, style) for outcome, style in marked.items())


def _target(probe: Probe) -> str:
    return probe.to or probe.destination


def _expected(measurement: Measurement) -> str:
    return "allowed" if measurement.expectation.allowed else "denied"
