from __future__ import annotations

import io
import json

import pytest

from catflap.lab.namespaces import Namespace
from catflap.lab.probes import Expectation, Measurement, Outcome, Probe
from catflap.lab.report import print_report, report_data

WEB = Namespace("catflap-7-web", "web")


def measurement(
    destination: str, outcome: Outcome, *, allowed: bool, port: int = 80, to: str = "host"
) -> Measurement:
    return Measurement(Expectation(Probe(WEB, destination, "tcp", port, to=to), allowed), outcome)


BOTH_VERSIONS = [
    measurement("192.0.2.1", Outcome.ALLOWED, allowed=True),
    measurement("2001:db8::1", Outcome.DENIED, allowed=True),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(measurements: list[Measurement]) -> list[str]:
    file = io.StringIO()
    print_report(measurements, file)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_ipv4_and_ipv6_share_a_line_and_differences_are_marked() -> None:
    assert printed(BOTH_VERSIONS) == [
        "From  To    Service  Expected  IPv4     IPv6",
        "web   host  tcp/80   allowed   allowed  ! denied",
        "1 of 2 probes as expected; the others are marked with !",
    ]


def test_what_agrees_is_not_marked() -> None:
    lines = printed([measurement("192.0.2.1", Outcome.DENIED, allowed=False)])
    assert lines[1:] == ["web   host  tcp/80   denied    denied", "1 of 1 probes as expected"]


def test_questions_with_different_answers_expected_have_lines_of_their_own() -> None:
    lines = printed(
        [
            measurement("192.0.2.1", Outcome.ALLOWED, allowed=True),
            measurement("2001:db8::1", Outcome.DENIED, allowed=False),
        ]
    )
    assert [line.split() for line in lines[1:3]] == [
        ["web", "host", "tcp/80", "allowed", "allowed"],
        ["web", "host", "tcp/80", "denied", "denied"],
    ]


def test_a_destination_without_a_name_is_shown_by_address() -> None:
    assert "192.0.2.9" in printed([measurement("192.0.2.9", Outcome.ALLOWED, allowed=True, to="")])[1]


def test_several_addresses_behind_one_name_are_all_shown() -> None:
    lines = printed([*BOTH_VERSIONS, measurement("192.0.2.2", Outcome.REFUSED, allowed=True)])
    assert lines[1].endswith("  allowed, refused  ! denied")


def test_never_wider_than_100_columns() -> None:
    lines = printed([measurement("192.0.2.1", Outcome.ALLOWED, allowed=True, to="long " * 40)])
    assert max(map(len, lines)) <= 100


def test_colour_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    print_report(BOTH_VERSIONS, terminal)
    assert "\x1b[" in terminal.getvalue()
    assert "\x1b" not in "\n".join(printed(BOTH_VERSIONS))


def test_the_data_has_everything_and_is_json() -> None:
    assert json.loads(json.dumps(report_data(BOTH_VERSIONS)))[1] == {
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
