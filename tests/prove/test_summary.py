from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from catflap.prove.coverage import Coverage
from catflap.prove.proof import Case, SeriesResult
from catflap.prove.run import Finding, Plan, Proof
from catflap.prove.summary import Progress, data, failure, summary

FAILED = Finding(SeriesResult("1/7", Coverage(), 1, Case((), (), "kernel: accept")), Path("there/1-7"))


def _proof(*findings: Finding) -> Proof:
    proof = Proof(Plan("1"))
    proof.coverage.worlds = 1234
    proof.coverage.reasons["POLICY_DENY"] = 5678
    proof.failed += findings
    return proof


def _printed(*things: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(*things)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_summary_has_the_counts_and_what_never_occurred() -> None:
    text = _printed(summary(_proof()))
    assert "1,234 worlds" in text
    assert "5,678" in text
    assert "never occurred: reason POLICY_ALLOW" in text
    assert "kernel and evaluator agree" in text


def test_a_summary_of_failures_says_so() -> None:
    assert "1 series failed" in _printed(summary(_proof(FAILED)))


def test_a_failure_says_how_to_repeat_it() -> None:
    text = _printed(failure(FAILED))
    assert "FAILED series 1/7: kernel: accept" in text
    assert "make prove REPLAY=there/1-7" in text


def test_programs_get_the_same() -> None:
    found = json.loads(json.dumps(data(_proof(FAILED))))
    assert found["coverage"]["worlds"] == 1234
    assert found["failures"] == [{"series": "1/7", "folder": "there/1-7", "difference": "kernel: accept"}]


def test_without_a_terminal_failures_are_told_at_once() -> None:
    console = Console(file=io.StringIO(), width=200)
    with Progress(console) as progress:
        progress.show(_proof(FAILED), FAILED)
    assert isinstance(console.file, io.StringIO)
    assert "FAILED series 1/7" in console.file.getvalue()
