# ruff: noqa: ASYNC240 - the files of these tests are small and on a local disk
"""The directory store on real files: events, half-written files, links, outages."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.store.directory.documents_of import path, tier, value
from tests.store.following import Following

from catflap.model import V3_ROOT
from catflap.store import (
    Delta,
    Disconnected,
    Snapshot,
    StoreConflictError,
    StoreDeniedError,
    StoreError,
    StoreUnavailableError,
)
from catflap.store.api import ABSENT
from catflap.store.directory import DirectoryStore
from catflap.store.directory.documents import FileContent, parse_file
from catflap.store.directory.documents import version as version_of
from catflap.store.directory.tree import READY_PATH

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

QUIET = 0.4  # seconds in which nothing is expected to happen: more than a short burst takes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory that says itself that it is ready, so that this does not change with other documents."""
    root = tmp_path / "etc/policy"
    root.mkdir(parents=True)
    put(root / "ready.yaml", ready(flag=True))
    return root


@pytest.fixture
async def store(root: Path) -> AsyncIterator[DirectoryStore]:
    store = DirectoryStore(str(root))
    yield store
    await store.close()


@pytest.fixture
async def follower(store: DirectoryStore) -> Following:
    """Has had the snapshot, so whatever changes from now on is noticed."""
    follower = Following(store.follow())
    await follower.next(Snapshot)
    return follower


def put(file: Path, text: str) -> None:
    """Write as careful programs do."""
    draft = file.with_name(f".{file.name}.tmp")
    draft.write_text(text)
    draft.rename(file)


