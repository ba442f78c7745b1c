"""A steady stream of numbered packets that counts its losses, to see whether a change opens a gap."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Final, Self

import msgspec

if TYPE_CHECKING:
    from catflap.lab.namespaces import Namespace

_PACE_SECONDS: Final = 0.001
_BURST: Final = 100  # at once: the kernel queues at most 1,000 packets between two namespaces
_GRACE_SECONDS: Final = 0.3
_RECEIVE_BUFFER: Final = 1 << 24
_SO_RCVBUFFORCE: Final = 33  # socket(7); not in Python's socket module
_NUMBER: Final = struct.Struct("!Q")


class StreamResult(msgspec.Struct, frozen=True):
    """What arrived. ``missing``: the numbers of the packets that did not; ``longest_gap``: seconds between arrivals."""

    sent: int
    received: int
    missing: tuple[int, ...]
    longest_gap: float


class Stream:
    """Numbered UDP packets at a steady rate, from a thread of its own so that nothing the caller does stops them.

    Entering the context starts it, leaving it stops it and waits for stragglers; then ``result`` is final.

    Args:
        source: Where the packets come from.
        receiver: The namespace that has ``destination``; nobody else may use ``port`` there.
        destination: The address they go to.
        port: The UDP port they go to.
        rate: Packets per second, up to about 5,000.

    Raises:
        OSError: The port is in use, or there is no route.
    """

    def __init__(
        self, source: Namespace, receiver: Namespace, destination: str, port: int, *, rate: float = 1000
    ) -> None:
        self._rate = rate
        self._sent = 0
        self._arrivals: dict[int, float] = {}
        self._arrived = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="catflap-stream", daemon=True)
        family = socket.AF_INET6 if ":" in destination else socket.AF_INET
        with contextlib.ExitStack() as sockets:
            self._sink = sockets.enter_context(receiver.socket(family, socket.SOCK_DGRAM))
            self._sink.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
            self._sink.bind((destination, port))
            self._sender = sockets.enter_context(source.socket(family, socket.SOCK_DGRAM))
            self._sender.connect((destination, port))
            self._sockets = sockets.pop_all()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._sockets.close()

    def wait_for(self, more: int, *, timeout: float = 5.0) -> None:
        """Wait until that many more packets have arrived.

        Raises:
            TimeoutError: They did not, within ``timeout`` seconds.
        """
        with self._arrived:
            wanted = len(self._arrivals) + more
            if not self._arrived.wait_for(lambda: len(self._arrivals) >= wanted, timeout):
                raise TimeoutError(f"{wanted - len(self._arrivals)} of {more} packets did not arrive")

    @property
    def result(self) -> StreamResult:
        """What has arrived so far."""
        with self._arrived:
            times = sorted(self._arrivals.values())
            return StreamResult(
                sent=self._sent,
                received=len(self._arrivals),
                missing=tuple(number for number in range(self._sent) if number not in self._arrivals),
                longest_gap=max((b - a for a, b in itertools.pairwise(times)), default=0.0),
            )

    def _run(self) -> None:
        started = time.monotonic()
        while not self._stopping.wait(_PACE_SECONDS):
            due = int((time.monotonic() - started) * self._rate)
            for _ in range(min(due - self._sent, _BURST)):
                self._send()
            self._collect()
        deadline = time.monotonic() + _GRACE_SECONDS
        while len(self._arrivals) < self._sent and time.monotonic() < deadline:
            time.sleep(_PACE_SECONDS)
            self._collect()

    def _send(self) -> None:
        """A packet that the sender's own host drops, or that an ICMP error stands in for, counts as sent."""
        with contextlib.suppress(OSError):
            self._sender.send(_NUMBER.pack(self._sent))
        self._sent += 1

    def _collect(self) -> None:
        with self._arrived, contextlib.suppress(BlockingIOError):
            while True:
                (number,) = _NUMBER.unpack(self._sink.recv(_NUMBER.size))
                self._arrivals.setdefault(number, time.monotonic())
                self._arrived.notify_all()
