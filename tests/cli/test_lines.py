from __future__ import annotations

import sys

import pytest

from catflap.cli.lines import MAX_WIDTH, Line, print_lines, wrapped


def test_paragraphs_are_wrapped_and_indented() -> None:
    lines = [line.text for line in wrapped("word " * 60, "    ")]
    assert len(lines) > 1
    assert all(line.startswith("    word") and len(line) <= MAX_WIDTH for line in lines)


def test_what_must_be_copied_is_not_broken() -> None:
    path = "/a/long-path" * 20
    assert [line.text for line in wrapped(path, "  ")] == [f"  {path}"]


def test_without_a_terminal_there_is_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines([Line("error: [red]x[/red]", 5, "red"), Line("")])
    assert capsys.readouterr().out == "error: [red]x[/red]\n\n"


def test_on_a_terminal_the_beginning_is_marked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_lines([Line("error: [red]x[/red]", 5, "red")])
    assert capsys.readouterr().out == "\x1b[31merror\x1b[0m: [red]x[/red]\n"
