# ruff: noqa: ASYNC240 - the files of these tests are small and on a local disk
"""A follower that hears nothing, too much, or something that it should not believe."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.store.directory.documents_of import path, tier, value
from tests.store.following import Following

from catflap.store import Delta, Disconnected, Snapshot
from catflap.store.api import Alive
from catflap.store.directory import BurstTimes, DirectoryStore, Tuning
from catflap.store.directory.scan import read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

NEVER = 3600.0
TIMES = BurstTimes(quiet=0.05, longest=0.5)
TUNING = Tuning(burst=TIMES, silence=0.2, reload_after=NEVER)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "policy"
    root.mkdir()
    put(root / "a.yaml", tier("a"))
    return root


@asynccontextmanager
async def following(root: Path, tuning: Tuning = TUNING, *, strict: bool = True) -> AsyncIterator[Following]:
    store = DirectoryStore(str(root), tuning=tuning, strict_modes=strict)
    yield Following(store.follow())
    await store.close()


@asynccontextmanager
async def repeated(action: Callable[[], object], pause: float) -> AsyncIterator[None]:
    async def repeat() -> None:
        while True:
            action()
            await asyncio.sleep(pause)

    task = asyncio.create_task(repeat())
    yield
    task.cancel()


def put(file: Path, text: str) -> None:
    draft = file.with_name(f".{file.name}.tmp")
    draft.write_text(text)
    draft.rename(file)


def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the kernel tells nothing, as on a network file system that another host writes."""

    async def tell_nothing(_self: object, seconds: float) -> bool:
        await asyncio.sleep(seconds)
        return False

    monkeypatch.setattr("catflap.store.directory.watches.Watches._readable", tell_nothing)


async def test_a_silent_directory_shows_that_it_is_still_there(root: Path) -> None:
    async with following(root) as follower:
        revision = (await follower.next(Snapshot)).revision
        for _ in range(3):
            assert (await follower.next(Alive)).revision == revision
        put(root / "a.yaml", tier("a", 2))
        await follower.until(lambda seen: seen.entries[path("a")] == value("a", 2))


async def test_signs_of_life_come_under_constant_writes_too(root: Path) -> None:
    async with following(root) as follower, repeated((root / "noise").touch, 0.01):
        await follower.until(lambda seen: seen.count(Alive) == 2)


async def test_in_an_outage_there_are_none(root: Path) -> None:
    async with following(root) as follower:
        await follower.next(Snapshot)
        root.rename(root.with_name("elsewhere"))
        asyncio.get_running_loop().call_later(0.5, root.mkdir)
        await follower.until(lambda seen: seen.count(Snapshot) == 2)
    after = follower.events[[isinstance(event, Disconnected) for event in follower.events].index(True) :]
    assert [type(event) for event in after] == [Disconnected, Snapshot]


