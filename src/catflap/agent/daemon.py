"""The agent: a state machine between a store, the host's interfaces and the kernel.

``wait-for-ready`` until the store is read and its Ready flag is set, then ``resync`` (configuration, then all
resources), then ``in-sync``. Losing the store or the flag never loosens or drops anything: what is enforced stays. No
content of the store may end the agent.
"""

from __future__ import annotations

import asyncio
import enum
import gc
import logging
from collections.abc import Callable, Sequence

from catflap.agent.config import Configuration, log_configuration
from catflap.agent.enforcement import Enforcement
from catflap.agent.mirror import Mirror
from catflap.agent.settings import policy_settings
from catflap.agent.store_configuration import StoreConfiguration
from catflap.agent.workloads import WorkloadSetup
from catflap.host.api import Interfaces, InterfaceWatcher
from catflap.model import ConfigurationValues, Problem, ResourceChange, decode
from catflap.policy import PolicyEngine
from catflap.store.api import Connected, Delta, Disconnected, Snapshot, Store, StoreEvent

log = logging.getLogger(__name__)

REMINDER_INTERVAL = 5.0  # seconds between log lines while waiting for Ready


class State(enum.StrEnum):
    """Where the agent stands with its store."""

    WAIT_FOR_READY = "wait-for-ready"
    RESYNC = "resync"
    IN_SYNC = "in-sync"


