from __future__ import annotations

import asyncio

import pytest

from catflap.store.api import Connected, Delta, StoreError
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
    mailbox.add(2, {})
    await asyncio.sleep(0)
    assert not waiting.done()
    mailbox.add(3, {"b": b"1"})
    assert await waiting == Delta(3, (("b", b"1"),))


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
