from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from catflap.lab.server_process import ServerError, ServerProcess

SERVER = ("sh", "-c", "echo ready; exec sleep 60")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    made = ServerProcess("the server", tmp_path / "log")
    yield made
    made.kill()


def test_it_is_ready_when_it_says_so(server: ServerProcess) -> None:
    server.launch(SERVER)
    server.wait_until_logged(b"ready", 10)
    assert server.running
    assert server.pid is not None


def test_it_can_be_launched_again(server: ServerProcess) -> None:
    server.launch(SERVER)
    first = server.pid
    server.stop()
    assert not server.running
    assert server.pid is None
    server.launch(SERVER)
    assert server.pid != first


def test_two_at_once_are_an_error(server: ServerProcess) -> None:
    server.launch(SERVER)
    with pytest.raises(ServerError, match="the server is running already"):
        server.launch(SERVER)


def test_an_early_end_tells_what_was_printed(server: ServerProcess) -> None:
    server.launch(("sh", "-c", "echo no such luck; exit 3"))
    with pytest.raises(ServerError, match=r"the server ended while starting:\nno such luck"):
        server.wait_until_logged(b"ready", 10)


def test_silence_is_an_error_in_the_end(server: ServerProcess) -> None:
    server.launch(("sleep", "60"))
    with pytest.raises(ServerError, match="the server does not serve"):
        server.wait_until_logged(b"ready", 0.05)


def test_a_frozen_process_does_nothing_until_it_is_thawed(server: ServerProcess) -> None:
    server.launch(SERVER)
    server.wait_until_logged(b"ready", 10)
    server.freeze()
    assert state_of(server) == "T"
    server.thaw()
    assert state_of(server) == "S"


def state_of(server: ServerProcess) -> str:
    """As ``ps`` has it, once the signal has arrived."""
    time.sleep(0.05)
    return Path(f"/proc/{server.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]


def test_one_that_does_not_obey_is_killed(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catflap.lab.server_process.STOP_TIMEOUT", 0.1)
    server.launch(("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"))
    server.wait_until_logged(b"ready", 10)
    server.stop()
    assert not server.running
