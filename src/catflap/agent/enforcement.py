"""Brings the kernel to what the policy engine says, one state after the other, newest state first.

Requests that arrive while the kernel is being programmed are answered together by the next pass, so nothing waits
when idle and nothing queues up under load. A failure keeps what is enforced and is tried again; so is what the kernel
refuses while it takes the rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Protocol, TypeVar

from catflap.agent.garbage import collector_paused
from catflap.agent.passes import Passes
from catflap.agent.shared_engine import Decision, SharedEngine
from catflap.nft import Enforced, EnforceError, Refused, UnsupportedInterface
from catflap.policy import HostPolicy

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

FIRST_RETRY = 0.5  # seconds
LAST_RETRY = 30.0  # seconds


class PolicyEnforcer(Protocol):
    """What programs the kernel: `nft.Enforcer`, or a fake."""

    def enforce(self, policy: HostPolicy) -> Enforced:
        """Bring the kernel to this policy; raises EnforceError where it enforces the one before, or sweeping failed."""

    def reconsider(self) -> None:
        """Try again, with the next policy, what the kernel refused before."""


class Enforcement:
    """Runs an enforcer in a thread of its own, so that a long transaction never holds up the event loop.

    Args:
        enforcer: programs the kernel.
        on_enforced: called with each decision that is in force from now on, and what became of it.
        on_changed: called after that with the first one, and with each for which the kernel was changed.

    Attributes:
        passes: what became of all passes.
    """

    def __init__(
        self,
        enforcer: PolicyEnforcer,
        on_enforced: Callable[[Decision, Enforced], None] = lambda _decision, _enforced: None,
        on_changed: Callable[[HostPolicy], None] = lambda _policy: None,
    ) -> None:
        self._enforcer = enforcer
        self._on_enforced = on_enforced
        self._on_changed = on_changed
        self._changed = True  # or maybe so: what the last pass did not finish, the one before has changed
        self._requested = asyncio.Event()
        self._retry = FIRST_RETRY
        self._timer: asyncio.TimerHandle | None = None  # of the next retry
        self._not_enforced: tuple[str, ...] = ()
        self._notices: dict[str, None] = {}
        self._enforced_revision: int | None = None
        self.passes = Passes()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="enforce")
        self.first_done = asyncio.Event()

    @property
    def enforced_revision(self) -> int | None:
        """The revision of the store that is in force; None until there is one."""
        return self._enforced_revision

    @property
    def not_enforced(self) -> tuple[str, ...]:
        """The interfaces of which the kernel refuses the policy: they stay as they were, or are closed."""
        return self._not_enforced

    def request(self, since: float | None = None) -> None:
        """Ask for a pass over the engine's state as it will be then, for what was heard of at ``since``, or now."""
        self.passes.requested(since)
        self._requested.set()

    async def in_thread(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """Run something in the thread that programs the kernel, after what runs there; only while `run` does."""
        with self.passes.call():
            return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def run(self, engine: SharedEngine) -> None:
        """Serve requests until cancelled. Policy is computed in another thread, so that repairs need not wait."""
        with self._thread, ThreadPoolExecutor(1, thread_name_prefix="decide") as decider:
            while True:
                await self._requested.wait()
                self._requested.clear()
                with self.passes.call():
                    await self._pass(engine, decider)

    async def _pass(self, engine: SharedEngine, decider: ThreadPoolExecutor) -> None:
        began = self.passes.begun()
        grown, engine.grown = engine.grown, False
        try:
            with collector_paused() if grown else nullcontext():
                decision = await engine.decide(decider)
                enforced = await self.in_thread(self._enforcer.enforce, decision.policy)
        except EnforceError as error:
            self._failed(str(error), began)
        except Exception as error:  # a fault of ours must not end enforcement for good
            log.exception("Internal error while enforcing")
            self._failed(repr(error), began)
        else:
            self.passes.succeeded(decision.policy, enforced, began)
            self._take(decision, enforced)

    def _take(self, decision: Decision, enforced: Enforced) -> None:
        """This is in force from now on."""
        if enforced.refused:
            self._try_again()
        else:
            self._stop_trying()
        self._not_enforced = tuple(sorted({name for item in enforced.refused for name in item.interfaces}))
        self._enforced_revision = decision.revision
        unsupported, refused = map(_not_policed, enforced.unsupported), map(_refused, enforced.refused)
        self._report((*decision.notices, *unsupported, *refused))
        self._log_result(decision, enforced)
        self._on_enforced(decision, enforced)
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

    def _failed(self, reason: str, began: float) -> None:
        self._changed = True
        self.passes.failed(reason, began)
        log.error(
            "Programming the kernel failed, what it enforces stays; trying again in %.1f s: %s",
            self._retry,
            reason,
        )
        self._try_again()

    def _try_again(self) -> None:
        """Later, if that is not planned already: passes that others ask for do not put it off."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._retry, self._reconsider)
            self._retry = min(self._retry * 2, LAST_RETRY)

    def _reconsider(self) -> None:
        self._timer = None
        self._enforcer.reconsider()
        self._requested.set()

    def _stop_trying(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._retry = None, FIRST_RETRY

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


def _refused(item: Refused) -> str:
    fate = (
        "they stay as they were"
        if item.kept
        else "they are closed: only established connections, failsafe ports and essential ICMPv6 pass"
    )
    return (
        f"NOT ENFORCED on {', '.join(item.interfaces)}: {fate}, and it is tried again. "
        f"nf_tables refuses {item.object}: {item.reason}"
    )
