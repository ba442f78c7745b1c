from __future__ import annotations

import sys
import time

import pytest

from catflap.cli.progress import PATIENCE, StepProgress


def drawn(capsys: pytest.CaptureFixture[str], waited: float) -> str:
    with StepProgress(time.monotonic() - waited) as progress:
        for done in range(1, 4):
            progress(done, 4)
    return capsys.readouterr().err


@pytest.mark.parametrize(("waited", "terminal"), [(0, True), (PATIENCE + 1, False)])
def test_nothing_is_drawn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], waited: float, *, terminal: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert drawn(capsys, waited) == ""


def test_what_takes_long_is_drawn_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert "75%" in drawn(capsys, PATIENCE + 1)
