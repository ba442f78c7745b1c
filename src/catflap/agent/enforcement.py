"""Brings the kernel to what the policy engine says, one state after the other, newest state first.

Requests that arrive while the kernel is being programmed are answered together by the next pass, so nothing waits
when idle and nothing queues up under load. A failure keeps what is enforced and is tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Protocol

from catflap.agent.garbage import collector_paused
from catflap.agent.shared_engine import Decision, SharedEngine
from catflap.nft import Enforced, EnforceError, UnsupportedInterface
from catflap.policy import HostPolicy

log = logging.getLogger(__name__)

FIRST_RETRY = 0.5  # seconds
LAST_RETRY = 30.0  # seconds


class PolicyEnforcer(Protocol):
    """What programs the kernel: `nft.Enforcer`, or a fake."""

    def enforce(self, policy: HostPolicy) -> Enforced:
        """Bring the kernel to this policy; raises EnforceError where it enforces the one before, or sweeping failed."""


class Enforcement:
    """Runs an enforcer in a thread of its own, so that a long transaction never holds up the event loop.

    Args:
        enforcer: programs the kernel.
        on_enforced: called with each policy that is in force from now on.
        on_changed: called after that with the first one, and with each for which the kernel was changed.
    """

    def __init__(
        self,
        enforcer: PolicyEnforcer,
        on_enforced: Callable[[HostPolicy], None] = lambda _policy: None,
        on_changed: Callable[[HostPolicy], None] = lambda _policy: None,
    ) -> None:
        self._enforcer = enforcer
        self._on_enforced = on_enforced
        self._on_changed = on_changed
        self._changed = True  # or maybe so: what the last pass did not finish, the one before has changed
        self._requested = asyncio.Event()
        self._retry = FIRST_RETRY
        self._notices: dict[str, None] = {}
        self._enforced_revision: int | None = None
        self.first_done = asyncio.Event()

    @property
    def enforced_revision(self) -> int | None:
        """The revision of the store that is in force; None until there is one."""
        return self._enforced_revision

    def request(self) -> None:
        """Ask for a pass over the engine's state as it will be then."""
        self._requested.set()

    async def run(self, engine: SharedEngine) -> None:
        """Serve requests until cancelled."""
        with ThreadPoolExecutor(1, thread_name_prefix="enforce") as thread:
            while True:
                await self._requested.wait()
                self._requested.clear()
                await self._pass(engine, thread)

    async def _pass(self, engine: SharedEngine, thread: ThreadPoolExecutor) -> None:
        grown, engine.grown = engine.grown, False
        try:
            with collector_paused() if grown else nullcontext():
                decision = await engine.decide(thread)
                enforced = await asyncio.get_running_loop().run_in_executor(
                    thread, self._enforcer.enforce, decision.policy
                )
        except EnforceError as error:
            self._changed = True
            self._failed(str(error))
        except Exception as error:  # a fault of ours must not end enforcement for good
            self._changed = True
            log.exception("Internal error while enforcing")
            self._failed(repr(error))
        else:
            self._retry = FIRST_RETRY
            self._enforced_revision = decision.revision
            self._report((*decision.notices, *map(_not_policed, enforced.unsupported)))
            self._log_result(decision, enforced)
            self._on_enforced(decision.policy)
            if self._changed or enforced.transactions:
                self._changed = False
                self._on_changed(decision.policy)
            self.first_done.set()

    def _report(self, notices: Iterable[str]) -> None:
        """Log what was not said after the last pass already."""
        current = dict.fromkeys(notices)
        for notice in current:
            if notice not in self._notices:
                log.warning("%s", notice)
        self._notices = current

    def _failed(self, reason: str) -> None:
        log.error(
            "Programming the kernel failed, what it enforces stays; trying again in %.1f s: %s",
            self._retry,
            reason,
        )
        asyncio.get_running_loop().call_later(self._retry, self._requested.set)
        self._retry = min(self._retry * 2, LAST_RETRY)

    def _log_result(self, decision: Decision, enforced: Enforced) -> None:
        policy = decision.policy
        unsupported = {item.name for item in enforced.unsupported}
        policed = [item.interface for item in policy.interfaces if item.interface not in unsupported]
        if policy.workloads:
            policed.append(f"{len(policy.workloads)} workloads")
        if enforced.transactions:
            log.info(
                "Enforcing on %s: %d policies, %d IP sets, store revision %d; %d transactions in %.1f ms",
                ", ".join(policed) or "no interface",
                len(policy.policies),
                len(policy.ip_sets),
                decision.revision,
                enforced.transactions,
                enforced.seconds * 1000,
            )


def _not_policed(interface: UnsupportedInterface) -> str:
    return f"Interface {interface.name!r} IS NOT POLICED: {interface.reason}"
