from __future__ import annotations

import json
from pathlib import Path

import pytest

from catflap.cli.common import Exit

from .conftest import Run

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "04-policy-tests"
TESTS = """\
apiVersion: catflap/v1
kind: PolicyTest
metadata: {name: broken}
spec:
  tests:
    - {from: 203.0.113.7, to: web1-public, ports: [1, 2, 3, 4, 5, 6, 7], expect: allow}
    - {from: 203.0.113.7, to: web1-public, ports: [80], expect: allow}
"""


@pytest.fixture
def broken(tmp_path: Path) -> tuple[str, str]:
    """Paths of the example and of a file with a test that fails."""
    file = tmp_path / "tests.yaml"
    file.write_text(TESTS)
    return str(EXAMPLE), str(file)


def test_the_example_passes(run: Run) -> None:
    status, stdout, stderr = run("test", str(EXAMPLE))
    assert (status, stderr) == (Exit.SUCCESS, "")
    assert stdout.startswith("web-and-database (")
    assert stdout.endswith("6 passed, 0 failed\n")


def test_failures_say_what_came_and_how_to_look_further(run: Run, broken: tuple[str, str]) -> None:
    status, stdout, _ = run("test", *broken)
    lines = stdout.splitlines()
    assert (status, lines[-1]) == (Exit.NO, "7 passed, 1 failed")
    failed = lines.index("  ✗ 203.0.113.7 > web1-public tcp 1,2,3,4,5,6,7: allow (7 packets)")
    packet = "tcp 203.0.113.7:49152 > 198.51.100.1:1"
    assert lines[failed + 1].startswith(f"      {packet}: expected allow, got deny by TIER_DEFAULT_DENY")
    assert (
        f"      catflap explain {' '.join(broken)} --host web1 --interface eth1 --direction in '{packet}'"
        in lines
    )
    assert "      and 2 more" in lines


def test_the_command_for_explain_comes_to_the_same_verdict(run: Run, broken: tuple[str, str]) -> None:
    _, stdout, _ = run("test", *broken)
    assert "catflap explain " in stdout
    packet = "tcp 203.0.113.7:49152 > 198.51.100.1:1"
    words = ("--host", "web1", "--interface", "eth1", "--direction", "in", packet)
    status, explained, _ = run("explain", *broken, *words)
    assert status == Exit.NO
    assert "TIER_DEFAULT_DENY" in explained


@pytest.mark.parametrize(
    ("output", "begin"),
    [
        ("tap", "TAP version 13\n1..6\nok 1"),
        ("junit", "<?xml version="),
        ("json", "[\n"),
        ("yaml", "- file: "),
    ],
)
def test_formats_for_programs(run: Run, output: str, begin: str) -> None:
    status, stdout, _ = run("test", "-o", output, str(EXAMPLE))
    assert (status, stdout.startswith(begin)) == (Exit.SUCCESS, True)


def test_json(run: Run, broken: tuple[str, str]) -> None:
    status, stdout, _ = run("test", "-o", "json", *broken)
    passed = [each["passed"] for each in json.loads(stdout)]
    assert (status, passed.count(True), passed.count(False)) == (Exit.NO, 7, 1)


def test_no_test_at_all_is_a_failure(run: Run) -> None:
    status, stdout, stderr = run("test", str(EXAMPLE.parent / "02-webserver"))
    assert (status, stdout) == (Exit.NO, "")
    assert "there is no policy test in" in stderr


def test_an_invalid_object_is_a_failure_even_if_all_tests_pass(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("apiVersion: projectcalico.org/v3\nkind: Teir\nmetadata: {name: x}\n")
    status, stdout, stderr = run("test", str(EXAMPLE), str(file))
    assert (status, stdout.splitlines()[-1]) == (Exit.NO, "6 passed, 0 failed")
    assert stderr == f"catflap: {file}:2: Teir x kind: 'Teir' is not known. Did you mean 'Tier'?\n"
