"""The agent: a state machine between a store, the host's interfaces and the kernel.

==================  ============================================  ===================
in this state       this happens                                  leads to
==================  ============================================  ===================
``wait-for-ready``  the store is read, and its Ready flag is set  ``resync``
``resync``          what has changed counts, all at once          ``in-sync``
``in-sync``         a snapshot                                    ``resync``
``in-sync``         the Ready flag is not set any more            ``wait-for-ready``
``in-sync``         the connection is lost, or silent             ``stale``
``stale``           a sign of life                                ``in-sync``, and on
==================  ============================================  ===================

``stale`` is nothing that is kept: it is being in sync with a store of which nobody knows whether it says something else
by now (`catflap.agent.staleness`). ``resync`` ends with the event that began it, whatever comes of that. What is read
while somebody else is writing a change of several steps waits for its end, and leads to no other state
(`catflap.agent.hold`). Losing the store or the flag never loosens or drops anything: what is enforced stays. No content
of the store may end the agent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from catflap.agent.config import Configuration, log_configuration
from catflap.agent.enforcement import Enforcement
from catflap.agent.hold import Hold
from catflap.agent.intake import Intake
from catflap.agent.settings import policy_settings
from catflap.agent.shared_engine import SharedEngine
from catflap.agent.staleness import Reminders, Staleness, patience_with
from catflap.agent.status import AgentStatus, State
from catflap.agent.store_configuration import StoreConfiguration
from catflap.agent.workloads import WorkloadSetup
from catflap.host.api import Interfaces, InterfaceWatcher
from catflap.policy import PolicyEngine
from catflap.store.api import Alive, Delta, Disconnected, Snapshot, Store, StoreEvent

log = logging.getLogger(__name__)

REMINDER_INTERVAL = 5.0  # seconds between log lines while waiting for Ready
WATCH_INTERVAL = 1.0  # seconds between looks at how long the store has been silent


class Agent:
    """Follows one store and enforces it on this host until told to stop.

    Args:
        store: where policy comes from.
        interfaces: the host's network interfaces.
        enforcement: programs the kernel.
        workloads: sets up the interfaces of workloads.
        configuration: the environment, the file, and what the store adds.
        on_configuration: called with the configuration when it has changed, to apply logging settings.
        on_status: called when `status` may tell something else than before, but for times.
        clock: seconds that only ever grow.

    Attributes:
        links: the interfaces that there are, by name.
    """

    def __init__(  # noqa: PLR0913  # named where it is called: the parts that it is put together from
        self,
        *,
        store: Store,
        interfaces: InterfaceWatcher,
        enforcement: Enforcement,
        workloads: WorkloadSetup,
        configuration: StoreConfiguration,
        on_configuration: Callable[[Configuration], None],
        on_status: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._interfaces = interfaces
        self._enforcement = enforcement
        self._workloads = workloads
        self._configuration = configuration
        self._on_configuration = on_configuration
        self._on_status = on_status
        self._engine = SharedEngine(policy_settings(configuration.current))
        self._intake = Intake(self._engine, configuration)
        patience = patience_with(configuration.current["DatastoreCheckInterval"])
        self._staleness = Staleness(store.url, patience, clock)
        self._hold = Hold(clock)
        self._reminders = Reminders()  # of being stale
        self._configuration_logged: Configuration | None = None
        self._reload_requested = asyncio.Event()
        self._told: State | None = None  # the state that was logged last
        self._resyncs = 0
        self.links: Interfaces = {}  # the interfaces that there are
        self._interfaces_known = False
        self._resources_known = False
        self._heard_at: float | None = None  # of the store, last

    @property
    def state(self) -> State:
        """Where the agent stands with its store."""
        return self._staleness.state

    @property
    def waiting_for(self) -> str | None:
        """What must happen before the data of the store are acted upon; None while they are."""
        return self._staleness.reason if self.state is State.WAIT_FOR_READY else None

    def status(self) -> AgentStatus:
        """How the agent stands at this moment."""
        return AgentStatus(
            store=self._staleness.status(),
            revision_enforced=self._enforcement.enforced_revision,
            invalid_objects=self._intake.invalid_objects,
            invalid_kinds=self._intake.invalid_kinds,
            invalid=self._intake.some_invalid(),
            resyncs=self._resyncs,
            not_enforced=self._enforcement.not_enforced,
        )

    async def run(self) -> None:
        """Work until cancelled."""
        self._configuration.resolve()  # logs what is odd in it, which may be why the store is never reached
        self._wait(f"waiting for the store {self._store.url}")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_store())
            tasks.create_task(self._follow_interfaces())
            tasks.create_task(self._follow_reloads())
            tasks.create_task(self._remind())
            tasks.create_task(self._watch())
            tasks.create_task(self._enforcement.run(self._engine))
            tasks.create_task(self._workloads.run())

    def reload(self) -> None:
        """Read the configuration file again, soon, and apply what can change while running."""
        self._reload_requested.set()

    async def _follow_reloads(self) -> None:
        while True:
            await self._reload_requested.wait()
            self._reload_requested.clear()
            self._configuration.reload()
            async with self._engine.changing() as engine:
                self._apply_configuration(engine)
            self._request_enforcement()

    async def _follow_store(self) -> None:
        async for event in self._store.follow():
            self._heard_at = time.monotonic()
            self._take_note(event)
            match event:
                case Snapshot() | Delta():
                    await self._intake.note(event)
                    await self._advance()
                case Disconnected():
                    self._disconnected(event.reason)
                case Alive():
                    pass  # says nothing about what is waited for
                case _:
                    await self._advance()  # what is waited for now is not the connection any more
            self._on_status()

    def _take_note(self, event: StoreEvent) -> None:
        """Let the state follow from an event: a sign of life ends an outage, a snapshot begins a resync."""
        in_trouble, silence = self._staleness.in_trouble, self._staleness.seconds
        self._staleness.take(event)
        if in_trouble and not self._staleness.in_trouble:
            log.info("Connection to %s is back; it gave no sign of life for %.1f s", self._store.url, silence)
        if isinstance(event, Snapshot) and self.state is State.IN_SYNC:
            self._enter(State.RESYNC)
        self._tell_state()

    def _disconnected(self, reason: str) -> None:
        if self.state is not State.STALE:
            self._wait(f"cannot read {self._store.url}: {reason}")

    async def _advance(self) -> None:
        """Act on what has changed, if the data may be acted upon."""
        waiting_for = self._intake.not_ready_reason()
        if waiting_for is not None:
            self._not_ready(waiting_for)
        elif self._hold.take(self._intake.change_header, enforcing=self._resources_known):
            self._held_back()
        else:
            await self._take_over()

    def _not_ready(self, reason: str) -> None:
        if self._store.driver == "directory" and self._intake.empty:
            reason = f"{self._store.url} holds no document: is it mounted? If so, run 'catflap init'"
        if self.state is not State.WAIT_FOR_READY:
            log.warning("Ready key no longer set to true; what is enforced stays")
        self._wait(reason)

    def _held_back(self) -> None:
        if self.state is State.WAIT_FOR_READY:
            self._wait(str(self._hold.reason))
        else:
            self._enter(State.IN_SYNC, self._hold.reason)

    async def _take_over(self) -> None:
        starting = self.state is State.WAIT_FOR_READY
        if starting:
            self._enter(State.RESYNC)

        def configure(engine: PolicyEngine, changed: bool) -> None:
            if starting or changed:
                self._apply_configuration(engine)

        await self._intake.apply(configure)
        self._resources_known = True
        self._enter(State.IN_SYNC)
        self._request_enforcement(self._heard_at)

    def _apply_configuration(self, engine: PolicyEngine) -> None:
        """Resolve the configuration anew and apply it live: no restart, no gap."""
        self._configuration.resolve()
        current = self._configuration.current
        self._on_configuration(current)
        log_configuration(current, self._configuration_logged)
        self._configuration_logged = current
        engine.settings = policy_settings(current)

    async def _follow_interfaces(self) -> None:
        known = None
        async for interfaces in self._interfaces.follow():
            self._workloads.set_interfaces(interfaces)
            self._take_links(interfaces)
            addresses = {name: interface.addresses for name, interface in interfaces.items()}
            current = addresses, _masters(interfaces)
            if current != known:  # a link that goes up or down changes no policy
                known = current
                async with self._engine.changing() as engine:
                    engine.set_interfaces(*current)
                self._interfaces_known = True
                self._request_enforcement()

    def _take_links(self, interfaces: Interfaces) -> None:
        changed = _up(self.links) != _up(interfaces)
        self.links = interfaces
        if changed:
            self._on_status()

    def _request_enforcement(self, since: float | None = None) -> None:
        """Enforce soon; never before both the store's resources and the interfaces were seen whole."""
        if self._interfaces_known and self._resources_known:
            self._enforcement.request(since)

    def _enter(self, state: State, reason: str | None = None) -> None:
        self._resyncs += state is State.RESYNC
        self._staleness.progress(state, reason)
        self._tell_state()

    def _tell_state(self) -> None:
        """Log the state where it is another one than was logged last; reminders tell of reasons that change."""
        state = self.state
        if state is self._told:
            return
        self._told = state
        if state is State.STALE:
            self._reminders = Reminders()
            log.warning(
                "%s driver status changed to stale: %s; what is enforced stays",
                self._store.driver,
                self._staleness.reason,
            )
        else:
            log.info("%s driver status changed to %s", self._store.driver, state)

    def _wait(self, reason: str) -> None:
        if reason != self.waiting_for:
            self._enter(State.WAIT_FOR_READY, reason)
            self._log_waiting()

    def _log_waiting(self) -> None:
        if self.waiting_for is not None:
            log.info("Still in state %s: %s", self.state, self.waiting_for)

    async def _remind(self) -> None:
        while True:
            await asyncio.sleep(REMINDER_INTERVAL)
            self._log_waiting()

    async def _watch(self) -> None:
        """Notice silence, which no event tells of, and say again what lasts."""
        while True:
            await asyncio.sleep(WATCH_INTERVAL)
            told = self._told
            self._tell_state()
            if self._told != told:
                self._on_status()
            self._hold.remind()
            if self.state is State.STALE and self._reminders.due(self._staleness.seconds_in_state):
                log.warning(
                    "Stale for %.0f s: %s; what is enforced stays",
                    self._staleness.seconds_in_state,
                    self._staleness.reason,
                )


def _up(interfaces: Interfaces) -> dict[str, bool]:
    return {name: interface.up for name, interface in interfaces.items()}


def _masters(interfaces: Interfaces) -> dict[str, str]:
    """The bridge or bond of each interface that is a port of one, by name."""
    names = {interface.index: name for name, interface in interfaces.items()}
    return {
        name: names[interface.master] for name, interface in interfaces.items() if interface.master in names
    }
