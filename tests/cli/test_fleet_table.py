from __future__ import annotations

from datetime import UTC, datetime

import pytest

from catflap.cli.fleet import HostView, State, fleet
from catflap.cli.fleet_policy import Policy
from catflap.cli.fleet_table import age, style, table
from catflap.cli.lines import MAX_WIDTH

from .fleets import document, reports

NOW = datetime(2026, 1, 1, 0, 5, 30, tzinfo=UTC)


def test_problems_first_and_a_summary() -> None:
    found = fleet(
        "etcd://x",
        Policy(9, (3, 7), {"db1": 1}),
        {
            **reports(web1=document(), web2=document(3, without_interface=("a", "b"))),
            "/calico/felix/v1/host/db1/last_reported_status": b'{"time":"2026-01-01T00:00:00Z"}',
        },
    )
    assert [line.text for line in table(found, NOW)] == [
        "HOST  STATE    ENFORCED  BEHIND  SINCE  ENDPOINTS  PROBLEM",
        "db1   missing  -         -       -      1          agent stopped reporting, last report 5m ago",
        "web2  behind   3         1       5m     1          2 endpoints without an interface",
        "web1  in-sync  7         0       5m     1",
        "",
        "3 hosts: 1 missing, 1 behind, 1 in-sync; store revision 9",
    ]


def test_it_fits_and_forges_nothing() -> None:
    hostile = "\x1b[31mx\n" * 50
    found = fleet(
        "etcd://x", Policy(9), reports(web1=document(without_interface=(), not_enforced=(hostile,)))
    )
    lines = [line.text for line in table(found, NOW)]
    assert len(lines) == 4
    assert all(len(line) <= MAX_WIDTH and line.isprintable() for line in lines)


def test_an_empty_fleet_says_so() -> None:
    (line,) = table(fleet("etcd://x", Policy(9), {}), NOW)
    assert "No host reports to etcd://x" in line.text


def test_invalid_objects_are_told_once() -> None:
    found = fleet(
        "etcd://x", Policy(9), reports(a=document(invalid_objects=2), b=document(invalid_objects=2))
    )
    lines = [line.text for line in table(found, NOW)]
    assert lines[-1].startswith("2 stored objects are invalid")


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (None, "-"),
        ("", "?"),
        ("yesterday", "?"),
        ("2026-01-01T00:05:30Z", "0s"),
        ("2026-01-01T00:06:00Z", "0s"),  # another clock
        ("2026-01-01T00:04:00Z", "90s"),
        ("2026-01-01T00:00:00Z", "5m"),
        ("2025-12-31T00:00:00Z", "24h"),
        ("2025-12-01T00:00:00Z", "31d"),
    ],
)
def test_ages(time: str | None, shown: str) -> None:
    assert age(time, NOW) == shown


def test_styles() -> None:
    assert style(HostView(host="a", state=State.IN_SYNC)) == "green"
    assert style(HostView(host="a", state=State.BEHIND)) == "yellow"
    assert style(HostView(host="a", state=State.ENDED)) == "dim"
    assert style(HostView(host="a", state=State.MISSING)) == "bold red"
