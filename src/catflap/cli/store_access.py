"""Running something in the configured store, with what may go wrong there as messages and exit codes."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import socket
from collections.abc import Awaitable, Callable
from typing import TypeVar

from catflap.cli.common import CommandError, Exit
from catflap.cli.stores import open_configured_store
from catflap.model.changes import ChangeHeader
from catflap.objects.errors import (
    AmbiguousNameError,
    ChangedMeanwhileError,
    ChangeInProgressError,
    InterruptedChangeError,
    TakenOverError,
    described,
)
from catflap.store import Store, StoreDeniedError, StoreError, StoreUnavailableError

T = TypeVar("T")

REMEDY = (
    "if its author is not at work any more, 'catflap apply --recover finish' writes the rest, and"
    " 'catflap apply --recover undo' takes back what was written"
)


def author() -> str:
    """Who writes: ``user@host``."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def in_progress(header: ChangeHeader | None) -> str:
    """That a change is in progress, and what to do about it."""
    if header is None:
        return f"{described(header)}: look at it with etcdctl, and delete it there"
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
    except StoreUnavailableError as error:
        raise CommandError(f"{error}; --store names another store", Exit.UNREACHABLE) from None
    except StoreDeniedError as error:
        raise CommandError(str(error), Exit.UNREACHABLE) from None
    except StoreError as error:
        raise CommandError(str(error)) from None
    except AmbiguousNameError as error:
        raise CommandError(str(error), Exit.USAGE) from None
    except ChangedMeanwhileError as error:
        raise CommandError(f"nothing was changed: {error}. Read the objects again, and repeat it") from None
    except ChangeInProgressError as error:
        raise CommandError(f"nothing was changed: {in_progress(error.header)}") from None
    except InterruptedChangeError as error:
        raise CommandError(f"{error}. Agents hold it back; {REMEDY}", Exit.UNREACHABLE) from None
    except TakenOverError as error:
        raise CommandError(str(error)) from None
