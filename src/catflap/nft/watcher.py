"""Hears of every commit to nf_tables in this network namespace, as it happens, and tells of those that touch our table.

Nothing here may hold up the event loop for long, nor fail when events come faster than they are read: the kernel then
drops some and says so once, and whoever listens has to compare everything.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable

import msgspec

from catflap.nft.damage import Touched
from catflap.nft.events import CommitReader
from catflap.nft.nfnetlink import Generation
from catflap.nft.nfsocket import netfilter_socket
from catflap.nft.writer import Writer, writer_of

_RECEIVE_BYTES = 1 << 16
_SLICE = 0.005  # seconds of reading without giving others their turn


class ForeignChange(msgspec.Struct, frozen=True):
    """A commit by somebody else that touched our table."""

    writer: Writer
    touched: Touched


class CommitWatcher:
    """Listens in the network namespace of the thread that starts it.

    Args:
        is_own: whether a generation was made by us; called in the event loop.
    """

    def __init__(self, is_own: Callable[[Generation], bool]) -> None:
        self._is_own = is_own
        self._socket: socket.socket | None = None

    def start(self, on_change: Callable[[ForeignChange], None], on_loss: Callable[[], None]) -> None:
        """Call ``on_change`` for each commit, and ``on_loss`` when some may have been missed, until `close`.

        Raises:
            NftError: the kernel has no netfilter sockets.
        """
        self._socket = events = netfilter_socket(events=True)
        events.settimeout(0)
        reader = CommitReader(self._is_own)

        def read() -> None:
            end = time.monotonic() + _SLICE
            while time.monotonic() < end:
                try:
                    data = events.recv(_RECEIVE_BYTES)
                except BlockingIOError:
                    return
                except OSError as error:
                    if error.errno != errno.ENOBUFS:
                        raise
                    reader.lost()
                    on_loss()
                    continue
                for commit in reader.feed(data):
                    on_change(ForeignChange(writer_of(commit.generation), commit.touched))
                    if not commit.whole:
                        on_loss()

        asyncio.get_running_loop().add_reader(events, read)

    def close(self) -> None:
        """Listen no more."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
