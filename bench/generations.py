"""When the kernel committed nftables transactions: the end of every way from a store to the kernel."""

from __future__ import annotations

import asyncio
import socket
import struct
import time

NETLINK_NETFILTER = 12
NFNLGRP_NFTABLES = 7
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
NFNL_SUBSYS_NFTABLES = 10
NFT_MSG_NEWGEN = 15
NEW_GENERATION = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr


class Generations:
    """Listens to commits in this process's namespace. Times are those of `time.perf_counter`, in seconds."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self._socket.settimeout(0)
        self._socket.bind((0, 0))
        self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)

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
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, offset)
        if kind == NEW_GENERATION:
            return True
        offset += max((length + 3) & ~3, _HEADER.size)
    return False
