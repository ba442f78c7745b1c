from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from catflap.prove.coverage import Coverage
from catflap.prove.proof import Case, SeriesResult, prove_series
from catflap.prove.run import Finding, Plan, Proof, fails, keep
from catflap.prove.world import World


def _finding(worlds: int, *, failed: bool = False) -> Finding:
    case = Case((World({}, {}),), (), "no") if failed else None
    return Finding(SeriesResult("1/1", Coverage(worlds=worlds), int(failed), case))


@pytest.mark.parametrize(
    ("plan", "enough"),
    [
        (Plan("1", worlds=8), True),
        (Plan("1", worlds=9), False),
        (Plan("1", seconds=0.0), True),
        (Plan("1", seconds=1000.0, worlds=100), False),
        (Plan("1", worlds=100, most_failures=1), True),
    ],
)
def test_when_enough_was_proved(plan: Plan, enough: bool) -> None:
    proof = Proof(plan)
    proof._add(_finding(4))
    proof._add(_finding(4, failed=True))
    assert proof._enough is enough
    assert proof.coverage.worlds == 8
    assert len(proof.failed) == 1


def test_a_failure_is_made_small_and_written_down(open_host: Any, tmp_path: Path) -> None:
    case = prove_series(open_host, "test/1", packets=100).case
    assert case is not None
    small = keep(open_host, case, tmp_path / "case")
    assert fails(open_host, small)
    assert len(small.worlds) == 1
    assert len(small.worlds[0].entries) < len(case.worlds[-1].entries)
    assert (tmp_path / "case" / "report.txt").exists()


def test_a_failure_that_does_not_repeat_is_written_down_as_it_was(open_host: Any, tmp_path: Path) -> None:
    case = Case((World({}, {}),), (), "only once")
    assert not fails(open_host, case)
    assert keep(open_host, case, tmp_path / "case") == case
