"""Looks now and then, in a thread, at what others have in the kernel that can drop what policy allows.

It begins when something is enforced, and nothing ever waits for it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from catflap.agent.document import ForeignReport
from catflap.agent.in_force import utc_now

INTERVAL: Final = 600.0  # seconds between two looks
JITTER: Final = 0.1  # part of it


class ForeignWatch:
    """Keeps a `ForeignReport` that is some minutes old at most.

    Args:
        look: looks, in a thread of its own; returns why it could not as the report's ``problem``.
        begin: waits until the first look is due.
        on_changed: called when a look has found another thing than the one before.
    """

    def __init__(
        self,
        look: Callable[[], ForeignReport],
        begin: asyncio.Event,
        on_changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._look = look
        self._begin = begin
        self._on_changed = on_changed
        self.report = ForeignReport()

    async def run(self) -> None:
        """Look until cancelled."""
        await self._begin.wait()
        while True:
            found = await asyncio.to_thread(self._look)
            changed = found != replace(self.report, looked_at=None)
            self.report = replace(found, looked_at=utc_now())
            if changed:
                self._on_changed()
            await asyncio.sleep(INTERVAL * random.uniform(1.0, 1.0 + JITTER))  # noqa: S311  # spreads load only
