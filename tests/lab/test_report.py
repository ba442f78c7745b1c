from __future__ import annotations

import io
import json
import time
from collections.abc import Callable

import pytest
from rich.console import Console

from catflap.lab.namespaces import Namespace
from catflap.lab.probes import Expectation, Measurement, Outcome, Probe
from catflap.lab.report import print_report, progress, report_console, report_data

WEB = Namespace("catflap-7-web", "web")
ALLOWED, DENIED, REFUSED = Outcome.ALLOWED, Outcome.DENIED, Outcome.REFUSED


def measurement(
    destination: str, outcome: Outcome, *, allowed: bool, port: int = 80, to: str = "host"
) -> Measurement:
    return Measurement(Expectation(Probe(WEB, destination, "tcp", port, to=to), allowed), outcome)


def both(v4: Outcome, v6: Outcome, *, allowed: tuple[bool, bool]) -> list[Measurement]:
    return [
        measurement("192.0.2.1", v4, allowed=allowed[0]),
        measurement("2001:db8::1", v6, allowed=allowed[1]),
    ]


AS_EXPECTED = both(ALLOWED, ALLOWED, allowed=(True, True))
DIFFERING = both(ALLOWED, DENIED, allowed=(True, True))


def plain(file: io.StringIO) -> Console:
    return Console(file=file, width=100, highlight=False)


def coloured(file: io.StringIO) -> Console:
    return Console(
        file=file, width=100, highlight=False, force_terminal=True, color_system="standard", _environ={}
    )


def printed(
    measurements: list[Measurement], *, earlier: list[Measurement] | None = None, seconds: float | None = None
) -> list[str]:
    file = io.StringIO()
    print_report(plain(file), measurements, earlier=earlier or (), seconds=seconds)
    return file.getvalue().splitlines()


def test_ipv4_and_ipv6_share_a_line_and_differences_are_marked() -> None:
    assert printed(DIFFERING) == [
        "From  To    Service  Expected  IPv4     IPv6",
        "web   host  tcp/80   allowed   allowed  ! denied",
        "1 of 2 probes as expected; the others are marked with !",
    ]


def test_what_agrees_is_not_marked() -> None:
    lines = printed([measurement("192.0.2.1", DENIED, allowed=False)])
    assert lines[1:] == ["web   host  tcp/80   denied    denied", "1 of 1 probes as expected"]


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ((True, True), "allowed"),
        ((False, False), "denied"),
        ((True, False), "IPv4 only"),
        ((False, True), "IPv6 only"),
    ],
)
def test_what_is_expected_of_both_ip_versions_is_one_line(allowed: tuple[bool, bool], expected: str) -> None:
    outcomes = [ALLOWED if each else DENIED for each in allowed]
    header, line, _ = printed(both(*outcomes, allowed=allowed))
    column = header.index("Expected")
    assert line[column : header.index("IPv4")].strip() == expected


def test_several_addresses_behind_one_name_are_all_shown() -> None:
    lines = printed([*DIFFERING, measurement("192.0.2.2", REFUSED, allowed=True)])
    assert lines[1].endswith("  allowed, refused  ! denied")
    lines = printed([*AS_EXPECTED, measurement("192.0.2.2", DENIED, allowed=False)])
    assert "  mixed  " in lines[1]


def test_a_destination_without_a_name_is_shown_by_address() -> None:
    assert "192.0.2.9" in printed([measurement("192.0.2.9", ALLOWED, allowed=True, to="")])[1]


def test_lines_that_changed_since_an_earlier_measurement_say_so() -> None:
    assert printed(DIFFERING, earlier=AS_EXPECTED)[1].endswith("! denied  <- changed")
    assert "changed" not in "".join(printed(DIFFERING, earlier=DIFFERING))
    elsewhere = [measurement("192.0.2.1", DENIED, allowed=True, port=443)]
    assert "changed" not in "".join(printed(elsewhere, earlier=AS_EXPECTED))


def test_how_long_it_took_is_told() -> None:
    assert printed(AS_EXPECTED, seconds=1.26)[-1] == "2 of 2 probes as expected, in 1.3 s"


def test_never_wider_than_100_columns_and_without_trailing_blanks() -> None:
    lines = printed([measurement("192.0.2.1", ALLOWED, allowed=True, to="long " * 40)])
    assert max(map(len, lines)) <= 100
    assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize(("columns", "width"), [("80", 80), ("300", 100)])
def test_a_terminal_is_used_up_to_100_columns(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", columns)
    assert report_console().width == width


def test_what_is_no_terminal_gets_100_columns_and_no_colour(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    print_report(report_console(), AS_EXPECTED)
    assert capsys.readouterr().out.splitlines()[0] == "From  To    Service  Expected  IPv4     IPv6"


def test_colours_tell_yes_no_and_wrong_apart() -> None:
    file = io.StringIO()
    print_report(coloured(file), both(ALLOWED, DENIED, allowed=(True, False)))
    assert "\x1b[32mallowed" in file.getvalue()
    assert "\x1b[33mdenied" in file.getvalue()
    print_report(coloured(file), DIFFERING)
    assert "\x1b[1;31m! denied" in file.getvalue()


def test_the_data_has_everything_and_is_json() -> None:
    assert json.loads(json.dumps(report_data(DIFFERING)))[1] == {
        "source": "web",
        "to": "host",
        "destination": "2001:db8::1",
        "protocol": "tcp",
        "port": 80,
        "ip_version": 6,
        "expected": "allowed",
        "measured": "denied",
        "as_expected": False,
    }


def wait_until_told(file: io.StringIO) -> None:
    deadline = time.monotonic() + 5
    while "baking" not in file.getvalue() and time.monotonic() < deadline:
        time.sleep(0.001)


@pytest.mark.parametrize("console", [plain, coloured], ids=["file", "terminal"])
def test_what_takes_long_is_told_once(console: Callable[[io.StringIO], Console]) -> None:
    file = io.StringIO()
    with progress(console(file), "baking", patience=0):
        wait_until_told(file)
    assert "baking" in file.getvalue()
    if console is plain:
        assert file.getvalue() == "  baking\n"


def test_what_is_quick_is_not_told() -> None:
    file = io.StringIO()
    with progress(plain(file), "baking", patience=60):
        pass
    assert file.getvalue() == ""
