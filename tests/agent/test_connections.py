from __future__ import annotations

import logging
import sys

import pytest

from catflap.agent import connections


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def run(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(connections, "COMMAND", (sys.executable, "-c", program))
    connections.keep_existing_connections()


def test_what_was_found_and_added_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run(monkeypatch, "print(7, 3)")
    assert caplog.messages == ["Existing connections: 7, of which conntrack did not know 3"]


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("raise OSError('no conntrack')", "OSError: no conntrack"),
        ("print('nonsense')", "not enough values"),
        ("import time; time.sleep(60)", "timed out"),
    ],
)
def test_a_failure_is_a_warning_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, program: str, reason: str
) -> None:
    monkeypatch.setattr(connections, "TIMEOUT", 0.5)
    run(monkeypatch, program)
    assert len(caplog.messages) == 1
    assert reason in caplog.messages[0]
    assert caplog.records[0].levelno == logging.WARNING


def test_a_program_that_cannot_be_started_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connections, "COMMAND", ("/nonexistent/program",))
    connections.keep_existing_connections()
    assert "No such file" in caplog.text
