"""What programs and people do to a directory while it is followed."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from tests.faults.directory_scene import DirectoryScene, git, text
from tests.faults.scene import Row

from catflap.model.decoded import Problem
from catflap.store.api import Alive, Disconnected, Snapshot

MANY = 1000
FEW = [f"s{number}" for number in range(20)]


def problems(scene: DirectoryScene) -> tuple[Problem, ...]:
    """Those that the newest event names."""
    return scene.judge.problems


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "policy"
    made.mkdir()
    return made


def fill(directory: Path, names: list[str], number: int) -> None:
    for name in names:
        (directory / f"{name}.json").write_text(text(name, number), encoding="utf-8")


@pytest.mark.fault("git checkout of 1,000 files, 3 times", "each is one change")
async def test_git(directory: Path, row: Row) -> None:
    names = [f"s{number}" for number in range(MANY)]
    git(directory, "init", "-q")
    for number in range(4):
        git(directory, "checkout", "-q", "-B", f"b{number}")
        fill(directory, names, number)
        git(directory, "add", ".")
        git(directory, "commit", "-q", "-m", "all")
    git(directory, "checkout", "-q", "b0")
    async with DirectoryScene(directory, row) as scene:
        scene.judge.uniform = True
        for number in range(1, 4):
            await asyncio.to_thread(git, directory, "checkout", "-q", f"b{number}")
            scene.done(number, *names)
            await scene.settled()
        assert [count for _, count in scene.judge.deltas] == [MANY] * 3


@pytest.mark.fault("50 swaps of ..data, as Kubernetes mounts are changed", "each is one change")
async def test_swaps(directory: Path, row: Row) -> None:
    def swap(number: int) -> None:
        made = directory / f"..{number}"
        made.mkdir()
        fill(made, FEW, number)
        (directory / "..data_tmp").symlink_to(made.name)
        (directory / "..data_tmp").rename(directory / "..data")
        if number:
            shutil.rmtree(directory / f"..{number - 1}")

    swap(0)
    for name in FEW:
        (directory / f"{name}.json").symlink_to(Path("..data", f"{name}.json"))
    async with DirectoryScene(directory, row) as scene:
        scene.judge.uniform, scene.judge.lasting = True, frozenset(FEW)
        for number in range(1, 51):
            swap(number)
            scene.done(number, *FEW)
            await asyncio.sleep(0.05)


@pytest.mark.fault("files written by halves, with 0.3 s between", "the last good content stays meanwhile")
async def test_halves(directory: Path, row: Row) -> None:
    fill(directory, FEW, 0)
    async with DirectoryScene(directory, row) as scene:
        scene.judge.lasting = frozenset(FEW)
        scene.done(0, *FEW)
        for number, name in enumerate(FEW[:10], start=1):
            content = text(name, number)
            with (directory / f"{name}.json").open("w", encoding="utf-8") as file:
                file.write(content[: len(content) // 2])
                file.flush()
                await asyncio.sleep(0.3)
                file.write(content[len(content) // 2 :])
            scene.done(number, name)


@pytest.mark.fault(
    "files that are closed half-written, and finished later", "last good content, and a problem"
)
async def test_broken(directory: Path, row: Row) -> None:
    fill(directory, FEW, 0)
    async with DirectoryScene(directory, row) as scene:
        scene.judge.lasting = frozenset(FEW)
        scene.done(0, *FEW)
        await scene.settled()
        (directory / "s0.json").write_text(text("s0", 1)[:40], encoding="utf-8")
        await scene.follower.until(lambda: "s0.json" in str(problems(scene)), 10, "a problem names the file")
        scene.put("s0", 1)
        await scene.follower.until(lambda: not problems(scene), 10, "no problem")


@pytest.mark.fault("a FIFO, a dangling link, a link loop and a folder called like files", "nothing hangs")
async def test_odd_files(directory: Path, row: Row) -> None:
    async with DirectoryScene(directory, row) as scene:
        scene.put("s0", 1)
        os.mkfifo(directory / "fifo.json")
        (directory / "dangling.json").symlink_to("nowhere")
        (directory / "loop.json").symlink_to("loop.json")
        (directory / "folder.json").mkdir()
        for number in range(2, 30):
            scene.put("s0", number)
            await asyncio.sleep(0.02)


@pytest.mark.fault("more events than inotify keeps, while the process is stopped", "everything read anew")
async def test_overflow(directory: Path, row: Row) -> None:
    async with DirectoryScene(directory, row) as scene:
        scene.put("s0", 0)
        await scene.settled()
        scene.follower.send_signal(signal.SIGSTOP)
        await asyncio.to_thread(_overflow, directory)
        scene.follower.send_signal(signal.SIGCONT)
        scene.put("last", 1)
        scene.done(1, *FEW)


def _overflow(directory: Path) -> None:
    """Each writing is more than two events; the files themselves change when there is no room for their events."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))
    for _ in range(limit // 2):
        with (directory / "noise").open(
            "ab"
        ) as file:  # emptying it would make some file systems wait for the disk
            file.write(b"x")
    fill(directory, FEW, 1)


@pytest.mark.fault(
    "editors: rename away and write anew, backup and lock files, sed -i", "nothing is missing meanwhile"
)
async def test_editors(directory: Path, row: Row) -> None:
    fill(directory, FEW, 0)
    async with DirectoryScene(directory, row) as scene:
        scene.judge.lasting = frozenset(FEW)
        scene.done(0, *FEW)
        for number in range(1, 31):
            name = FEW[number % len(FEW)]
            file = directory / f"{name}.json"
            (directory / f".#{name}.json").symlink_to("user@host.1:2")
            (directory / f".{name}.json.swp").write_bytes(b"\0" * 4096)
            file.rename(directory / f"{name}.json~")
            file.write_text(text(name, number), encoding="utf-8")
            for left in (f".#{name}.json", f".{name}.json.swp", f"{name}.json~"):
                (directory / left).unlink()
            scene.done(number, name)
            await asyncio.sleep(0.03)


@pytest.mark.fault("an object in two files", "both are named; the first counts")
async def test_duplicate(directory: Path, row: Row) -> None:
    async with DirectoryScene(directory, row) as scene:
        scene.put("s0", 1)
        await scene.settled()
        copy = directory / "zz-copy.json"
        copy.write_text(text("s0", 2), encoding="utf-8")

        def both_named() -> bool:
            return "s0.json" in str(problems(scene)) and "zz-copy.json" in str(problems(scene))

        await scene.follower.until(both_named, 10, "a problem names both files")
        assert scene.judge.numbers() == {"s0": 1}
        copy.unlink()
        await scene.follower.until(lambda: not problems(scene), 10, "no problem")


@pytest.mark.fault(
    "the directory replaced by another one (two renames), 10 times", "followed at its new place"
)
async def test_replaced(directory: Path, row: Row) -> None:
    fill(directory, FEW, 0)
    async with DirectoryScene(directory, row) as scene:
        for number in range(1, 11):
            replace(directory, number)
            scene.done(number, *FEW)
            await asyncio.sleep(0.1)


def replace(directory: Path, number: int) -> None:
    new = directory.with_name("new")
    new.mkdir()
    fill(new, FEW, number)
    directory.rename(directory.with_name(f"old{number}"))
    new.rename(directory)


@pytest.mark.fault("the directory gone for 2 s", "told; what was known stays")
async def test_gone(directory: Path, row: Row) -> None:
    fill(directory, FEW, 0)
    async with DirectoryScene(directory, row) as scene:
        scene.judge.lasting = frozenset(FEW)
        scene.done(0, *FEW)
        await scene.settled()
        away = directory.with_name("away")
        shutil.move(directory, away)
        await scene.follower.until(lambda: scene.judge.count(Disconnected) == 1, 10, "it is told")
        await asyncio.sleep(2)
        shutil.move(away, directory)
        scene.put("s0", 1)
        await scene.settled()
        assert scene.judge.count(Snapshot) == 2


@pytest.mark.fault("a file that everybody may write", "refused, with the reason")
async def test_untrusted(directory: Path, row: Row) -> None:
    async with DirectoryScene(directory, row) as scene:
        scene.put("s0", 1)
        await scene.settled()
        file = directory / "evil.json"
        file.write_text(text("evil", 1), encoding="utf-8")
        file.chmod(0o666)
        await scene.follower.until(
            lambda: "evil.json" in str(problems(scene)), 10, "a problem names the file"
        )
        assert scene.judge.numbers() == {"s0": 1}
        file.chmod(0o644)
        scene.done(1, "evil")


@pytest.mark.fault("the clock set back by an hour", "nothing")
async def test_clock(directory: Path, row: Row) -> None:
    async with DirectoryScene(directory, row) as scene:
        scene.put("s0", 1)
        scene.follower.send_signal(signal.SIGUSR2)
        for number in range(2, 20):
            scene.put("s0", number)
            await asyncio.sleep(0.05)


@pytest.mark.fault(
    "files renamed into place for 7 s, without a pause to settle", "shown after 5 s at the latest"
)
async def test_restless(directory: Path, row: Row) -> None:
    async with DirectoryScene(directory, row) as scene:
        number, began = 0, time.monotonic()
        while time.monotonic() < began + 7:
            number += 1
            scene.put(FEW[number % len(FEW)], number)
            await asyncio.sleep(0.005)
        await scene.settled()
        assert scene.judge.longest_lag(scene.writes, 0) < 6


@pytest.mark.fault("silence of 14 s", "proves itself alive every 6 s")
async def test_silence(directory: Path, row: Row) -> None:
    async with DirectoryScene(directory, row) as scene:
        scene.put("s0", 1)
        await scene.settled()
        await asyncio.sleep(14)
        moments = [at for at, event in scene.judge.events if isinstance(event, Alive)]
        assert len(moments) >= 2
        row.behind = max(later - earlier for earlier, later in itertools.pairwise(moments))
        assert row.behind < 6.5
