from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from catflap.agent import keeper as module
from catflap.agent.keeper import Kept, RuleSetKeeper
from catflap.agent.saved_rule_set import SavedRuleSet, read
from catflap.agent.state_directory import UntrustedFileError
from catflap.agent.status import KeptStatus
from catflap.nft import RuleSet
from catflap.nft.ruleset import Chain

FILE = Path("/state/rule-set.nft")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PACE", "FIRST_RETRY", "LAST_RETRY"):
        monkeypatch.setattr(module, name, 0.001)


def kept(number: int) -> Kept:
    return Kept(RuleSet(chains={"c": Chain("c", (f"meta mark {number} drop",))}), ("cali",), number)


class Disk:
    """Takes what is written, or refuses."""

    def __init__(self) -> None:
        self.revisions: list[int] = []
        self.faults: list[Exception] = []
        self.before: Callable[[], None] = lambda: None

    def write(self, _path: Path, saved: SavedRuleSet) -> bool:
        self.before()
        if self.faults:
            raise self.faults.pop(0)
        assert f"mark {saved.origin.revision} drop" in saved.text
        self.revisions.append(saved.origin.revision)
        return True


def wait_for(event: threading.Event) -> None:
    assert event.wait(10)


@asynccontextmanager
async def running(keeper: RuleSetKeeper) -> AsyncIterator[None]:
    task = asyncio.create_task(keeper.run())
    try:
        async with asyncio.timeout(10):
            yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


async def test_what_is_in_force_is_kept_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "state" / "rule-set.nft"
    keeper = RuleSetKeeper(file, "web1")
    async with running(keeper):
        keeper.keep(kept(7))
        await until(lambda: keeper.status == KeptStatus(revision=7))
    saved = read(file)
    assert saved is not None
    assert (saved.origin.hostname, saved.origin.workload_prefixes, saved.origin.revision) == (
        "web1",
        ("cali",),
        7,
    )
    assert saved.text == kept(7).rule_set.text()


async def test_the_newest_wins_and_nobody_waits() -> None:
    disk, go = Disk(), threading.Event()
    disk.before = lambda: wait_for(go)
    keeper = RuleSetKeeper(FILE, "web1", disk.write)
    async with running(keeper):
        keeper.keep(kept(1))
        await asyncio.sleep(0.01)
        for number in range(2, 100):
            keeper.keep(kept(number))
        go.set()
        await until(lambda: keeper.status.revision == 99)
    assert disk.revisions == [1, 99]


async def test_the_last_one_is_written_in_the_end_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACE", 60.0)
    disk = Disk()
    keeper = RuleSetKeeper(FILE, "web1", disk.write)
    async with running(keeper):
        keeper.keep(kept(1))
        await until(lambda: keeper.status.revision == 1)
        keeper.keep(kept(2))
        await asyncio.sleep(0.01)
        assert disk.revisions == [1]
    for _ in range(2):
        await keeper.close()
    assert disk.revisions == [1, 2]


async def test_an_older_write_that_was_left_behind_never_wins() -> None:
    """The task is cancelled while its thread writes, and the end writes, too: one after the other."""
    disk, go, begun = Disk(), threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        go.wait(10)

    disk.before = hold
    keeper = RuleSetKeeper(FILE, "web1", disk.write)
    async with running(keeper):
        keeper.keep(kept(1))
        await until(begun.is_set)
        keeper.keep(kept(2))
    closing = asyncio.create_task(keeper.close())
    await asyncio.sleep(0.01)
    go.set()
    await closing
    assert disk.revisions == [1, 2]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (UntrustedFileError("others could change it"), "others could change it"),
    ],
)
async def test_a_disk_that_cannot_be_written_is_said_once_and_tried_again(
    caplog: pytest.LogCaptureFixture, fault: Exception, reason: str
) -> None:
    caplog.set_level(logging.INFO)
    disk = Disk()
    disk.faults = [fault] * 3
    keeper = RuleSetKeeper(FILE, "web1", disk.write)
    problems = []
    disk.before = lambda: problems.append(keeper.status.problem)
    async with running(keeper):
        keeper.keep(kept(3))
        await until(lambda: keeper.status.revision == 3)
    told = f"cannot write {FILE}: {reason}"
    assert problems == [None, told, told, told]
    assert keeper.status.problem is None
    assert [text for text in caplog.messages if "is not kept for the next boot" in text] == [
        f"The rule set in force is not kept for the next boot: {told}; enforcement goes on, and it is tried again"
    ]
    assert f"The rule set in force is kept in {FILE} again" in caplog.messages


async def test_a_disk_that_hangs_holds_nobody_up_in_the_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_TIMEOUT", 0.01)
    disk, go = Disk(), threading.Event()
    disk.before = lambda: wait_for(go)
    keeper = RuleSetKeeper(FILE, "web1", disk.write)
    keeper.keep(kept(1))
    await keeper.close()
    go.set()
    assert any(text.endswith(f"writing {FILE} hangs") for text in caplog.messages)


async def test_after_a_fault_of_ours_it_goes_on_with_what_was_not_written() -> None:
    disk = Disk()
    disk.faults = [RuntimeError("a bug")]
    keeper = RuleSetKeeper(FILE, "web1", disk.write)
    keeper.keep(kept(1))
    with pytest.raises(RuntimeError):
        await keeper.run()
    async with running(keeper):
        await until(lambda: keeper.status.revision == 1)


async def test_a_host_name_that_is_no_text_is_kept_all_the_same(tmp_path: Path) -> None:
    keeper = RuleSetKeeper(tmp_path / "rule-set.nft", "web\udcff1")
    keeper.keep(kept(1))
    await keeper.close()
    saved = read(tmp_path / "rule-set.nft")
    assert saved is not None
    assert saved.origin.hostname == "web?1"


async def test_without_a_file_nothing_is_kept_and_status_says_so() -> None:
    keeper = RuleSetKeeper(None, "web1")
    keeper.keep(kept(1))
    await keeper.close()
    assert keeper.status == KeptStatus(problem="no directory is named for it: set CATFLAP_STATE_DIR")
