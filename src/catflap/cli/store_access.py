"""Running something in the configured store, with what may go wrong there as messages and exit codes."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from catflap.cli.common import CommandError, Exit
from catflap.cli.stores import open_configured_store
from catflap.model.changes import CHANGE_PATH, ChangeHeader
from catflap.objects.errors import (
    AmbiguousNameError,
    ChangedMeanwhileError,
    ChangeInProgressError,
    InterruptedChangeError,
    LostJournalError,
    TakenOverError,
    UnreadableHeaderError,
    described,
)
from catflap.store import Store, StoreDeniedError, StoreError, StoreUnavailableError

T = TypeVar("T")

REMEDY = (
    "if its author is not at work any more, 'catflap apply --recover finish' writes the rest, and"
    " 'catflap apply --recover undo' takes back what was written"
)
DELETE_HEADER = f"delete it with 'etcdctl del {CHANGE_PATH}' (API v2: 'etcdctl rm {CHANGE_PATH}')"

_MESSAGES: Sequence[tuple[type[Exception], Exit, str]] = (  # of several that fit the first counts
    (StoreUnavailableError, Exit.UNREACHABLE, "{}; --store names another store"),
    (StoreDeniedError, Exit.UNREACHABLE, "{}"),
    (StoreError, Exit.NO, "{}"),
    (AmbiguousNameError, Exit.USAGE, "{}"),
    (ChangedMeanwhileError, Exit.NO, "nothing was changed: {}. Read the objects again, and repeat it"),
    (ChangeInProgressError, Exit.NO, f"nothing was changed: {{}}; {REMEDY}"),
    (UnreadableHeaderError, Exit.NO, f"nothing was changed: {{}}. Agents ignore it: {DELETE_HEADER}"),
    (
        LostJournalError,
        Exit.NO,
        "nothing was changed: {}, so it can be neither finished nor undone. Agents wait for its header to go:"
        f" {DELETE_HEADER}, and apply what the store shall say",
    ),
    (InterruptedChangeError, Exit.UNREACHABLE, f"{{}}. Agents hold it back; {REMEDY}"),
    (TakenOverError, Exit.NO, "{}"),
)


def author() -> str:
    """Who writes: ``user@host``."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def in_progress(header: ChangeHeader) -> str:
    """That a change is in progress, and what to do about it."""
    return f"{described(header)}; {REMEDY}"


def in_store(options: argparse.Namespace, work: Callable[[Store], Awaitable[T]]) -> T:
    """Run ``work`` with the store that the options name.

    Raises:
        CommandError: whatever goes wrong with the store.
    """

    async def run() -> T:
        store = open_configured_store(options.store, options.config_file)
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except tuple(kind for kind, _, _ in _MESSAGES) as error:
        raise _explained(error) from None


def _explained(error: Exception) -> CommandError:
    code, message = next((code, message) for kind, code, message in _MESSAGES if isinstance(error, kind))
    return CommandError(message.format(error), code)
