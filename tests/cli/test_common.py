from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import msgspec
import pytest
import yaml

from catflap.check import Severity
from catflap.cli.common import (
    CommandError,
    Exit,
    Parser,
    add_output_option,
    add_store_option,
    add_world_options,
    print_data,
)


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


class Counted(msgspec.Struct):
    what: str
    severity: Severity


@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_programs_get_plain_data(
    capsys: pytest.CaptureFixture[str], output: str, read: Callable[[str], object]
) -> None:
    print_data(output, [Counted("Türen", Severity.ERROR)])
    text = capsys.readouterr().out
    assert read(text) == [{"what": "Türen", "severity": "error"}]
    assert "Türen" in text
    assert text.endswith("\n")


def test_a_verb_may_know_more_forms() -> None:
    parser = argparse.ArgumentParser()
    add_output_option(parser, "tap")
    assert parser.parse_args(["-o", "tap"]).output == "tap"


@pytest.fixture
def words() -> Parser:
    parser = Parser(exit_on_error=False)
    parser.add_argument("words", nargs="*", type=str.upper)
    parser.add_argument("--flag", action="store_true")
    parser.add_argument("--value")
    return parser


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], []),
        (["a", "b"], ["A", "B"]),
        (["a", "--value", "x", "b", "--flag", "c"], ["A", "B", "C"]),
        (["--flag", "a", "--value", "x", "b"], ["A", "B"]),
        (["a", "--flag", "-"], ["A", "-"]),
        (["--value", "x"], []),
    ],
)
def test_options_may_stand_between_words(words: Parser, arguments: list[str], expected: list[str]) -> None:
    assert words.parse_args(arguments).words == expected


def test_an_unknown_option_is_still_refused(words: Parser, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        words.parse_args(["a", "--flga", "b"])
    assert "--flga" in capsys.readouterr().err


def test_a_world_is_a_store_a_host_and_its_interfaces() -> None:
    parser = argparse.ArgumentParser()
    add_world_options(parser)
    found = parser.parse_args(["--store", "dir:/a", "--host", "web1", "--assume-interfaces", "eth0="])
    assert (found.store, found.host, found.assume_interfaces) == ("dir:/a", "web1", "eth0=")
    assert (found.live, found.config_file) == (False, None)
    assert parser.parse_args(["--live"]).live is True
