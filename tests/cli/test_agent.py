"""The verb that starts the agent: what ends it before anything of the host is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from catflap.agent import lock
from catflap.agent.lock import AlreadyRunningError
from catflap.cli import agent_process

from .conftest import Run


@pytest.fixture(autouse=True)
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(agent_process, "run_agent")


def test_a_file_that_was_named_must_be_there(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "missing.cfg"
    assert run("agent", "-c", str(file)) == (2, "", f"catflap: Configuration file {file} does not exist\n")


def test_a_bad_parameter_is_named(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setenv("FELIX_FAILSAFEINBOUNDHOSTPORTS", "ssh")
    status, _, stderr = run("agent")
    assert status == 2
    assert "FELIX_FAILSAFEINBOUNDHOSTPORTS" in stderr


def test_a_second_agent_is_refused(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    def refuse() -> None:
        raise AlreadyRunningError("another agent (process 7) is running: stop it first")

    monkeypatch.setattr(lock, "acquire_lock", refuse)
    assert run("agent") == (1, "", "catflap: another agent (process 7) is running: stop it first\n")
