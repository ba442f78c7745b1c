"""Shows measurements: from whom, to whom, expected, measured; for people as a table, for programs as data."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from catflap.lab.probes import Measurement, Probe

MAX_WIDTH: Final = 100
PATIENCE: Final = 2.0  # seconds until people are told what is being waited for
_CHANGED: Final = "<- changed"
_STYLES: Final[Mapping[str, str]] = {"allowed": "green", "refused": "green"}  # all others say no
_STYLE_OF_NO: Final = "yellow"


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


class _Question(NamedTuple):
    """What shares a line: the same question, asked with either IP version."""

    source: str
    to: str
    service: str


_Answers = dict[_Question, dict[int, list["Measurement"]]]


def report_console() -> Console:
    """Standard output, at most 100 columns wide, in colour only on a terminal."""
    console = Console(highlight=False)
    console.width = min(console.width, MAX_WIDTH) if console.is_terminal else MAX_WIDTH
    return console


@contextmanager
def progress(console: Console, what: str, *, patience: float = PATIENCE) -> Iterator[None]:
    """Say ``what`` is being done once it has taken longer than ``patience`` seconds."""
    status = console.status(what)

    def tell() -> None:
        if console.is_terminal:
            status.start()
        else:
            console.print(f"  {what}")

    timer = threading.Timer(patience, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # so that nothing is started after it was stopped
        status.stop()


def report_data(measurements: Iterable[Measurement]) -> list[Row]:
    """The measurements as JSON-able data, in order."""
    return [_row(measurement) for measurement in measurements]


def print_report(
    console: Console,
    measurements: Sequence[Measurement],
    *,
    earlier: Sequence[Measurement] = (),
    seconds: float | None = None,
) -> None:
    """Print a table, and below it how many of the probes went as expected.

    The IPv4 and IPv6 probes of one question share a line. A cell that differs from what was expected is marked with
    ``!``; a line that differs from what was measured ``earlier`` says so.

    Args:
        console: where to.
        measurements: what to show.
        earlier: the same questions, measured before.
        seconds: how long it took, to be told.
    """
    table = _table(_by_question(measurements), _by_question(earlier))
    for line in console.render_lines(table, pad=False):
        text = Text.assemble(*((segment.text, segment.style or "") for segment in line))
        text.rstrip()
        console.print(text)
    differing = sum(not each.as_expected for each in measurements)
    took = "" if seconds is None else f", in {seconds:.1f} s"
    marked = "; the others are marked with !" if differing else ""
    console.print(f"{len(measurements) - differing} of {len(measurements)} probes as expected{took}{marked}")


def _row(measurement: Measurement) -> Row:
    probe = measurement.expectation.probe
    return Row(
        source=probe.source.role,
        to=_target(probe),
        destination=probe.destination,
        protocol=probe.protocol,
        port=probe.port,
        ip_version=probe.ip_version,
        expected="allowed" if measurement.expectation.allowed else "denied",
        measured=measurement.outcome.value,
        as_expected=measurement.as_expected,
    )


def _by_question(measurements: Sequence[Measurement]) -> _Answers:
    answers: _Answers = {}
    for measurement in measurements:
        probe = measurement.expectation.probe
        question = _Question(probe.source.role, _target(probe), probe.service)
        answers.setdefault(question, {}).setdefault(probe.ip_version, []).append(measurement)
    return answers


def _table(lines: _Answers, earlier: _Answers) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("From", "To", "Service", "Expected", "IPv4", "IPv6", ""):
        table.add_column(heading, overflow="fold")
    for question, answers in lines.items():
        changed = question in earlier and _outcomes(answers) != _outcomes(earlier[question])
        table.add_row(
            *question,
            _expected(answers),
            _cell(answers.get(4, [])),
            _cell(answers.get(6, [])),
            Text(_CHANGED if changed else "", "bold"),
        )
    return table


def _outcomes(answers: Mapping[int, Sequence[Measurement]]) -> list[list[str]]:
    return [[each.outcome for each in answers.get(version, ())] for version in (4, 6)]


def _expected(answers: Mapping[int, Sequence[Measurement]]) -> str:
    """One word for both IP versions where that is true."""
    wanted = {
        version: {each.expectation.allowed for each in measurements}
        for version, measurements in answers.items()
    }
    for version, other in ((4, 6), (6, 4)):
        if wanted.get(version) == {True} and wanted.get(other) == {False}:
            return f"IPv{version} only"
    overall = set().union(*wanted.values())
    if len(overall) > 1:
        return "mixed"  # several addresses behind one name
    return "allowed" if True in overall else "denied"


def _cell(measurements: Sequence[Measurement]) -> Text:
    """All that was measured for one question and IP version; differing outcomes come marked."""
    marked = {
        ("" if each.as_expected else "! ") + each.outcome: _STYLES.get(each.outcome, _STYLE_OF_NO)
        if each.as_expected
        else "bold red"
        for each in measurements
    }
    return Text(", ").join(Text(outcome, style) for outcome, style in marked.items())


def _target(probe: Probe) -> str:
    return probe.to or probe.destination
