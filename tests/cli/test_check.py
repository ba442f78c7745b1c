from __future__ import annotations

import json
from pathlib import Path

import pytest

from catflap.cli.common import Exit

from .conftest import Run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
VERSION = "apiVersion: projectcalico.org/v3"
WARNING = f"{VERSION}\nkind: GlobalNetworkPolicy\nmetadata: {{name: p}}\nspec:\n  tier: security\n  types: [Ingress]\n"
ERROR = f"{VERSION}\nkind: GlobalNetworkPolicy\nmetadata: {{name: p}}\nspec:\n  selctor: all()\n  types: [Ingress]\n"
FAILING = """\
apiVersion: catflap/v1
kind: PolicyTest
metadata: {name: t}
spec:
  tests:
    - {from: 192.0.2.1, to: web1, ports: [80], expect: allow}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "policy.yaml"


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()))
def test_the_examples_are_without_a_finding(run: Run, example: str) -> None:
    status, stdout, stderr = run("check", "--strict", str(EXAMPLES / example))
    assert (status, stderr) == (Exit.SUCCESS, "")
    assert "no errors, no warnings" in stdout


def test_a_finding_says_where_what_and_why(run: Run, file: Path) -> None:
    file.write_text(ERROR)
    status, stdout, _ = run("check", str(file))
    assert status == Exit.NO
    assert stdout.splitlines() == [
        f"{file}:5: error: GlobalNetworkPolicy p, spec.selctor (invalid)",
        "    unknown field. Did you mean 'selector'?",
        "1 object: 1 error, no warnings",
    ]


@pytest.mark.parametrize(("options", "status"), [((), Exit.SUCCESS), (("--strict",), Exit.NO)])
def test_warnings_count_where_that_is_wished(
    run: Run, file: Path, options: tuple[str, ...], status: Exit
) -> None:
    file.write_text(WARNING)
    code, stdout, _ = run("check", *options, str(file))
    assert (code, "no errors, 1 warning" in stdout) == (status, True)


def test_a_lint_can_be_ignored(run: Run, file: Path) -> None:
    file.write_text(WARNING)
    status, stdout, _ = run("check", "--strict", "--ignore", "missing-tier", str(file))
    assert (status, stdout) == (Exit.SUCCESS, "1 object: no errors, no warnings\n")


@pytest.mark.parametrize("code", ["missing-teir", "invalid"])
def test_only_lints_can_be_ignored(run: Run, file: Path, code: str) -> None:
    file.write_text(WARNING)
    status, stdout, stderr = run("check", "--ignore", code, str(file))
    assert (status, stdout) == (Exit.USAGE, "")
    assert f"--ignore {code}: only lints can be ignored" in stderr
    assert ("Did you mean 'missing-tier'?" in stderr) == (code == "missing-teir")


def test_json_has_the_documented_members(run: Run, file: Path) -> None:
    file.write_text(ERROR)
    status, stdout, _ = run("check", "-o", "json", str(file))
    assert status == Exit.NO
    assert json.loads(stdout) == [
        {
            "file": str(file),
            "line": 5,
            "kind": "GlobalNetworkPolicy",
            "name": "p",
            "severity": "error",
            "code": "invalid",
            "field": "spec.selctor",
            "message": "unknown field. Did you mean 'selector'?",
        }
    ]


def test_json_of_nothing_is_an_empty_list(run: Run) -> None:
    assert run("check", "-o", "json", str(EXAMPLES / "02-webserver")) == (Exit.SUCCESS, "[]\n", "")


def test_policy_tests_are_run_unless_left_out(run: Run, file: Path) -> None:
    file.write_text(FAILING)
    status, stdout, _ = run("check", str(file))
    assert status == Exit.NO
    assert f"{file}:6: error: PolicyTest t, spec.tests[0] (policy-test)" in stdout
    assert "0 of 1 policy tests passed" in stdout
    assert run("check", "--no-tests", str(file))[0] == Exit.SUCCESS


def test_an_unreadable_file_does_not_hide_the_others(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("/dev/null")
    (tmp_path / "b.yaml").write_text("a: [")
    (tmp_path / "c.yaml").write_text(ERROR)
    status, stdout, _ = run("check", str(tmp_path))
    assert (status, stdout.count("(unreadable)"), stdout.count("(invalid)")) == (Exit.NO, 2, 1)
