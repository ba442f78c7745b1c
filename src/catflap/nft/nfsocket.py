"""A socket to the kernel's nf_tables: dumps, batches and generation ids; and one for events.

The kernel works on a request before ``send`` returns: nothing here waits for anybody. Nothing here may know our table.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from catflap.nft.nfnetlink import (
    NFNL_SUBSYS_NFTABLES,
    NFPROTO_UNSPEC,
    NFT_MSG_GETGEN,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    Generation,
    Message,
    Request,
    batch,
    generation_of,
    message,
    messages,
)
from catflap.nft.port import NftError

NETLINK_NETFILTER: Final = 12
NFNLGRP_NFTABLES: Final = 7

_SOL_NETLINK: Final = 270
_NETLINK_ADD_MEMBERSHIP: Final = 1
_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33
_BUFFER: Final = 16 << 20  # bytes: the kernel takes a batch as one message of at most this size
_GENERATIONS: Final = 0xFFFFFFFF  # then their numbers begin anew
_RECEIVE_BYTES: Final = 1 << 16  # the kernel sends a dump in pieces of at most 32 KiB
_DUMP_TRIES: Final = 10


class StaleGenerationError(NftError):
    """Somebody else committed since the generation that a batch was made for; nothing of it took effect."""


class InterruptedDumpError(NftError):
    """The rule set changed again and again while it was listed, so the list may lack some."""


class Nfnetlink:
    """A socket to the nf_tables of the network namespace that the creating thread is in. For one thread at a time.

    Raises:
        NftError: the kernel has no netfilter sockets.
    """

    def __init__(self) -> None:
        self._socket = netfilter_socket()

    def generation(self) -> Generation:
        """The generation now; process and name are those of the calling *thread*, as the kernel knows it.

        Raises:
            NftError: the kernel refuses.
        """
        (body,) = self._ask(Request(NFT_MSG_GETGEN, NLM_F_REQUEST, b"", NFPROTO_UNSPEC))
        return generation_of(body)

    def get(self, request: int, body: bytes) -> bytes | None:
        """The body of the one object that NFT_MSG_GET... asks for; None where there is none.

        Raises:
            NftError: the kernel refuses.
        """
        try:
            (found,) = self._ask(Request(request, NLM_F_REQUEST, body))
        except NftError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise
        return found

    def dump(self, request: int, body: bytes) -> list[bytes]:
        """The bodies of all objects that NFT_MSG_GET... lists, of one generation; none where nothing is there.

        Raises:
            InterruptedDumpError: there were changes in the meantime, each time that it was tried.
            NftError: the kernel refuses.
        """
        for _ in range(_DUMP_TRIES):
            with contextlib.suppress(_Interrupted):
                return self._dump(request, body)
        raise InterruptedDumpError("nf_tables changes too often to be listed: see who does that: nft monitor")

    def commit(self, requests: Sequence[Request], generation: int | None = None) -> None:
        """Run requests as one transaction: all of it or nothing.

        Args:
            requests: what to change; none does nothing.
            generation: the transaction is refused where somebody else has committed since this one.

        Raises:
            StaleGenerationError: somebody has.
            NftError: the kernel refuses.
        """
        if not requests:
            return
        before = self.generation().id
        self._send(batch(requests, generation))
        try:
            answers = list(self._pending())
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise _refusal(error) from error
            # More answers than fit. They are errors but for one, yet a commit counts by what it did: one generation.
            # Where somebody else has committed as well, nobody knows, and whoever asked has to look.
            answers = []
            self._drain()
            if self.generation().id - before & _GENERATIONS != 1:
                raise NftError("nf_tables refused the transaction, and the reasons were lost") from error
        _raise_first_error(answers)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def _ask(self, request: Request) -> list[bytes]:
        self._send(message(request))
        try:
            answers = list(self._pending())
        except OSError as error:
            raise _refusal(error) from error
        _raise_first_error(answers)
        return [item.body for item in answers if item.subsystem == NFNL_SUBSYS_NFTABLES]

    def _dump(self, request: int, body: bytes) -> list[bytes]:
        """One attempt; always reads to the end of the kernel's list."""
        self._send(message(Request(request, NLM_F_REQUEST | NLM_F_DUMP, body)))
        bodies: list[bytes] = []
        interrupted = 0
        while True:
            try:
                data = self._socket.recv(_RECEIVE_BYTES)
            except OSError as error:
                raise _refusal(error) from error
            for item in messages(data):
                interrupted |= item.flags & NLM_F_DUMP_INTR
                if item.subsystem == NFNL_SUBSYS_NFTABLES:
                    bodies.append(item.body)
                elif item.type == NLMSG_ERROR and _code(item) == errno.ENOENT:
                    return []
                elif item.type == NLMSG_ERROR:
                    _raise_first_error([item])
                elif item.type == NLMSG_DONE:
                    if interrupted or _code(item) == errno.EINTR:
                        raise _Interrupted
                    return bodies

    def _send(self, data: bytes) -> None:
        self._drain()  # what an earlier call left behind when it failed
        try:
            self._socket.send(data)
        except OSError as error:
            raise _refusal(error) from error

    def _pending(self) -> Iterator[Message]:
        """Everything that has arrived."""
        with contextlib.suppress(BlockingIOError):
            while True:
                yield from messages(self._socket.recv(_RECEIVE_BYTES, socket.MSG_DONTWAIT))

    def _drain(self) -> None:
        while True:
            try:
                self._socket.recv(_RECEIVE_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # told of earlier, or of no interest any more
                    raise _refusal(error) from error


def netfilter_socket(*, events: bool = False) -> socket.socket:
    """A socket with large buffers, as far as that is allowed; with ``events`` it is told of every commit.

    Raises:
        NftError: the kernel has no netfilter sockets.
    """
    try:
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    except OSError as error:
        raise NftError(
            f"the kernel has no netfilter sockets ({error.strerror}): load the modules nfnetlink and nf_tables"
        ) from error
    for forced, plain in ((_SO_SNDBUFFORCE, socket.SO_SNDBUF), (_SO_RCVBUFFORCE, socket.SO_RCVBUF)):
        try:
            made.setsockopt(socket.SOL_SOCKET, forced, _BUFFER)
        except OSError:  # root of a user namespace
            made.setsockopt(socket.SOL_SOCKET, plain, _BUFFER)
    made.bind((0, 0))
    if events:
        made.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
    return made


class _Interrupted(Exception):  # noqa: N818  # caught where it is raised
    """A list changed while it was read."""


def _code(item: Message) -> int:
    """The number of the error that a message tells of; 0 where it is none."""
    (code,) = struct.unpack_from("=i", item.body)
    return -int(code)


def _raise_first_error(answers: Iterable[Message]) -> None:
    for item in answers:
        if item.type == NLMSG_ERROR and item.subsystem == 0 and (code := _code(item)):
            if code == errno.ERESTART:
                raise StaleGenerationError("somebody else changed nf_tables in the meantime")
            error = OSError(code, os.strerror(code))
            raise _refusal(error) from error


def _refusal(error: OSError) -> NftError:
    return NftError(f"nf_tables: {error.strerror}")
