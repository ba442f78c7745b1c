"""Tells the service manager that started the agent how it stands: ready, alive, ending (sd_notify's protocol).

Alive means that the event loop turns: a loop that hangs sends nothing, and the service manager starts the agent anew,
while what is enforced stays. Without a service manager nothing is said. It never ends or holds up the agent: a message
that cannot be sent is not sent.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from catflap.agent.status import AgentStatus

SOCKET_VARIABLE: Final = "NOTIFY_SOCKET"
WATCHDOG_VARIABLE: Final = "WATCHDOG_USEC"
WATCHDOG_PROCESS_VARIABLE: Final = "WATCHDOG_PID"
PATIENCE: Final = 10.0  # seconds that being ready waits for a first policy
LONGEST_PAUSE: Final = 5.0  # seconds between two messages, so that what `systemctl status` shows is fresh


class ServiceManager:
    """What the environment says of the service manager.

    Args:
        environment: of this process.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get(SOCKET_VARIABLE, "")
        # An @ stands for the zero byte that begins names in the kernel's abstract namespace.
        self._address = address.replace("@", "\0", 1) if address.startswith("@") else address
        self._watchdog = _watchdog(environment)

    @property
    def pause(self) -> float:
        """Seconds between two messages: a third of what the watchdog allows, and never many."""
        return min(self._watchdog / 3, LONGEST_PAUSE) if self._watchdog else LONGEST_PAUSE

    async def run(self, status: Callable[[], AgentStatus], ready: asyncio.Event) -> None:
        """Say that the agent is ready as soon as it is, and that it is alive until cancelled.

        Args:
            status: how the agent stands at the moment.
            ready: is set when the first policy is in force, or was before the agent started. Being ready does not wait
                for that for ever: a store out of reach must not make the service manager take the agent for broken.
        """
        if not self._address:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._wait(status, ready)
        self._tell("READY=1")
        while True:
            self._tell("WATCHDOG=1", f"STATUS={describe(status())}")
            await asyncio.sleep(self.pause)

    def stopping(self) -> None:
        """Say that the agent is ending."""
        self._tell("STOPPING=1", "STATUS=Ending; what is enforced stays in force")

    async def _wait(self, status: Callable[[], AgentStatus], ready: asyncio.Event) -> None:
        while not ready.is_set():
            self._tell(f"STATUS={describe(status())}")
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await ready.wait()

    def _tell(self, *lines: str) -> None:
        if self._address:
            with (
                suppress(OSError),
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
            ):
                sender.settimeout(0)
                sender.connect(self._address)
                sender.send("\n".join(lines).encode(errors="replace"))


def describe(status: AgentStatus) -> str:
    """One line for ``systemctl status``."""
    store, revision = status.store, status.revision_enforced
    enforced = (
        "no policy of the store is in force yet" if revision is None else f"revision {revision} is in force"
    )
    parts = [str(store.state), enforced]
    if store.reason:
        parts.append(" ".join(store.reason.split()))
    if status.not_enforced:
        parts.append(f"NOT ENFORCED on {', '.join(status.not_enforced)}")
    return "; ".join(parts)


def _watchdog(environment: Mapping[str, str]) -> float:
    """Seconds that the watchdog allows between two signs of life; 0 where it watches nobody, or another process."""
    text, process = environment.get(WATCHDOG_VARIABLE, ""), environment.get(WATCHDOG_PROCESS_VARIABLE, "")
    if not text.isdecimal() or process not in ("", str(os.getpid())):
        return 0.0
    return int(text) / 1_000_000
