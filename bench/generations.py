"""When the kernel committed nftables transactions: the end of every way from a store to the kernel."""

from __future__ import annotations

import asyncio
import time

from catflap.nft.nfnetlink import NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWGEN, messages
from catflap.nft.nfsocket import netfilter_socket


class Generations:
    """Listens to commits in this process's namespace. Times are those of `time.perf_counter`, in seconds."""

    def __init__(self) -> None:
        self._socket = netfilter_socket(events=True)
        self._socket.settimeout(0)

    async def last_commit(self, *, first: float, quiet: float) -> float:
        """The time of the last commit of a burst.

        Args:
            first: seconds to wait for the first commit.
            quiet: seconds without a further commit that end the burst.

        Raises:
            TimeoutError: there was no commit.
        """
        last = await asyncio.wait_for(self._next_commit(), first)
        while True:
            try:
                last = await asyncio.wait_for(self._next_commit(), quiet)
            except TimeoutError:
                return last

    async def _next_commit(self) -> float:
        loop = asyncio.get_running_loop()
        while True:
            data = await loop.sock_recv(self._socket, 1 << 20)
            now = time.perf_counter()
            if _has_new_generation(data):
                return now

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


def _has_new_generation(data: bytes) -> bool:
    return any(
        item.subsystem == NFNL_SUBSYS_NFTABLES and item.type == NFT_MSG_NEWGEN for item in messages(data)
    )