class Agent:
    """Follows one store and enforces it on this host until told to stop.

    Args:
        store: where policy comes from.
        interfaces: the host's network interfaces.
        enforcement: programs the kernel.
        workloads: sets up the interfaces of workloads.
        configuration: the environment, the file, and what the store adds.
        on_configuration: called with the configuration when it has changed, to apply logging settings.
    """

    def __init__(
        self,
        *,
        store: Store,
        interfaces: InterfaceWatcher,
        enforcement: Enforcement,
        workloads: WorkloadSetup,
        configuration: StoreConfiguration,
        on_configuration: Callable[[Configuration], None],
    ) -> None:
        self._store = store
        self._interfaces = interfaces
        self._enforcement = enforcement
        self._workloads = workloads
        self._configuration = configuration
        self._on_configuration = on_configuration
        self._mirror = Mirror()
        self._engine = PolicyEngine(policy_settings(configuration.current))
        self._problems: tuple[Problem, ...] = ()  # of the store, which may name them with every event
        self._configuration_logged: Configuration | None = None
        self._waiting_for: str | None = None
        self._lost = False  # the connection to the store
        self._interfaces_known = False
        self._resources_known = False
        self.state: State | None = None

    @property
    def waiting_for(self) -> str | None:
        """What must happen before the data of the store are acted upon; None while they are."""
        return self._waiting_for

    async def run(self) -> None:
        """Work until cancelled."""
        self._configuration.resolve()  # logs what is odd in it, which may be why the store is never reached
        self._set_state(State.WAIT_FOR_READY)
        self._wait(f"waiting for the store {self._store.url}")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_store())
            tasks.create_task(self._follow_interfaces())
            tasks.create_task(self._remind())
            tasks.create_task(self._enforcement.run(self._engine))
            tasks.create_task(self._workloads.run())

    def reload(self) -> None:
        """Read the configuration file again and apply what can change while running."""
        self._configuration.reload()
        self._apply_configuration()

    async def _follow_store(self) -> None:
        async for event in self._store.follow():
            self._handle(event)

    def _handle(self, event: StoreEvent) -> None:
        match event:
            case Snapshot() | Delta():
                log.debug("Store revision %s: %s", event.revision, type(event).__name__)
                self._report([problem for problem in event.problems if problem not in self._problems])
                self._problems = event.problems
                self._mirror.take(event)
                self._back()
                self._advance()
            case Disconnected():
                self._disconnected(event.reason)
            case Connected():
                self._back()
                self._advance()  # what is waited for now is not the connection any more

    def _back(self) -> None:
        if self._lost:
            self._lost = False
            log.info("Connection to %s is back", self._store.url)

    def _disconnected(self, reason: str) -> None:
        self._lost = True
        if self.state is State.IN_SYNC:
            log.warning("Connection to %s lost: %s; what is enforced stays", self._store.url, reason)
        else:
            self._wait(f"cannot read {self._store.url}: {reason}")

    def _advance(self) -> None:
        """Act on what has changed, if the data may be acted upon."""
        waiting_for = self._mirror.not_ready_reason()
        if waiting_for is not None:
            if self._store.driver == "directory" and self._mirror.empty:
                waiting_for = f"{self._store.url} holds no document: is it mounted? If so, run 'catflap init'"
            if self.state is State.IN_SYNC:
                log.warning("Ready key no longer set to true; what is enforced stays")
                self._set_state(State.WAIT_FOR_READY)
            self._wait(waiting_for)
            return
        if not self._mirror.pending:
            return
        self._waiting_for = None
        starting = self.state is not State.IN_SYNC
        changes = self._decode(self._mirror.drain())
        self._take_configuration(changes)
        if starting:
            self._apply_configuration()
            self._set_state(State.RESYNC)
        self._apply(changes)
        self._resources_known = True
        if starting:
            gc.freeze()  # what was read will stay: walking over a fleet's objects would hold up changes
            self._set_state(State.IN_SYNC)
        self._request_enforcement()

    def _decode(self, entries: Sequence[tuple[str, bytes | None]]) -> list[ResourceChange]:
        changes: list[ResourceChange] = []
        ignored: dict[str, list[str]] = {}
        for path, value in entries:
            decoded = decode(path, value)
            if decoded.ignored is not None and value is not None:
                ignored.setdefault(decoded.ignored, []).append(path)
            self._report(decoded.problems)
            changes.extend(decoded.changes)
        for reason, paths in ignored.items():
            log.info("Ignoring %d entries such as %r: %s", len(paths), paths[0], reason)
        return changes

    def _report(self, problems: Sequence[Problem]) -> None:
        for problem in problems:
            log.warning("%s", problem.message)

    def _take_configuration(self, changes: Sequence[ResourceChange]) -> None:
        changed = False
        for change in changes:
            if change.resource is None or isinstance(change.resource, ConfigurationValues):
                changed |= self._configuration.take(change.key, change.resource)
        if changed and self.state is State.IN_SYNC:
            self._apply_configuration()

    def _apply_configuration(self) -> None:
        """Resolve the configuration anew and apply it live: no restart, no gap."""
        self._configuration.resolve()
        current = self._configuration.current
        self._on_configuration(current)
        log_configuration(current, self._configuration_logged)
        self._configuration_logged = current
        self._engine.settings = policy_settings(current)
        self._request_enforcement()

    def _apply(self, changes: Sequence[ResourceChange]) -> None:
        for change in changes:
            try:
                self._engine.apply((change,))
            except Exception:  # a fault of ours with one object must not stop enforcing all others
                log.exception("Internal error while taking over %s; it is left as it was", change.key)

    async def _follow_interfaces(self) -> None:
        known = None
        async for interfaces in self._interfaces.follow():
            self._workloads.set_interfaces(interfaces)
            addresses = {name: interface.addresses for name, interface in interfaces.items()}
            current = addresses, _masters(interfaces)
            if current != known:  # a link that goes up or down changes no policy
                known = current
                self._engine.set_interfaces(*current)
                self._interfaces_known = True
                self._request_enforcement()

    def _request_enforcement(self) -> None:
        """Enforce soon; never before both the store's resources and the interfaces were seen whole."""
        if self._interfaces_known and self._resources_known:
            self._enforcement.request()

    def _set_state(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            log.info("%s driver status changed to %s", self._store.driver, state)

    def _wait(self, reason: str) -> None:
        if reason != self._waiting_for:
            self._waiting_for = reason
            self._log_waiting()

    def _log_waiting(self) -> None:
        if self._waiting_for is not None and self.state is State.WAIT_FOR_READY:
            log.info("Still in state %s: %s", self.state, self._waiting_for)

    async def _remind(self) -> None:
        while True:
            await asyncio.sleep(REMINDER_INTERVAL)
            self._log_waiting()


def _masters(interfaces: Interfaces) -> dict[str, str]:
    """The bridge or bond of each interface that is a port of one, by name."""
    names = {interface.index: name for name, interface in interfaces.items()}
    return {
        name: names[interface.master] for name, interface in interfaces.items() if interface.master in names
    }
