from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from catflap.lab import agent as lab_agent
from catflap.lab.agent import AgentError, AgentProcess, catflap_command
from catflap.lab.namespaces import Namespace

STAND_IN = """
import os, signal, sys
log = open(os.environ["FELIX_LOGFILEPATH"], "a", buffering=1)
def on_hangup(*_): log.write("hung up\\n")
signal.signal(signal.SIGHUP, on_hangup)
if "deaf" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
log.write(f"started with {sorted(os.environ)} and {sys.argv[1:]}\\n")
if "fail" in sys.argv: sys.exit("cannot go on")
while True: signal.pause()
"""


class Here(Namespace, frozen=True):
    """Runs commands where the test runs."""

    @property
    def command_prefix(self) -> tuple[str, ...]:
        return ()


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in place of the agent, which would police this machine."""

    def command(*arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-c", STAND_IN, *arguments)

    monkeypatch.setattr(lab_agent, "catflap_command", command)


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "felix.log"


@pytest.fixture
def agent(log_file: Path) -> Iterator[AgentProcess]:
    with AgentProcess(
        Here("here", "host"), log_file, {"FELIX_FELIXHOSTNAME": "web1"}, ("--once",)
    ) as started:
        started.wait_for("started")
        yield started


def test_the_command_is_this_installations() -> None:
    assert catflap_command("agent", "--once") == (sys.executable, "-m", "catflap", "agent", "--once")


def test_it_gets_its_own_environment_only(monkeypatch: pytest.MonkeyPatch, agent: AgentProcess) -> None:
    monkeypatch.setenv("FELIX_LOGSEVERITYFILE", "none")
    (line,) = agent.log().splitlines()
    assert "'FELIX_FELIXHOSTNAME', 'FELIX_LOGFILEPATH'" in line
    assert "FELIX_LOGSEVERITYFILE" not in line
    assert line.endswith("['agent', '--once']")


def test_only_what_is_logged_after_a_mark_counts(agent: AgentProcess) -> None:
    agent.mark()
    with pytest.raises(AgentError, match=r"did not log 'started' in 0\.05 s"):
        agent.wait_for("started", timeout=0.05)
    agent.send_signal(signal.SIGHUP)
    assert agent.wait_for("hung (up)")[1] == "up"


def test_an_earlier_revision_is_not_the_one_that_is_waited_for(agent: AgentProcess, log_file: Path) -> None:
    with log_file.open("a") as log:
        log.write("Enforcing on eth0: 1 policies, 0 IP sets, store revision 6; 1 transactions in 1.0 ms\n")
    with pytest.raises(AgentError, match=r"revision 7 was not enforced in 0 s:[^$]*store revision 6"):
        agent.wait_until_enforced(7, timeout=0)
    with log_file.open("a") as log:
        log.write("Enforcing on eth0: 2 policies, 0 IP sets, store revision 8; 1 transactions in 1.0 ms\n")
    agent.wait_until_enforced(7)


def test_waiting_for_an_agent_that_has_ended_tells_what_it_wrote(log_file: Path) -> None:
    process = AgentProcess(Here("here", "host"), log_file, {}, ("fail",))
    process.start()
    with pytest.raises(AgentError, match=r"(?s)ended with exit status 1.*cannot go on"):
        process.wait_for("in-sync")
    assert process.wait()[0] == 1


@pytest.mark.parametrize("end", [AgentProcess.stop, AgentProcess.kill])
def test_stopping_twice_does_no_harm(end: object, agent: AgentProcess) -> None:
    assert callable(end)
    end(agent)
    end(agent)
    assert agent.wait()[0] in (-signal.SIGTERM, -signal.SIGKILL)


def test_one_that_does_not_end_is_killed_and_told(monkeypatch: pytest.MonkeyPatch, log_file: Path) -> None:
    monkeypatch.setattr(lab_agent, "END_TIMEOUT", 0.05)
    process = AgentProcess(Here("here", "host"), log_file, {}, ("deaf",))
    process.start()
    process.wait_for("started")
    with pytest.raises(AgentError, match="did not end in"):
        process.wait(timeout=0.01)
    with pytest.raises(AgentError, match="did not end on SIGTERM"):
        process.stop()
    assert process.wait()[0] == -signal.SIGKILL


def test_one_that_was_never_started_is_no_process(log_file: Path) -> None:
    process = AgentProcess(Here("here", "host"), log_file, {})
    assert process.log() == ""
    with pytest.raises(AgentError, match="was not started"):
        process.send_signal(signal.SIGHUP)
