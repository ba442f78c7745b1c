from __future__ import annotations

import argparse
import json

import pytest

from catflap.cli.common import CommandError, Exit, add_output_option, add_store_option, print_result


def test_exit_codes_are_those_that_are_promised() -> None:
    assert {code.name: int(code) for code in Exit} == {"SUCCESS": 0, "NO": 1, "USAGE": 2, "UNREACHABLE": 3}
    assert CommandError("no").code is Exit.NO


@pytest.mark.parametrize(
    ("environment", "arguments", "expected"),
    [
        ({}, [], None),
        ({"CATFLAP_STORE": "dir:/a"}, [], "dir:/a"),
        ({"CATFLAP_STORE": "dir:/a"}, ["--store", "dir:/b"], "dir:/b"),
    ],
)
def test_the_store_comes_from_the_command_line_then_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], arguments: list[str], expected: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    parser = argparse.ArgumentParser()
    add_store_option(parser)
    assert parser.parse_args(arguments).store == expected


@pytest.mark.parametrize(
    ("arguments", "expected"), [([], "table"), (["-o", "json"], "json"), (["--output", "table"], "table")]
)
def test_output_is_for_people_unless_told_otherwise(arguments: list[str], expected: str) -> None:
    parser = argparse.ArgumentParser()
    add_output_option(parser)
    assert parser.parse_args(arguments).output == expected


def test_a_result_is_text_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_result("table", "two of them", {"count": 2})
    assert capsys.readouterr().out == "two of them\n"
    print_result("json", "two of them", {"count": 2})
    assert json.loads(capsys.readouterr().out) == {"count": 2}
