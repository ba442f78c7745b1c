from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from catflap.agent import health_server
from catflap.agent.health import Health
from catflap.cli.main import main

READY = Health(
    alive=True,
    ready=True,
    problems=(),
    remarks=("store stale for 40 s, what is enforced stays: lost\x1b",),
    store_state="stale",
    revision_enforced=7,
    kernel_checked_seconds_ago=0.25,
)
DAMAGED = replace(READY, ready=False, problems=("the table was changed",), remarks=())


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "health.sock"
    monkeypatch.setattr(health_server, "health_socket", lambda: made)
    return made


@contextmanager
def answering(path: Path, answer: bytes | None) -> Iterator[None]:
    """An agent that answers once, or (None) does not."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(answer or b"")

        if answer is not None:
            thread = threading.Thread(target=serve)
            thread.start()
        yield
        if answer is not None:
            thread.join()


def test_ready(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(path, msgspec.json.encode(READY)):
        assert main(["health"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ready",
        "  store     stale",
        "  enforced  revision 7",
        "  kernel    0.2 s ago found to hold what it should",
        "  remark    store stale for 40 s, what is enforced stays: lost?",
    ]


def test_not_ready(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(path, msgspec.json.encode(DAMAGED)):
        assert main(["health"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("NOT READY\n")
    assert "  problem   the table was changed\n" in out


def test_only_alive(path: Path) -> None:
    with answering(path, msgspec.json.encode(DAMAGED)):
        assert main(["health", "--alive"]) == 0


def test_for_programs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(path, msgspec.json.encode(DAMAGED)):
        assert main(["health", "-o", "json"]) == 1
    assert json.loads(capsys.readouterr().out) == json.loads(msgspec.json.encode(DAMAGED))


def test_no_agent(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not path.exists()
    assert main(["health"]) == 3
    assert "no agent runs in this network namespace: start it" in capsys.readouterr().err


def test_an_agent_that_was_killed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    assert main(["health"]) == 3
    assert "no agent runs" in capsys.readouterr().err


def test_an_agent_that_hangs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(path, None):
        assert main(["health", "--timeout", "0.1"]) == 3
    assert "the agent has given no answer for 0.1 s: it hangs" in capsys.readouterr().err


def test_an_answer_of_another_version(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(path, b"{}"):
        assert main(["health"]) == 3
    assert "the agent's answer is not understood" in capsys.readouterr().err
