from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator

import pytest

import catflap
from catflap.cli import main as cli_main
from catflap.cli.common import CommandError, Exit

from .conftest import Run, modules_after

HEAVY = {"asyncio", "grpc", "aiohttp", "rich", "yaml", "pyroute2", "msgspec"}


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and those of its verbs."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action.choices.values():
                yield from parsers(choice)


def examples(parser: argparse.ArgumentParser) -> list[list[str]]:
    """The command lines that the help text shows, without what stands before ``catflap``."""
    lines = (parser.epilog or "").partition("examples:\n")[2].partition("\n\n")[0].splitlines()
    commands = [shlex.split(line.strip().partition("   ")[0]) for line in lines]
    return [command[command.index("catflap") + 1 :] for command in commands]


ALL = list(parsers(cli_main.build_parser()))
EXAMPLES = [(parser.prog, example) for parser in ALL for example in examples(parser)]


@pytest.mark.parametrize("parser", ALL, ids=lambda parser: parser.prog)
def test_every_help_shows_an_example_of_its_own_verb(parser: argparse.ArgumentParser, run: Run) -> None:
    _, *verbs = parser.prog.split()
    shown = examples(parser)
    assert shown
    assert all(example[: len(verbs)] == verbs for example in shown)
    status, stdout, _ = run(*verbs, "--help")
    assert (status, "\nexamples:\n" in stdout) == (0, True)


@pytest.mark.parametrize(("prog", "example"), EXAMPLES, ids=lambda value: " ".join(value)[:60])
def test_every_example_is_a_valid_command_line(prog: str, example: list[str]) -> None:
    assert prog
    assert callable(cli_main.build_parser().parse_args(example).run)


@pytest.mark.parametrize("verbs", [parser.prog.split()[1:] for parser in ALL], ids=" ".join)
def test_help_imports_nothing_heavy(verbs: list[str]) -> None:
    statement = f"from catflap.cli.main import main; main({[*verbs, '--help']!r})"
    assert not modules_after(statement) & HEAVY


def test_that_import_check_can_fail() -> None:
    assert modules_after("import yaml") & HEAVY == {"yaml"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: VERB"),
        (["gaurd"], "invalid choice: 'gaurd'"),
        (["init", "--stor"], "expected one argument"),
        (["lab"], "required: ACTION"),
        (["lab", "demo", "--store", "tape"], "invalid choice: 'tape'"),
        (["agent", "--timeout", "soon"], "invalid float value: 'soon'"),
    ],
)
def test_a_wrong_command_line_is_answered_with_usage(run: Run, arguments: list[str], message: str) -> None:
    status, stdout, stderr = run(*arguments)
    assert (status, stdout) == (Exit.USAGE, "")
    assert stderr.startswith("usage: catflap")
    assert message in stderr


def test_the_version(run: Run) -> None:
    assert run("--version") == (0, f"catflap {catflap.__version__}\n", "")


@pytest.mark.parametrize(
    ("error", "status", "stderr"),
    [
        (CommandError("no such thing"), 1, "catflap: no such thing\n"),
        (CommandError("cannot reach it", Exit.UNREACHABLE), 3, "catflap: cannot reach it\n"),
        (KeyboardInterrupt(), 130, "catflap: interrupted\n"),
        (BrokenPipeError(), 0, ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_become_messages_and_exit_codes(
    monkeypatch: pytest.MonkeyPatch, run: Run, error: BaseException, status: int, stderr: str
) -> None:
    def fail(_: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr("catflap.cli.init.run", fail)
    assert run("init") == (status, "", stderr)
