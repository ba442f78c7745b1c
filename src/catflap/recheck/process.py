"""The process that rechecks existing connections: policies on stdin (`wire`), an `Outcome` as JSON on stdout.

A process of its own, so that neither the agent's event loop nor its enforcement thread ever waits for it, and at a low
priority, so that it takes only what others leave. Whoever started it may write newer policies at any time; when stdin
ends, nobody wants the result any more, and it ends at once, between two connections.
"""

from __future__ import annotations

import os
import select
import sys
import time
from typing import BinaryIO, Final

import msgspec

from catflap.host.api import Interfaces
from catflap.host.conntrack import Conntrack
from catflap.host.routes import Route, Routes
from catflap.host.rtnetlink import InterruptedDumpError, Rtnetlink
from catflap.host.sockets import Sockets
from catflap.policy.host_policy import HostPolicy
from catflap.recheck.run import Run
from catflap.recheck.surroundings import Question, Surroundings
from catflap.recheck.wire import Outcome, read_policy

_NICENESS: Final = 10
_TRIES: Final = 5
_PAUSE: Final = 0.05  # seconds


class Feed:
    """The policies that come over a pipe; nothing may be buffered in between, or `newer` would not see it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def newer(self, wait: float) -> HostPolicy | None:
        """The newest policy, see `run.Policies`.

        Raises:
            EOFError: nobody wants the result any more.
        """
        newest = None
        while self._readable(wait if newest is None else 0.0):
            newest = read_policy(self._stream)
        return newest

    def _readable(self, wait: float) -> bool:
        return bool(select.select([self._stream], [], [], wait)[0])


def recheck(feed: Feed, policy: HostPolicy) -> Outcome:
    """Recheck the connections of the network namespace of the calling thread.

    Raises:
        OSError: the kernel refuses.
        EOFError: nobody wants the result any more.
    """
    with Conntrack() as conntrack, Sockets() as sockets, Routes() as routes:

        def ask(question: Question) -> Route | None:
            return routes.route(*question)

        def surroundings() -> Surroundings:
            links = Rtnetlink()
            try:
                return Surroundings(_interfaces(links), sockets.listeners(), ask)
            finally:
                links.close()

        return Run(conntrack, sockets, surroundings, feed).run(policy)


def _interfaces(links: Rtnetlink) -> Interfaces:
    for _ in range(_TRIES - 1):
        try:
            return links.interfaces()
        except InterruptedDumpError:
            time.sleep(_PAUSE)
    return links.interfaces()


def main() -> int:
    """Do the work; returns the exit code."""
    os.nice(_NICENESS)
    with open(0, "rb", buffering=0) as stream:  # a descriptor, not a path
        try:
            outcome = recheck(Feed(stream), read_policy(stream))
        except EOFError:
            return 0
    sys.stdout.buffer.write(msgspec.json.encode(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main())
