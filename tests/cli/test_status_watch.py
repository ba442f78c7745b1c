from __future__ import annotations

import io
import sys

import pytest

from catflap.cli.lines import Line
from catflap.cli.status_watch import screen


def test_elsewhere_than_on_a_terminal_each_is_a_block(capsys: pytest.CaptureFixture[str]) -> None:
    with screen() as show:
        show([Line("a", 1, "bold red"), Line("b")])
        show([Line("c")])
    assert capsys.readouterr().out == "a\nb\n\nc\n\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("LINES", "3")
    monkeypatch.setenv("COLUMNS", "80")
    with screen() as show:
        show([Line("first", 5, "bold red"), *(Line(f"line {number}") for number in range(9))])
    text = terminal.getvalue()
    assert "\x1b[1;31mfirst" in text
    assert "line 0" in text
    assert "line 5" not in text  # what matters most is above