async def test_another_directory_in_its_place_is_noticed_without_an_event(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with following(root) as follower:
        await follower.next(Snapshot)
        deaf(monkeypatch)
        root.rename(root.with_name("elsewhere"))
        root.mkdir()
        put(root / "b.yaml", tier("b"))
        await follower.until(lambda seen: path("b") in seen.entries)
        assert path("a") not in follower.entries


async def test_a_directory_that_goes_is_noticed_without_an_event(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with following(root) as follower:
        await follower.next(Snapshot)
        deaf(monkeypatch)
        root.rename(root.with_name("elsewhere"))
        await follower.until(lambda seen: seen.count(Disconnected) == 1)
        root.with_name("elsewhere").rename(root)
        await follower.until(lambda seen: seen.count(Snapshot) == 2)


async def test_what_no_event_tells_is_found_by_a_full_reading(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with following(root, Tuning(burst=TIMES, silence=0.1, reload_after=0.3)) as follower:
        await follower.next(Snapshot)
        deaf(monkeypatch)
        put(root / "a.yaml", tier("a", 2))
        await follower.until(lambda seen: seen.entries[path("a")] == value("a", 2))


async def test_files_that_have_not_changed_are_not_read_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def note(path: str, *arguments: Any) -> Any:
        reading = read(path, *arguments)
        if not reading.left_alone:
            opened.append(os.path.relpath(path, root))
        return reading

    monkeypatch.setattr("catflap.store.directory.signatures.TICK", 0)
    monkeypatch.setattr("catflap.store.directory.scan.read", note)
    put(root / "b.yaml", tier("b"))
    async with following(root) as follower:
        await follower.next(Snapshot)
        opened.clear()
        put(root / "b.yaml", tier("b", 2))
        await follower.until(lambda seen: seen.entries[path("b")] == value("b", 2))
    assert set(opened) == {"b.yaml"}


async def test_under_constant_writes_changes_come_nonetheless(root: Path) -> None:
    async with following(root) as follower:
        await follower.next(Snapshot)
        async with repeated(lambda: (root / "noise.txt").write_text("x"), 0.002):
            put(root / "a.yaml", tier("a", 2))
            await follower.until(lambda seen: seen.entries[path("a")] == value("a", 2))


async def test_a_file_that_is_replaced_all_the_time_is_taken_now_and_then(root: Path) -> None:
    orders = iter(range(2, 1_000_000))
    async with following(root) as follower:
        await follower.next(Snapshot)
        async with repeated(lambda: put(root / "a.yaml", tier("a", next(orders))), 0.002):
            await follower.until(lambda seen: seen.count(Delta) == 2)
    assert follower.problems == ()


async def test_a_file_that_is_never_closed_is_reported_and_not_believed(root: Path) -> None:
    async with following(root) as follower:
        await follower.next(Snapshot)
        with (root / "a.yaml").open("w") as file:
            file.write("# half")
            file.flush()
            await follower.until(lambda seen: bool(seen.problems))
            (problem,) = follower.problems
            assert "keeping its last good content: it has been written for more than 0.5 s" in problem.message
            assert follower.entries[path("a")] == value("a")
            file.write(f"\n{tier('a', 2)}")
        await follower.until(lambda seen: seen.entries[path("a")] == value("a", 2))
        assert follower.problems == ()


async def test_a_file_that_is_written_at_the_start_is_waited_for(root: Path) -> None:
    async with following(root) as follower:
        with (root / "a.yaml").open("w") as file:
            file.write(tier("x"))
            file.flush()
            waiting = asyncio.ensure_future(follower.next(Snapshot))
            for text in ("---\n", tier("y"), "---\n", tier("z")):
                await asyncio.sleep(0.03)
                file.write(text)
                file.flush()
        await waiting
    assert {path("x"), path("y"), path("z")} <= set(follower.entries)


async def test_a_file_that_others_may_write_keeps_its_last_good_content(root: Path) -> None:
    async with following(root) as follower:
        await follower.next(Snapshot)
        (root / "a.yaml").write_text(tier("a", 666))
        (root / "a.yaml").chmod(0o666)
        await follower.until(lambda seen: bool(seen.problems))
        (problem,) = follower.problems
        assert "keeping its last good content: others could change it" in problem.message
        assert "-rw-rw-rw-" in problem.message
        assert f"run `chmod go-w {root}/a.yaml`" in problem.message
        assert follower.entries[path("a")] == value("a")
        (root / "a.yaml").chmod(0o644)
        await follower.until(lambda seen: seen.entries[path("a")] == value("a", 666))
        assert follower.problems == ()


@pytest.mark.parametrize("opened", [".", ".."])
async def test_a_directory_that_others_may_write_is_an_outage(root: Path, opened: str) -> None:
    async with following(root) as follower:
        await follower.next(Snapshot)
        (root / opened).chmod(0o777)
        put(root / "a.yaml", tier("a", 666))
        reason = (await follower.next(Disconnected)).reason
        assert f"refusing to read the directory {root}: others could change it" in reason
        assert f"chmod go-w {(root / opened).resolve()}`" in reason
        (root / opened).chmod(0o755)
        await follower.next(Snapshot)
        assert follower.entries[path("a")] == value("a", 666)


async def test_without_strict_modes_everything_is_read(root: Path) -> None:
    for each in (root, root / "a.yaml"):
        each.chmod(0o777)
    async with following(root, strict=False) as follower:
        await follower.next(Snapshot)
    assert path("a") in follower.entries
    assert follower.problems == ()


def replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(file: Path) -> None:
        file.unlink()
        make(file)

    return replace


def linked(target: str) -> Callable[[Path], None]:
    return replaced(lambda file: file.symlink_to(target))


def written(data: bytes) -> Callable[[Path], None]:
    return replaced(lambda file: file.write_bytes(data))


SLIPS = {
    "empty": (written(b""), "it is empty"),
    "truncated": (written(b'kind: Tier\nmetadata: {name: "a'), "not valid YAML: line 2"),
    "binary": (written(b"kind: \xff\xfe\n"), "not valid YAML"),
    "5 MiB": (written(b"#" * (5 << 20)), "more than 4 MiB"),
    "directory": (replaced(lambda file: file.mkdir()), "with the name of a file"),
    "pipe": (replaced(os.mkfifo), "no regular file"),
    "device": (linked("/dev/zero"), "no regular file"),
    "dangling link": (linked("missing"), "No such file"),
    "link to itself": (linked("a.yaml"), "symbolic links"),
    "unreadable": (linked("/proc/self/mem"), "Input/output error"),
}


@pytest.mark.parametrize("slip", SLIPS)
async def test_a_slip_with_a_file_takes_no_policy_away(root: Path, slip: str) -> None:
    damage, reason = SLIPS[slip]
    async with following(root) as follower:
        await follower.next(Snapshot)
        damage(root / "a.yaml")
        await follower.until(lambda seen: bool(seen.problems))
        (problem,) = follower.problems
        assert problem.path == str(root / "a.yaml")
        assert "keeping its last good content" in problem.message
        assert reason in problem.message
        put(root / "b.yaml", tier("b"))
        await follower.until(lambda seen: path("b") in seen.entries)
        assert follower.entries[path("a")] == value("a")
        assert follower.count(Disconnected) == 0
