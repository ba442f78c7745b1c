"""The policy engine as several tasks share it: changed in slices, asked in a thread, whole revisions only.

Whoever changes it holds it for as long as it is between two revisions, and `decide` waits for that. A change that is
broken off leaves the engine between two revisions for ever: it ends the agent, and until then nothing is decided any
more. Nothing else may touch the engine, and no change may keep the event loop waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager

import msgspec

from catflap.model import ResourceKey
from catflap.policy import HostPolicy, PolicyEngine, Settings


class Decision(msgspec.Struct, frozen=True):
    """What the engine says at one moment, and the revision of the store that it knows then.

    ``endpoints`` are all of this host; the store had ``entries`` at that revision.
    """

    policy: HostPolicy
    notices: tuple[str, ...]
    revision: int
    endpoints: frozenset[ResourceKey] = frozenset()
    entries: int | None = None


class SharedEngine:
    """A `PolicyEngine` and the revision of the store that it stands at."""

    def __init__(self, settings: Settings) -> None:
        self._engine = PolicyEngine(settings)
        self._lock = asyncio.Lock()
        self._whole = True  # not between two revisions
        self.revision = 0
        self.entries: int | None = None  # that the store had at that revision
        self.grown = False  # so much that the next decision makes many objects that will stay

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[PolicyEngine]:
        """The engine, for changes that belong together, however many awaits are between them."""
        async with self._lock:
            self._whole = False
            yield self._engine
            self._whole = True  # not after an error: what is half changed must never be enforced

    async def decide(self, thread: Executor) -> Decision:
        """The newest policy of this host, computed in ``thread``: after large changes that takes seconds.

        Only an agent that ends may cancel it, since the thread goes on with the engine.

        Raises:
            RuntimeError: a change was broken off.
        """
        async with self._lock:
            if not self._whole:
                raise RuntimeError("a change was broken off: the policy engine is between two revisions")
            policy = await asyncio.get_running_loop().run_in_executor(thread, self._engine.host_policy)
            return Decision(
                policy, self._engine.notices, self.revision, self._engine.local_endpoints, self.entries
            )
