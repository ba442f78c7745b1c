from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from catflap.agent import kernel_check
from catflap.agent import self_repair as module
from catflap.agent.config import Configuration, resolve
from catflap.agent.pace import BURST, Pace
from catflap.agent.self_repair import SelfRepair
from catflap.nft import (
    Damage,
    DamageKind,
    EnforceError,
    ForeignChange,
    Known,
    MemoryNft,
    NftError,
    Repaired,
    RuleSet,
    Touched,
    Writer,
)
from catflap.nft.ruleset import Chain

from .conftest import local_sources

RULES = RuleSet(chains={"a": Chain("a", ("drop",)), "b": Chain("b", ("accept",))})
NFT = Writer(41, "nft", "nft flush ruleset")


def rules_changed(chain: str) -> Damage:
    return Damage(DamageKind.CHAIN_RULES, f"rules of chain {chain} were changed")


class Kernel:
    """Takes the place of the enforcer: notes what it shall repair, and answers as it is told to."""

    def __init__(self, nft: MemoryNft) -> None:
        nft.run(RULES.text())
        self.known: Known | None = Known(RULES, nft.chain_digests())
        self.repairs: list[Touched] = []
        self.answers: list[Repaired | Exception] = []
        self.repaired = asyncio.Event()

    def repair(self, touched: Touched) -> Repaired:
        self.repairs.append(touched)
        self.repaired.set()
        answer = self.answers.pop(0) if self.answers else Repaired()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Watcher:
    on_change: Callable[[ForeignChange], None]
    on_loss: Callable[[], None]

    def start(self, on_change: Callable[[ForeignChange], None], on_loss: Callable[[], None]) -> None:
        self.on_change, self.on_loss = on_change, on_loss

    def close(self) -> None:
        del self.on_change

    def tell(self, chain: str, writer: Writer = NFT) -> None:
        self.on_change(ForeignChange(writer, Touched(frozenset({chain}))))


class Setting:
    """A `SelfRepair` between fakes."""

    def __init__(self) -> None:
        self.nft = MemoryNft()
        self.kernel = Kernel(self.nft)
        self.watcher = Watcher()
        self.pace = Pace(lambda: 0.0)  # in which nothing recovers
        self.repair = SelfRepair(self.kernel, self.in_thread, self.watcher, self.nft, self.pace)

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    async def next(self) -> Touched:
        """What is repaired next."""
        await asyncio.wait_for(self.kernel.repaired.wait(), 5)
        self.kernel.repaired.clear()
        await asyncio.sleep(0)
        return self.kernel.repairs[-1]


@asynccontextmanager
async def running() -> AsyncIterator[Setting]:
    setting = Setting()
    task = asyncio.create_task(setting.repair.run())
    await setting.next()  # the comparison at the start
    setting.kernel.repairs.clear()
    try:
        yield setting
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert not hasattr(setting.watcher, "on_change")


def configuration(interval: int) -> Configuration:
    return resolve(local_sources(NftablesRefreshInterval=str(interval)))[0]


