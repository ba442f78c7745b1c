"""A kernel for netlink sockets that answers what it was told to, and messages as the real one sends them."""

from __future__ import annotations

from catflap.host.netlink import HEADER


def message(kind: int, payload: bytes, flags: int = 0) -> bytes:
    """A message; what pads it is no part of it."""
    padding = b"\xff" * (-len(payload) % 4)
    return HEADER.pack(HEADER.size + len(payload), kind, flags, 7, 0) + payload + padding


class Kernel:
    """Answers each request with the next of the prepared lists of datagrams, and keeps the requests."""

    def __init__(self, *answers: list[bytes]) -> None:
        self._answers = list(answers)
        self._datagrams: list[bytes] = []
        self.requests: list[bytes] = []

    def send(self, request: bytes) -> int:
        assert not self._datagrams, "a request while the last list is not read to its end"
        self.requests.append(request)
        self._datagrams = self._answers.pop(0).copy()
        return len(request)

    def recv(self, _size: int) -> bytes:
        return self._datagrams.pop(0)

    def close(self) -> None:
        assert not self._datagrams
