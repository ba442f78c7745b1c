from __future__ import annotations

from catflap.doctor.finding import Finding, Level, sorted_by_level


def test_problems_come_first_and_otherwise_the_order_stays() -> None:
    levels = [Level.NOTE, Level.PROBLEM, Level.WARNING, Level.PROBLEM]
    findings = [Finding(level, "x", str(number), "") for number, level in enumerate(levels)]
    assert [each.object for each in sorted_by_level(findings)] == ["1", "3", "2", "0"]
