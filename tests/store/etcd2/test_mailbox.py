from __future__ import annotations

import asyncio

import pytest

from catflap.model.decoded import Problem
from catflap.store.api import Alive, Connected, Delta, StoreError
from catflap.store.etcd2.mailbox import Mailbox


async def test_what_waits_is_merged_by_path() -> None:
    mailbox = Mailbox()
    mailbox.add(1, {"a": b"1"})
    mailbox.add(2, {"b": b"2", "c": b"3"})
    mailbox.add(3, {"a": None})
    assert await mailbox.take() == Delta(3, (("b", b"2"), ("c", b"3"), ("a", None)))


async def test_taking_waits_for_something() -> None:
    mailbox = Mailbox()
    mailbox.add(1, {"a": b"1"})
    await mailbox.take()
    waiting = asyncio.ensure_future(mailbox.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    mailbox.add(2, {"b": b"1"})
    assert await waiting == Delta(2, (("b", b"1"),))


async def test_an_event_without_changes_is_a_sign_of_life() -> None:
    mailbox = Mailbox()
    mailbox.add(2, {})
    assert await mailbox.take() == Alive(2)


async def test_of_signs_of_life_only_the_last_one_waits() -> None:
    mailbox = Mailbox()
    mailbox.alive(2)
    mailbox.alive(3)
    assert await mailbox.take() == Alive(3)
    assert not mailbox._filled.is_set()


async def test_changes_are_a_sign_of_life_themselves() -> None:
    mailbox = Mailbox()
    mailbox.alive(1)
    mailbox.add(2, {"a": b"1"})
    mailbox.alive(3)
    assert await mailbox.take() == Delta(3, (("a", b"1"),))
    assert not mailbox._filled.is_set()


async def test_the_dead_give_no_sign_of_life() -> None:
    mailbox = Mailbox()
    mailbox.alive(1)
    mailbox.fail(StoreError("gone"))
    with pytest.raises(StoreError, match="gone"):
        await mailbox.take()


async def test_other_problems_are_news_without_any_change() -> None:
    known, new = Problem("/a", "", ()), Problem("/b", "", ())
    mailbox = Mailbox((known,))
    mailbox.add(1, {}, (known,))
    assert await mailbox.take() == Alive(1)
    for problems in ((known, new), ()):
        mailbox.add(2, {}, problems)
        assert await mailbox.take() == Delta(2, (), problems)


async def test_being_connected_is_news_once_and_comes_first() -> None:
    mailbox = Mailbox()
    mailbox.add(1, {"a": b"1"})
    mailbox.connected("host:1")
    mailbox.connected("host:1")
    assert await mailbox.take() == Connected("host:1")
    assert isinstance(await mailbox.take(), Delta)
    assert mailbox._filled.is_set() is False


async def test_an_error_comes_after_everything_else() -> None:
    mailbox = Mailbox()
    mailbox.connected("host:1")
    mailbox.add(1, {"a": b"1"})
    mailbox.fail(StoreError("gone"))
    assert isinstance(await mailbox.take(), Connected)
    assert isinstance(await mailbox.take(), Delta)
    for _ in range(2):
        with pytest.raises(StoreError, match="gone"):
            await mailbox.take()
