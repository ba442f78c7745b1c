# ruff: noqa: ASYNC240 - the files of these tests are small and on a local disk
from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from catflap.store.directory.burst import Burst, BurstTimes, git_is_at_work
from catflap.store.directory.watches import Watches

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

TIMES = BurstTimes(quiet=0.1, longest=0.5, git_quiet=0.6, git_longest=1.2)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest.fixture
def watches(root: Path) -> Iterator[Watches]:
    with Watches(str(root)) as watches:
        watches.renew()
        watches.add(str(root))
        yield watches


async def settled(watches: Watches, root: Path) -> tuple[Burst, float]:
    """A burst that has settled, and after how many seconds."""
    burst = Burst(watches, str(root), TIMES)
    await burst.settle()
    return burst, burst.age


@asynccontextmanager
async def writes(file: Path, pause: float = 0.001) -> AsyncIterator[None]:
    async def write_all_the_time() -> None:
        while True:
            file.write_text("x")
            await asyncio.sleep(pause)

    writer = asyncio.create_task(write_all_the_time())
    yield
    writer.cancel()


async def test_a_burst_is_over_after_some_quiet(watches: Watches, root: Path) -> None:
    burst, age = await settled(watches, root)
    assert 0.1 <= age < 0.4
    assert not burst.overdue


async def test_every_event_prolongs_it(watches: Watches, root: Path) -> None:
    asyncio.get_running_loop().call_later(0.06, (root / "x").write_text, "x")
    _, age = await settled(watches, root)
    assert 0.16 <= age < 0.45


async def test_it_is_not_waited_out_for_ever(watches: Watches, root: Path) -> None:
    async with writes(root / "noise"):
        burst, age = await settled(watches, root)
    assert 0.5 <= age < 1
    assert burst.overdue


async def test_neighbours_do_not_prolong_it(watches: Watches, root: Path, tmp_path: Path) -> None:
    async with writes(tmp_path / "neighbour"):
        _, age = await settled(watches, root)
    assert age < 0.4


async def test_git_is_waited_for_until_it_is_done(watches: Watches, root: Path) -> None:
    (root / ".git").mkdir()
    (root / ".git/index.lock").touch()
    asyncio.get_running_loop().call_later(0.3, (root / ".git/index.lock").unlink)
    _, age = await settled(watches, root)
    assert 0.3 <= age < 0.6


async def test_a_lock_that_git_has_left_behind_is_waited_for_a_little(watches: Watches, root: Path) -> None:
    (root / ".git").mkdir()
    (root / ".git/index.lock").touch()
    burst, age = await settled(watches, root)
    assert 0.6 <= age < 1
    assert not burst.overdue


async def test_while_git_works_a_burst_may_be_longer(watches: Watches, root: Path) -> None:
    (root / ".git").mkdir()
    (root / ".git/index.lock").touch()
    async with writes(root / "file", pause=0.2):
        burst, age = await settled(watches, root)
    assert 1.2 <= age < 2
    assert burst.overdue


def test_git_s_lock_is_found_from_below_and_through_links(tmp_path: Path) -> None:
    policy = tmp_path / "repository/etc/policy"
    policy.mkdir(parents=True)
    (tmp_path / "link").symlink_to(policy)
    assert not git_is_at_work(str(policy))
    (tmp_path / "repository/.git").mkdir()
    assert not git_is_at_work(str(policy))
    (tmp_path / "repository/.git/index.lock").touch()
    assert git_is_at_work(str(policy))
    assert git_is_at_work(str(tmp_path / "link"))


@pytest.mark.parametrize("where", ["{base}/real/worktrees/w", "../real/worktrees/w"])
def test_git_s_lock_of_a_further_working_tree_is_found(tmp_path: Path, where: str) -> None:
    (tmp_path / "real/worktrees/w").mkdir(parents=True)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/.git").write_text(f"gitdir: {where.format(base=tmp_path)}\n")
    assert not git_is_at_work(str(tmp_path / "tree"))
    (tmp_path / "real/worktrees/w/index.lock").touch()
    assert git_is_at_work(str(tmp_path / "tree"))
