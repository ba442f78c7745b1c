"""Running something in the configured store, with what may go wrong there as messages and exit codes."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import signal
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
START_AFRESH = (
    "It can be neither finished nor undone, and agents wait for its header to go:"
    f" {DELETE_HEADER}, and apply what the store shall say"
)

_MESSAGES: Sequence[tuple[type[Exception], Exit, str]] = (  # of several that fit the first counts
    (StoreUnavailableError, Exit.UNREACHABLE, "{}"),
    (StoreDeniedError, Exit.UNREACHABLE, "{}"),
    (StoreError, Exit.NO, "{}"),
    (AmbiguousNameError, Exit.USAGE, "{}"),
    (ChangedMeanwhileError, Exit.NO, "nothing was changed: {}. Read the objects again, and repeat it"),
    (ChangeInProgressError, Exit.NO, f"nothing was changed: {{}}; {REMEDY}"),
    (UnreadableHeaderError, Exit.NO, f"nothing was changed: {{}}. Agents ignore it: {DELETE_HEADER}"),
    (LostJournalError, Exit.NO, f"nothing was changed: {{}}. {START_AFRESH}"),
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
        KeyboardInterrupt: somebody has ended it, and a change that was not complete is taken back.
    """

    async def run() -> T:
        _end_as_with_ctrl_c()
        store = open_configured_store(options.store, options.config_file)
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    except tuple(kind for kind, _, _ in _MESSAGES) as error:
        raise _explained(error, named=options.store is not None) from None


def _end_as_with_ctrl_c() -> None:
    """Let the task be cancelled where a service manager ends the process, or its terminal is gone."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # called by a task
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # not where nohup has it ignored
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _explained(error: Exception, *, named: bool) -> CommandError:
    """What to tell about an error; ``named``: somebody has said which store to use."""
    code, message = next((code, message) for kind, code, message in _MESSAGES if isinstance(error, kind))
    hint = "; --store names another store" if isinstance(error, StoreUnavailableError) and not named else ""
    return CommandError(f"{message.format(error)}{hint}", code)
