from __future__ import annotations

import asyncio
import json
import stat
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from catflap.agent import health_server as module
from catflap.agent.config import Configuration, resolve
from catflap.agent.health import Health
from catflap.agent.health_server import HealthServer, health_socket
from catflap.lab.etcd import free_port

from .conftest import local_sources

READY = Health(
    alive=True,
    ready=True,
    problems=(),
    remarks=(),
    store_state="in-sync",
    revision_enforced=7,
    kernel_checked_seconds_ago=0.5,
)
DAMAGED = replace(READY, ready=False, problems=("table inet catflap: it was changed",))


class Setting:
    """A server of a judgement that can be changed."""

    def __init__(self, directory: Path) -> None:
        self.health = READY
        self.looks: list[float] = []
        self.slow = False
        self.path = directory / "health.sock"
        self.port = free_port()
        self.server = HealthServer(self.look, lambda: self.health, self.path)
        self.server.configure(self.configuration())

    async def look(self, age: float) -> None:
        self.looks.append(age)
        if self.slow:
            await asyncio.sleep(60)

    def configuration(self) -> Configuration:
        made, _ = resolve(
            local_sources(HealthEnabled="true", HealthHost="127.0.0.1", HealthPort=str(self.port))
        )
        return made

    async def get(self, path: str) -> tuple[int, Any]:
        """The status and the document."""
        async with asyncio.timeout(5):
            while True:
                try:
                    return await asyncio.to_thread(self._get, path)
                except ConnectionError:
                    await asyncio.sleep(0.01)

    def _get(self, path: str) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read()) if error.code == 503 else error.read().decode()
        except urllib.error.URLError as error:
            raise ConnectionError from error

    async def ask_locally(self) -> Any:
        async with asyncio.timeout(5):
            while not self.path.exists():
                await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_unix_connection(self.path)
        answer = json.loads(await reader.read())
        writer.close()
        return answer


@pytest.fixture
async def setting(tmp_path: Path) -> AsyncIterator[Setting]:
    made = Setting(tmp_path)
    task = asyncio.create_task(made.server.run())
    yield made
    task.cancel()
    await asyncio.wait([task])
    assert not made.path.exists()


@pytest.mark.parametrize("path", ["/readyz", "/readiness"])
async def test_ready_is_what_the_judgement_says_after_a_look_at_the_kernel(
    setting: Setting, path: str
) -> None:
    assert await setting.get(path) == (
        200,
        {
            "alive": True,
            "ready": True,
            "problems": [],
            "remarks": [],
            "store_state": "in-sync",
            "revision_enforced": 7,
            "kernel_checked_seconds_ago": 0.5,
        },
    )
    assert setting.looks == [module.FRESH]
    setting.health = DAMAGED
    status, document = await setting.get(path)
    assert (status, document["problems"]) == (503, ["table inet catflap: it was changed"])


@pytest.mark.parametrize("path", ["/healthz", "/liveness"])
async def test_alive_is_another_question_and_looks_at_nothing(setting: Setting, path: str) -> None:
    setting.health = DAMAGED
    status, document = await setting.get(path)
    assert (status, document["ready"], setting.looks) == (200, False, [])
    setting.health = replace(DAMAGED, alive=False)
    assert (await setting.get(path))[0] == 503


async def test_other_paths_are_answered_with_those_that_there_are(setting: Setting) -> None:
    assert await setting.get("/metrics") == (404, "/healthz or /readyz\n")


async def test_an_event_loop_that_gives_no_answer_is_not_alive(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    await setting.get("/healthz")
    monkeypatch.setattr(module, "ANSWER", 0.05)
    asked = asyncio.get_running_loop().run_in_executor(None, setting._get, "/healthz")
    time.sleep(0.5)  # noqa: ASYNC251  # this is what it is about
    status, document = await asked
    assert (status, document["alive"]) == (503, False)


async def test_a_look_that_does_not_end_makes_an_old_one_worthless(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER", 0.05)
    setting.slow = True
    assert (await setting.server.health()).ready
    setting.health = replace(READY, kernel_checked_seconds_ago=module.OLD + 1)
    health = await setting.server.health()
    assert (health.ready, health.problems) == (
        False,
        ("a look at what the kernel holds has not ended within 0.05 s",),
    )


async def test_where_nothing_is_in_force_there_is_nothing_to_look_at(setting: Setting) -> None:
    setting.health = replace(DAMAGED, revision_enforced=None)
    assert await setting.server.health() == setting.health
    assert setting.looks == []


async def test_the_local_socket_answers_whoever_connects(setting: Setting) -> None:
    assert (await setting.ask_locally())["ready"] is True
    setting.health = DAMAGED
    assert (await setting.ask_locally())["ready"] is False
    assert stat.S_ISSOCK(setting.path.stat().st_mode)


async def test_a_socket_that_a_killed_agent_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "health.sock").touch()
    setting = Setting(tmp_path)
    task = asyncio.create_task(setting.server.run())
    async with asyncio.timeout(5):
        while not setting.path.is_socket():
            await asyncio.sleep(0.01)
    assert (await setting.ask_locally())["ready"] is True
    task.cancel()
    await asyncio.wait([task])


async def test_a_directory_that_cannot_be_written_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    setting = Setting(tmp_path / "missing")
    task = asyncio.create_task(setting.server.run())
    assert (await setting.get("/readyz"))[0] == 200
    task.cancel()
    await asyncio.wait([task])
    assert [line for line in caplog.messages if line.startswith("No answers to 'catflap health'")]


def test_each_network_namespace_has_its_own_socket() -> None:
    inode = Path("/proc/self/ns/net").stat().st_ino
    assert health_socket(Path("/x")) == Path(f"/x/health-{inode}.sock")