async def test_a_foreign_change_is_repaired_and_its_maker_named(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as setting:
        setting.kernel.answers = [Repaired((rules_changed("a"),), 1, 0.0031)]
        setting.watcher.tell("a")
        assert await setting.next() == Touched(frozenset({"a"}))
    (line,) = caplog.messages
    assert line == (
        "Table inet catflap was changed by process 41 (nft flush ruleset):"
        " rules of chain a were changed; repaired in 3.1 ms"
    )


async def test_changes_that_come_together_are_repaired_together_and_told_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running() as setting:
        damage = tuple(Damage(DamageKind.CHAIN_ADDED, f"chain c{number} was added") for number in range(7))
        setting.kernel.answers = [Repaired(damage, 1, 0.001)]
        for number in range(9):
            setting.watcher.tell(f"c{number}", Writer(number, "x"))
        assert len((await setting.next()).chains) == 9
    (line,) = caplog.messages
    assert "process 0 (x), process 1 (x), process 2 (x), process 3 (x), process 4 (x), and 4 more: " in line
    assert line.endswith("chain c4 was added, and 2 more; repaired in 1.0 ms")


async def test_what_left_no_damage_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as setting:
        setting.watcher.tell("a")
        await setting.next()
    assert caplog.messages == [
        "Table inet catflap was changed by process 41 (nft flush ruleset): nothing of that is left"
    ]


async def test_a_repair_that_fails_is_told_and_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY", 0.01)
    async with running() as setting:
        setting.kernel.answers = [
            EnforceError("Operation not permitted"),
            Repaired((Damage(DamageKind.TABLE_DELETED, "the table was deleted"),)),
        ]
        setting.watcher.tell("a")
        assert await setting.next() == Touched(frozenset({"a"}))
        assert await setting.next() == Touched(frozenset({"a"}))
    assert "It is NOT REPAIRED; trying again" in caplog.messages[0]
    assert "process 41 (nft flush ruleset): Operation not permitted" in caplog.messages[0]
    assert "the table was deleted; repaired in" in caplog.messages[1]


async def test_lost_events_lead_to_a_comparison(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as setting:
        setting.nft.run("flush chain inet catflap b\n")
        setting.kernel.answers = [Repaired((rules_changed("b"),), 1, 0.002)]
        setting.watcher.on_loss()
        assert await setting.next() == Touched(frozenset({"b"}))
    assert caplog.messages == [
        "More of nf_tables changed than could be followed; comparing all of table inet catflap",
        "Table inet catflap was changed by nobody knows whom: rules of chain b were changed; repaired in 2.0 ms",
    ]


async def test_a_comparison_that_finds_nothing_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as setting:
        setting.repair._comparison_wanted.set()
        assert await setting.next() == Touched()
    assert caplog.messages == []


async def test_comparisons_come_at_the_interval_that_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as setting:
        monkeypatch.setattr(
            asyncio.get_running_loop(), "call_later", _hurried(asyncio.get_running_loop().call_later)
        )
        setting.repair.configure(configuration(600))
        for _ in range(3):
            await setting.next()
        setting.repair.configure(configuration(0))
        assert setting.repair._timer is None


def _hurried(call_later: Callable[..., asyncio.TimerHandle]) -> Callable[..., asyncio.TimerHandle]:
    return lambda delay, *arguments, **named: call_later(
        0.001 if delay == 600 else delay, *arguments, **named
    )


async def test_a_comparison_that_is_not_possible_is_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LATER", 0.01)
    async with running() as setting:
        known, setting.kernel.known = setting.kernel.known, None
        setting.repair._comparison_wanted.set()
        await asyncio.sleep(0.03)
        assert setting.kernel.repairs == []
        digests = setting.nft.chain_digests

        def fail(names: Collection[str] | None = None) -> Mapping[str, str]:
            setting.nft.chain_digests = digests  # type: ignore[method-assign]
            raise NftError(f"{names or 'nf_tables'} changes too often to be listed")

        setting.nft.chain_digests = fail  # type: ignore[method-assign]
        setting.kernel.known = known
        await setting.next()
    assert caplog.messages == [
        "Cannot compare table inet catflap with what it should be: nf_tables changes too often to be listed"
    ]


async def test_a_war_is_told_once_and_its_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pace, "delay", lambda _: 0.0)
    monkeypatch.setattr(module, "QUIET", 0.2)
    async with running() as setting:
        for _ in range(int(BURST) + 20):
            setting.watcher.tell("a")
            await setting.next()
        setting.pace.at_war = False
        await setting.next()  # without any change: somebody has to see the end
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    (error,) = errors
    assert error.startswith("SOMEBODY KEEPS CHANGING TABLE inet catflap: process 41 (nft flush ruleset)")
    assert len(caplog.messages) < BURST + 5
    assert caplog.messages[-1] == "Table inet catflap is left alone again, after 21 more changes"


async def test_a_long_war_is_told_of_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pace, "delay", lambda _: 0.0)
    monkeypatch.setattr(module, "WAR_REPORTS", 0.0)
    async with running() as setting:
        for _ in range(int(BURST) + 1):
            setting.watcher.tell("a")
            await setting.next()
    assert caplog.messages[-1].startswith("SOMEBODY STILL KEEPS CHANGING TABLE inet catflap: ")


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks may follow each other however long they take."""
    monkeypatch.setattr(kernel_check, "SHARE", 0.0)


@pytest.mark.usefixtures("eager")
async def test_a_comparison_that_ends_well_is_a_check_and_nothing_but_commits_makes_it_old() -> None:
    async with running() as setting:
        assert setting.repair.check.status().seconds_ago is not None
        await asyncio.wait_for(setting.repair.checked(0), 5)  # nobody has committed anything
        assert setting.kernel.repairs == []
        setting.nft.run("flush chain inet catflap b\n")
        setting.kernel.answers = [Repaired((rules_changed("b"),), 1, 0.002)]
        await asyncio.wait_for(setting.repair.checked(0), 5)
        assert setting.kernel.repairs == [Touched(frozenset({"b"}))]
        assert setting.repair.repairs[DamageKind.CHAIN_RULES] == 1
        await asyncio.wait_for(setting.repair.checked(60), 5)  # a moment ago is good enough
        assert len(setting.kernel.repairs) == 1


async def test_damage_shows_from_when_it_is_heard_of_until_it_is_undone() -> None:
    async with running() as setting:
        setting.watcher.tell("a")
        assert "somebody changed the table" in str(setting.repair.check.status().problem)
        await setting.next()
        assert setting.repair.check.status().problem is None
        assert setting.repair.foreign_changes == 1


@pytest.mark.usefixtures("eager")
async def test_what_cannot_be_repaired_ends_a_check_and_shows() -> None:
    async with running() as setting:
        setting.nft.run("flush chain inet catflap b\n")
        setting.kernel.answers = [EnforceError("Operation not permitted")]
        await asyncio.wait_for(setting.repair.checked(0), 5)
        problem = setting.repair.check.status().problem
        assert problem == "it was changed and could not be repaired: Operation not permitted"


@pytest.mark.usefixtures("eager")
async def test_what_cannot_be_read_ends_a_check_and_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as setting:

        def fail(_names: Collection[str] | None = None) -> Mapping[str, str]:
            raise NftError("no buffer space")

        setting.nft.run("flush chain inet catflap b\n")
        monkeypatch.setattr(setting.nft, "chain_digests", fail)
        await asyncio.wait_for(setting.repair.checked(0), 5)
        assert "no buffer space" in str(setting.repair.check.status().problem)
