"""Has existing connections rechecked after each change of what is enforced, where that is wanted (`catflap.recheck`).

The work is done by a process that lives for as long as it takes: what it needs is let go again, and nothing else waits
for it. A policy that comes while it runs is handed over to it. Without a result after a change nobody knows whether
connections go on that policy forbids: that is said loudly, and tried again.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio.subprocess import PIPE
from contextlib import suppress
from typing import Any, Final

import msgspec

from catflap.agent.config import Configuration
from catflap.agent.status import ConnectionsStatus
from catflap.policy import HostPolicy
from catflap.recheck.wire import Outcome, frames

log = logging.getLogger(__name__)

# -I: nothing may be imported from the working directory, which others may write to.
COMMAND: Final = (sys.executable, "-I", "-m", "catflap.recheck.process")
TIMEOUT: Final = 600.0  # seconds without a result; 100,000 connections take 15
RETRY: Final = 30.0  # seconds


class RecheckError(Exception):
    """There is no result. The text says why."""


class Recheck:
    """Rechecks existing connections, from the first `configure` that wants it on.

    Attributes:
        status: the numbers so far.
        settled: what is enforced has been rechecked, or need not be.
    """

    def __init__(self) -> None:
        self.status = ConnectionsStatus()
        self.settled = asyncio.Event()
        self.settled.set()
        self._wanted = False
        self._policy: HostPolicy | None = None
        self._changed = asyncio.Event()

    def configure(self, configuration: Configuration) -> None:
        """Begin or end to do it."""
        wanted = configuration["ExistingConnections"] == "recheck"
        if wanted is not self._wanted:
            self._wanted = wanted
            self._request()

    def set_policy(self, policy: HostPolicy) -> None:
        """What is in force has changed to this."""
        self._policy = policy
        self._request()

    def _request(self) -> None:
        if self._wanted and self._policy is not None:
            self.settled.clear()
        self._changed.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._wanted and self._policy is not None:
                await self._try()
            if not self._changed.is_set():
                self.settled.set()

    async def _try(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                outcome = await self._serve()
        except (RecheckError, OSError, TimeoutError) as error:
            log.warning(
                "Existing connections could not be rechecked, so that some may go on that policy forbids;"
                " trying again in %.0f s: %s",
                RETRY,
                str(error) or f"no result within {TIMEOUT:.0f} s",
            )
            asyncio.get_running_loop().call_later(RETRY, self._changed.set)
        else:
            if outcome is not None:
                self._report(outcome)

    async def _serve(self) -> Outcome | None:
        """Run the process, with the newest policy whenever there is one; None where it is no longer wanted."""
        process = await asyncio.create_subprocess_exec(*COMMAND, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018  # for the type checker
        answer = asyncio.gather(process.stdout.read(), process.stderr.read())
        try:
            sent = 0
            while not answer.done():
                if not self._wanted:
                    return None
                await self._send(process.stdin)
                sent += 1
                await self._changed_before(answer)
            outcome = _outcome(*answer.result())
        finally:
            if not answer.done():  # else it has closed what it writes to, and so is ending
                answer.cancel()
                with suppress(ProcessLookupError):
                    process.kill()
            await process.wait()
        if outcome.policies < sent:
            self._changed.set()  # the newest came too late for this run
        return outcome

    async def _send(self, stream: asyncio.StreamWriter) -> None:
        """Write the newest policy. A process that has ended meanwhile has told why, or what it has done."""
        assert self._policy is not None  # noqa: S101  # for the type checker
        with suppress(ConnectionError):
            for frame in frames(self._policy):
                stream.write(frame)
                await stream.drain()

    async def _changed_before(self, answer: asyncio.Future[tuple[bytes, bytes]]) -> None:
        """Wait until the answer is there, or something has changed; then that is taken note of."""
        changed = asyncio.ensure_future(self._changed.wait())
        waiting: set[asyncio.Future[Any]] = {answer, changed}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()
        if not answer.done():
            self._changed.clear()

    def _report(self, outcome: Outcome) -> None:
        ended, runs = self.status.ended + outcome.ended, self.status.runs + 1
        self.status = ConnectionsStatus(runs, ended, outcome.unsure)
        log.info(
            "Existing connections: %d checked, %d kept, %d ended, %d unsure and kept; %d sockets closed, in %.2f s",
            outcome.checked,
            outcome.kept,
            outcome.ended,
            outcome.unsure,
            outcome.sockets,
            outcome.seconds,
        )
        if outcome.examples:
            more = ", …" if outcome.ended > len(outcome.examples) else ""
            log.info("Ended connections: %s%s", "; ".join(outcome.examples), more)
        if outcome.returned:
            log.warning(
                "%d packets of ended connections came from the other side, which policy allows; where that goes on"
                " the connection does, too: deny that direction, or set net.netfilter.nf_conntrack_tcp_loose to 0",
                outcome.returned,
            )
        for problem in outcome.problems:
            log.warning("Not every connection that policy forbids could be ended: %s", problem)


def _outcome(output: bytes, errors: bytes) -> Outcome:
    """What the process says that it has done.

    Raises:
        RecheckError: it has failed.
    """
    try:
        return msgspec.json.decode(output, type=Outcome)
    except msgspec.DecodeError:
        last = errors.decode(errors="replace").strip().rpartition("\n")[2]
        raise RecheckError(last or "the process ended without a result") from None
