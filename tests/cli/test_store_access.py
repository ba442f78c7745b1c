from __future__ import annotations

import argparse
import asyncio
import os
import signal

import pytest

from catflap.cli.common import CommandError, Exit
from catflap.cli.store_access import author, in_progress, in_store
from catflap.model.changes import ChangeHeader
from catflap.objects.errors import (
    AmbiguousNameError,
    ChangedMeanwhileError,
    ChangeInProgressError,
    InterruptedChangeError,
    LostJournalError,
    TakenOverError,
    UnreadableHeaderError,
)
from catflap.objects.stored import Subject
from catflap.store import Store, StoreDeniedError, StoreError, StoreUnavailableError

from .written import given_store

HEADER = ChangeHeader(id="a1", author="ada@a", started="2026-01-01T00:00:00Z", objects=3, steps=3, done=1)
OPTIONS = argparse.Namespace(store=None, config_file=None)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            StoreUnavailableError("etcd is away"),
            Exit.UNREACHABLE,
            "etcd is away; --store names another store",
        ),
        (StoreDeniedError("permission denied"), Exit.UNREACHABLE, "permission denied"),
        (StoreError("too large"), Exit.NO, "too large"),
        (
            ChangedMeanwhileError({Subject("Tier", "", "a"): "7"}),
            Exit.NO,
            "nothing was changed: tier/a: it was changed meanwhile, to version 7. Read the objects again",
        ),
        (AmbiguousNameError(Subject("Tier", "", "a"), []), Exit.USAGE, "name it in full"),
        (ChangeInProgressError(HEADER), Exit.NO, "nothing was changed: a change of 3 objects by ada@a"),
        (
            UnreadableHeaderError(),
            Exit.NO,
            "describes no change. Agents ignore it: delete it with 'etcdctl del /calico/v1/catflap/change'",
        ),
        (
            LostJournalError(HEADER),
            Exit.NO,
            "neither finished nor undone, and agents wait for its header to go: delete it",
        ),
        (InterruptedChangeError(HEADER, "etcd is away"), Exit.UNREACHABLE, "--recover finish"),
        (TakenOverError(HEADER), Exit.NO, "somebody else has taken over"),
    ],
)
def test_errors_become_messages(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: Exit, said: str
) -> None:
    given_store(monkeypatch)

    async def fail(_: Store) -> None:
        raise error

    with pytest.raises(CommandError) as raised:
        in_store(OPTIONS, fail)
    assert raised.value.code is code
    assert said in str(raised.value)


def test_another_store_is_suggested_where_none_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    given_store(monkeypatch)

    async def fail(_: Store) -> None:
        raise StoreUnavailableError("etcd is away")

    for store, said in ((None, "etcd is away; --store names another store"), ("etcd://a", "etcd is away")):
        with pytest.raises(CommandError, match=f"^{said}$"):
            in_store(argparse.Namespace(store=store, config_file=None), fail)


def test_the_result_comes_back_and_the_store_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    store = given_store(monkeypatch)
    closed = []

    async def close() -> None:
        closed.append(store)

    monkeypatch.setattr(store, "close", close)

    async def work(given: Store) -> str:
        return given.url

    assert in_store(OPTIONS, work) == "etcd://memory"
    assert closed == [store]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_whoever_ends_it_cancels_it(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    given_store(monkeypatch)
    tidied = []

    async def work(_: Store) -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            tidied.append(number)

    with pytest.raises(KeyboardInterrupt):
        in_store(OPTIONS, work)
    assert tidied == [number]


def test_who_writes() -> None:
    user, _, host = author().partition("@")
    assert user
    assert host


def test_the_remedy_is_named() -> None:
    assert "if its author is not at work any more" in in_progress(HEADER)