def ready(*, flag: bool) -> str:
    text = "apiVersion: projectcalico.org/v3\nkind: ClusterInformation\nmetadata: {name: default}\n"
    return f"{text}spec: {{datastoreReady: {json.dumps(flag)}}}\n"


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def nothing_comes(follower: Following) -> None:
    """Check that for a while there is no event; afterwards the follower is of no use any more."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(QUIET):
            await follower.next(Delta)


async def test_a_file_that_is_renamed_into_place_is_a_delta(root: Path, follower: Following) -> None:
    put(root / "a.yaml", tier("a"))
    assert (await follower.next(Delta)).changes == ((path("a"), value("a")),)


async def test_a_file_that_is_written_in_place_is_a_delta(root: Path, follower: Following) -> None:
    (root / "a.yaml").write_text(tier("a"))
    assert (await follower.next(Delta)).changes == ((path("a"), value("a")),)


async def test_a_file_that_is_removed_or_renamed_away_is_a_delta(root: Path, follower: Following) -> None:
    put(root / "a.yaml", f"{tier('a')}---\n{tier('b')}")
    await follower.next(Delta)
    (root / "a.yaml").rename(root / "a.yaml.disabled")
    assert dict((await follower.next(Delta)).changes) == {path("a"): None, path("b"): None}


async def test_a_burst_is_one_delta(root: Path, follower: Following) -> None:
    for number in range(50):
        put(root / f"{number}.yaml", tier(f"t{number}"))
    assert len((await follower.next(Delta)).changes) == 50


async def test_an_object_that_moves_to_another_file_does_not_go_away(root: Path, follower: Following) -> None:
    put(root / "a.yaml", tier("a"))
    await follower.next(Delta)
    (root / "a.yaml").rename(root / "b.yaml")
    put(root / "c.yaml", tier("c"))
    assert (await follower.next(Delta)).changes == ((path("c"), value("c")),)


async def test_what_other_programs_leave_lying_about_is_ignored(root: Path, follower: Following) -> None:
    for name in (".a.yaml.swp", "a.yaml~", "#a.yaml#", "a.yaml.tmp", "README"):
        (root / name).write_text(tier("a"))
    await nothing_comes(follower)


async def test_a_file_is_not_read_while_it_is_written(root: Path, follower: Following) -> None:
    put(root / "a.yaml", f"{tier('a')}---\n{tier('b')}")
    await follower.next(Delta)
    with (root / "a.yaml").open("w") as file:  # empties it
        file.write(tier("a"))
        file.flush()
        put(root / "other.yaml", tier("other"))  # makes the directory be read
        assert (await follower.next(Delta)).changes == ((path("other"), value("other")),)
        file.write(f"---\n{tier('b', 2)}")
    assert (await follower.next(Delta)).changes == ((path("b"), value("b", 2)),)


async def test_a_broken_file_is_a_problem_until_it_is_repaired(root: Path, follower: Following) -> None:
    put(root / "a.yaml", tier("a"))
    await follower.next(Delta)
    put(root / "a.yaml", "spec: [1,\nkind")
    delta = await follower.next(Delta)
    assert delta.changes == ()
    (problem,) = delta.problems
    assert problem.path == str(root / "a.yaml")
    assert "line 3, column 1" in problem.message
    put(root / "b.yaml", tier("b"))
    assert (await follower.next(Delta)).problems == (problem,)  # it still stands
    put(root / "a.yaml", tier("a", 2))
    delta = await follower.next(Delta)
    assert delta.changes == ((path("a"), value("a", 2)),)
    assert delta.problems == ()


async def test_a_snapshot_tells_the_problems(root: Path, store: DirectoryStore) -> None:
    put(root / "a.yaml", "kind: Tier")
    snapshot = await Following(store.follow()).next(Snapshot)
    assert [problem.path for problem in snapshot.problems] == [str(root / "a.yaml")]
    assert set(snapshot.entries) == {READY_PATH}


async def test_subdirectories_come_and_go(root: Path, follower: Following) -> None:
    (root / "sub/deep").mkdir(parents=True)
    put(root / "sub/deep/a.yaml", tier("a"))
    await follower.until(lambda seen: path("a") in seen.entries)
    put(root / "sub/deep/b.yaml", tier("b"))
    await follower.until(lambda seen: path("b") in seen.entries)
    (root / "sub").rename(root / "sub2")
    put(root / "sub2/deep/b.yaml", tier("b", 2))
    await follower.until(lambda seen: seen.entries[path("b")] == value("b", 2))
    shutil.rmtree(root / "sub2")
    await follower.until(lambda seen: set(seen.entries) == {READY_PATH})
    assert follower.count(Disconnected) == 0


async def test_files_in_a_directory_that_was_just_made_are_not_missed(
    root: Path, follower: Following
) -> None:
    for number in range(30):
        (root / f"d{number}").mkdir()
        (root / f"d{number}/a.yaml").write_text(tier(f"t{number}"))
        await asyncio.sleep(0.003)  # so that some fall into the time when watches are set up
    await follower.until(lambda seen: len(seen.entries) == 31)


async def test_a_directory_moved_in_with_its_files_is_read(
    root: Path, tmp_path: Path, follower: Following
) -> None:
    (tmp_path / "prepared").mkdir()
    put(tmp_path / "prepared/a.yaml", tier("a"))
    (tmp_path / "prepared").rename(root / "sub")
    assert (await follower.next(Delta)).changes == ((path("a"), value("a")),)
    put(root / "sub/a.yaml", tier("a", 2))
    assert (await follower.next(Delta)).changes == ((path("a"), value("a", 2)),)


async def test_volumes_that_switch_a_link_change_at_once(root: Path, store: DirectoryStore) -> None:
    for version in (1, 2):
        (root / f"..{version}").mkdir()
        for name in ("a", "b"):
            put(root / f"..{version}/{name}.yaml", tier(name, version))
    (root / "..data").symlink_to("..1")
    for name in ("a", "b"):
        (root / f"{name}.yaml").symlink_to(f"..data/{name}.yaml")
    follower = Following(store.follow())
    await follower.next(Snapshot)
    (root / "..data_tmp").symlink_to("..2")
    (root / "..data_tmp").rename(root / "..data")
    assert len((await follower.next(Delta)).changes) == 2
    put(root / "..2/a.yaml", tier("a", 3))
    assert (await follower.next(Delta)).changes == ((path("a"), value("a", 3)),)


async def test_the_target_of_a_link_is_followed(root: Path, tmp_path: Path, follower: Following) -> None:
    (tmp_path / "elsewhere").mkdir()
    put(tmp_path / "elsewhere/real.yaml", tier("a"))
    (root / "a.yaml").symlink_to(tmp_path / "elsewhere/real.yaml")
    await follower.next(Delta)
    put(tmp_path / "elsewhere/real.yaml", tier("a", 2))
    assert (await follower.next(Delta)).changes == ((path("a"), value("a", 2)),)


async def test_a_root_that_is_a_link_may_be_switched(tmp_path: Path) -> None:
    for version in (1, 2):
        (tmp_path / f"v{version}/policy").mkdir(parents=True)
        put(tmp_path / f"v{version}/policy/a.yaml", tier("a", version))
    (tmp_path / "current").symlink_to("v1")
    store = DirectoryStore(str(tmp_path / "current/policy"))
    follower = Following(store.follow())
    await follower.next(Snapshot)
    (tmp_path / "next").symlink_to("v2")
    (tmp_path / "next").rename(tmp_path / "current")
    assert (await follower.next(Delta)).changes == ((path("a"), value("a", 2)),)
    put(tmp_path / "v2/policy/a.yaml", tier("a", 3))
    assert (await follower.next(Delta)).changes == ((path("a"), value("a", 3)),)
    await store.close()


async def test_a_directory_that_is_missing_is_waited_for(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path / "x/y/policy"))
    follower = Following(store.follow())
    assert "x/y/policy: No such file or directory" in (await follower.next(Disconnected)).reason
    waiting = asyncio.ensure_future(follower.next(Snapshot))
    for directory in ("x", "x/y", "x/y/policy"):
        await asyncio.sleep(0.02)
        (tmp_path / directory).mkdir()
    await waiting
    put(tmp_path / "x/y/policy/a.yaml", tier("a"))
    await follower.until(lambda seen: path("a") in seen.entries)
    await store.close()


async def test_a_directory_that_goes_away_takes_no_policy_along(root: Path, follower: Following) -> None:
    put(root / "a.yaml", tier("a"))
    await follower.next(Delta)
    root.rename(root.with_name("renamed"))
    await follower.next(Disconnected)
    assert path("a") in follower.entries
    root.mkdir()
    put(root / "b.yaml", tier("b"))
    await follower.next(Snapshot)
    await follower.until(lambda seen: set(seen.entries) == {READY_PATH, path("b")})


async def test_a_file_in_the_place_of_the_directory_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = DirectoryStore(str(tmp_path / "file"))
    assert "Not a directory" in (await Following(store.follow()).next(Disconnected)).reason
    with pytest.raises(StoreUnavailableError, match="Not a directory"):
        await store.get(path("a"))
    await store.close()


async def test_limits_of_the_kernel_are_an_outage_that_says_what_to_do(
    root: Path, store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("catflap.store.directory.watches.Inotify.add_watch", refuse)
    reason = (await Following(store.follow()).next(Disconnected)).reason
    assert "fs.inotify.max_user_watches" in reason
    assert root.exists()


async def test_lost_events_do_no_harm(root: Path, store: DirectoryStore) -> None:
    follower = Following(store.follow())
    await follower.next(Snapshot)
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for number in range(limit // 4 + 100):  # each makes at least four events, and nobody reads them meanwhile
        (root / "noise.yaml").write_text(f"# {number}")
        (root / "noise.yaml").unlink()
    put(root / "a.yaml", tier("a"))
    await follower.until(lambda seen: path("a") in seen.entries)
    put(root / "a.yaml", tier("a", 2))
    await follower.until(lambda seen: seen.entries[path("a")] == value("a", 2))


async def test_cluster_information_of_the_user_replaces_that_of_the_store(
    root: Path, follower: Following
) -> None:
    put(root / "a.yaml", tier("a"))
    put(root / "ready.yaml", ready(flag=False))
    await follower.next(Delta)
    assert b'"datastoreReady": false' in follower.entries[READY_PATH]
    (root / "ready.yaml").unlink()
    await follower.next(Delta)
    assert b'"datastoreReady":true' in follower.entries[READY_PATH]


async def test_a_directory_that_is_emptied_is_not_ready_any_more(root: Path, follower: Following) -> None:
    put(root / "ready.yaml", tier("a"))
    await follower.next(Delta)
    assert set(follower.entries) == {READY_PATH, path("a")}
    (root / "ready.yaml").unlink()
    assert dict((await follower.next(Delta)).changes) == {READY_PATH: None, path("a"): None}


async def test_no_entry_of_the_directory_can_stop_the_others(root: Path, follower: Following) -> None:
    (root / "loop").symlink_to("loop")
    (root / "below.yaml").symlink_to("/etc/passwd/x")
    (root / "long.yaml").symlink_to("x" * 300)
    (root / "dangling.yaml").symlink_to("/missing/directory/x")
    (root / "proc").symlink_to("/proc")
    put(root / "huge.yaml", f"kind: 0x{'f' * 9000}")
    (root / os.fsdecode(b"\xff.yaml")).write_text("a: [")
    put(root / "z.yaml", tier("z"))
    await follower.until(lambda seen: path("z") in seen.entries)
    assert len(follower.problems) == 7
    assert follower.count(Disconnected) == 0
    put(root / "z.yaml", tier("z", 2))
    assert (await follower.next(Delta)).changes == ((path("z"), value("z", 2)),)


async def test_files_are_not_parsed_in_the_event_loop(
    root: Path, follower: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def parse(file: str, data: bytes) -> FileContent:
        threads.append(threading.get_ident())
        return parse_file(file, data)

    monkeypatch.setattr("catflap.store.directory.tree.parse_file", parse)
    put(root / "a.yaml", tier("a"))
    await follower.next(Delta)
    assert threads
    assert threading.get_ident() not in threads


async def test_following_leaves_no_descriptors_open(root: Path) -> None:
    before = open_descriptors()
    for _ in range(3):
        store = DirectoryStore(str(root))
        follower = Following(store.follow())
        await follower.next(Snapshot)
        (root / "sub").mkdir()
        put(root / "a.yaml", tier("a"))
        await follower.next(Delta)
        shutil.rmtree(root / "sub")
        (root / "a.yaml").unlink()
        await store.close()
    assert open_descriptors() == before


async def test_refused_permission_to_write_is_told_apart(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("catflap.store.directory.writer.tempfile.mkstemp", refuse)
    with pytest.raises(StoreDeniedError, match="Permission denied"):
        await store.write([(path("a"), value("a"))])


async def test_a_read_gives_what_a_follower_sees_with_versions(
    root: Path, store: DirectoryStore, follower: Following
) -> None:
    put(root / "a.yaml", f"{tier('b')}---\n{tier('a')}")
    await follower.next(Delta)
    listing = await store.read(V3_ROOT)
    assert {path: entry.value for path, entry in listing.entries.items()} == follower.entries
    assert list(listing.entries) == sorted(listing.entries)
    assert listing.revision > 0
    (entry,) = (await store.read(path("a"))).entries.values()
    assert entry.version == version_of(value("a"))
    await store.write([(path("c"), value("c"))], {path("a"): entry.version, path("c"): ABSENT})
    with pytest.raises(StoreConflictError):
        await store.write([(path("c"), value("c", 2))], {path("c"): ABSENT})


async def test_any_number_of_changes_can_be_written_at_once(
    store: DirectoryStore, follower: Following
) -> None:
    assert store.transaction_limit is None
    await store.write([(path(f"t{number}"), value(f"t{number}")) for number in range(300)])
    assert len((await follower.next(Delta)).changes) == 300


async def test_there_are_no_keys_that_vanish_with_a_process(store: DirectoryStore) -> None:
    with pytest.raises(StoreError, match="do not vanish with a process; use etcd"):
        store.lease(30.0)


async def test_a_directory_that_others_may_write_is_neither_read_nor_written(
    root: Path, store: DirectoryStore
) -> None:
    root.chmod(0o777)
    for use in (store.get(path("a")), store.read(V3_ROOT), store.write([(path("a"), value("a"))])):
        with pytest.raises(StoreDeniedError, match=f"refusing to use the directory {root}: .*chmod go-w"):
            await use
