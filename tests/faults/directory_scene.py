"""A directory, its follower, and what its files should mean: written by the test, so that nobody has to be believed."""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Self

from tests.faults.judge import Judge, Shown
from tests.faults.processes import FollowerProcess
from tests.faults.scene import Row
from tests.faults.writer import Acknowledged

from catflap.store.api import Delta, Snapshot, StoreEvent

SETS: Final = "/calico/resources/v3/projectcalico.org/globalnetworksets/"
PATIENCE: Final = 30.0  # seconds
GIT: Final = (
    "git",
    "-c",
    "user.name=test",
    "-c",
    "user.email=test@localhost",
    "-c",
    "init.defaultBranch=main",
)
GIT_ENVIRONMENT: Final = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}


def document(name: str, number: int) -> dict[str, Any]:
    """An object that tells which write it is from."""
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "GlobalNetworkSet",
        "metadata": {"name": name, "labels": {"number": str(number)}},
        "spec": {"nets": ["10.0.0.0/8"]},
    }


def text(name: str, number: int) -> str:
    """The file of such an object."""
    return json.dumps(document(name, number), indent=1)


class DirectoryJudge(Judge):
    """``uniform``: all objects must be from the same write at any time; ``lasting``: none may ever be missing."""

    def __init__(self) -> None:
        super().__init__(whole=False)
        self.uniform = False
        self.lasting: frozenset[str] = frozenset()

    def numbers(self) -> dict[str, int]:
        """The write that each object is from, by name."""
        return {
            path.removeprefix(SETS): int(json.loads(value)["metadata"]["labels"]["number"])
            for path, value in self.model.items()
            if path.startswith(SETS)
        }

    def take(self, at: float, event: StoreEvent) -> None:
        """See `Judge.take`."""
        super().take(at, event)
        if not isinstance(event, Snapshot | Delta):
            return
        numbers = self.numbers()
        self.shown.append(Shown(max(numbers.values(), default=0), at))
        if self.uniform and len(set(numbers.values())) > 1:
            self.broken.append(
                f"torn: {len(numbers)} objects are from the writes {sorted(set(numbers.values()))}"
            )
        if missing := self.lasting - numbers.keys():
            self.broken.append(f"missing: {sorted(missing)[:3]}")


class DirectoryScene:
    """As an asynchronous context manager it follows ``path``, and judges after a test without error."""

    def __init__(self, path: Path, row: Row) -> None:
        self.path = path
        self.judge = DirectoryJudge()
        self.follower = FollowerProcess(f"dir:{path}", self.judge)
        self.row = row
        self.wanted: dict[str, int] = {}  # the write that each object should be from in the end
        self.writes: list[Acknowledged] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.follower)
            await self.follower.until(lambda: bool(self.judge.events), PATIENCE, "a first event")
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        async with self._stack:
            if kind is None:
                await self._judge()
            else:
                print(self.follower.state())  # noqa: T201 - pytest shows it with the error

    def put(self, name: str, number: int) -> None:
        """Replace a file as one should: by renaming."""
        draft = self.path / f".{name}.draft"
        draft.write_text(text(name, number), encoding="utf-8")
        draft.rename(self.path / f"{name}.json")
        self.done(number, name)

    def done(self, number: int, *names: str) -> None:
        """Note that objects have been written."""
        self.wanted.update(dict.fromkeys(names, number))
        self.writes.append(Acknowledged(number, time.monotonic()))

    async def settled(self) -> None:
        """Wait until the model is what the files say."""
        await self.follower.until(lambda: self.judge.numbers() == self.wanted, PATIENCE, "the model is equal")

    async def _judge(self) -> None:
        await self.settled()
        self.row.behind = self.row.behind or self.judge.longest_lag(self.writes, 0)
        self.row.revisions = len(self.writes)
        errors = [line for _, line in self.follower.log if "Internal error" in line]
        assert not self.judge.broken, self.judge.broken
        assert not errors, errors
        self.row.verdict = "EQUAL"


def git(directory: Path, *arguments: str) -> None:
    """Run git, whatever the user's settings are."""
    subprocess.run([*GIT, *arguments], cwd=directory, env=GIT_ENVIRONMENT, check=True, capture_output=True)
