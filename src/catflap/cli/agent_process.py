"""The agent as a process: everything put together, signals served, and an end that leaves in force what is enforced."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Coroutine, Iterator
from pathlib import Path

from msgspec.structs import replace

import catflap
from catflap.agent.boot import Result, bring_back, saved_file, tell
from catflap.agent.compose import compose
from catflap.agent.config import Configuration, ConfigurationError
from catflap.agent.connect import exposures, store_options, store_url
from catflap.agent.connections import keep_existing_connections
from catflap.agent.daemon import Agent
from catflap.agent.document import HostDocument
from catflap.agent.endpoint_report import EndpointReporter, states
from catflap.agent.enforcement import Enforcement
from catflap.agent.foreign import ForeignWatch
from catflap.agent.health import Health, judge
from catflap.agent.health_server import HealthServer, health_socket
from catflap.agent.in_force import InForce
from catflap.agent.keeper import Kept, RuleSetKeeper
from catflap.agent.local_report import LocalReport
from catflap.agent.logs import Logs
from catflap.agent.metric_values import (
    RuleSetSamples,
    Sample,
    health_samples,
    pass_samples,
    repair_samples,
    status_samples,
)
from catflap.agent.metrics import Metrics
from catflap.agent.policy_metrics import policy_samples
from catflap.agent.recheck import Recheck
from catflap.agent.report import Reporter
from catflap.agent.self_repair import SelfRepair
from catflap.agent.service_manager import ServiceManager
from catflap.agent.shared_engine import Decision
from catflap.agent.side_work import keep_going
from catflap.agent.state_directory import state_directory
from catflap.agent.status import AgentStatus
from catflap.agent.store_configuration import StoreConfiguration
from catflap.agent.workloads import WorkloadSetup
from catflap.cli.common import CommandError, Exit
from catflap.cli.foreign_look import look_at_foreign
from catflap.host import LinkWatcher, WorkloadLinks
from catflap.nft import (
    DEFAULT_STYLE,
    NO_LOOKUPS,
    CommitWatcher,
    Counting,
    Enforced,
    EnforceError,
    Enforcer,
    KernelContent,
    LibNftables,
    NftError,
    RuleStyle,
)
from catflap.store import Store, StoreError, open_store

log = logging.getLogger(__name__)


async def run_agent(options: argparse.Namespace, configuration: StoreConfiguration) -> int:
    """Run the agent until it is told to stop; ``options`` are those of ``catflap agent``.

    Raises:
        CommandError: the store cannot be used, the kernel cannot be programmed, or ``--once`` waited in vain.
    """
    store = _open_store(options.store, configuration.current)
    logs = Logs()
    logs.configure(configuration.current)
    log.info("Catflap %s initializing, with the store %s", catflap.__version__, store.url)
    file = saved_file(state_directory(os.environ))
    enforcer, in_force = _make_enforcer(configuration.current, file)
    for exposure in exposures(configuration.current):
        log.warning("%s", exposure)
    keeper = RuleSetKeeper(file, configuration.current["FelixHostname"])
    process = _Process(store, enforcer, configuration, logs, keeper)
    if in_force:
        process.ready.set()
    try:
        return await process.serve(options)
    finally:
        await store.close()
        await process.interfaces.close()
        process.content.close()


class _Process:
    """Everything that belongs to the agent, put together."""

    def __init__(
        self,
        store: Store,
        enforcer: Enforcer,
        configuration: StoreConfiguration,
        logs: Logs,
        keeper: RuleSetKeeper,
    ) -> None:
        self.interfaces = LinkWatcher()
        self.ready = asyncio.Event()  # a rule set is in force that came from a store
        self._service_manager = ServiceManager()
        self._enforcer = enforcer
        self._keeper = keeper
        self._logs = logs
        self._workloads = WorkloadSetup(WorkloadLinks())
        self._recheck = Recheck()
        self._in_force = InForce()
        self._enforcement = Enforcement(
            enforcer, on_enforced=self._on_enforced, on_changed=self._recheck.set_policy
        )
        self._agent = Agent(
            store=store,
            interfaces=self.interfaces,
            enforcement=self._enforcement,
            workloads=self._workloads,
            configuration=configuration,
            on_configuration=self._on_configuration,
            on_status=self._on_status,
        )
        self._foreign = ForeignWatch(look_at_foreign, self._enforcement.first_done, self._on_status)
        self.content = KernelContent()
        watcher = CommitWatcher(enforcer.is_own)
        self._repair = SelfRepair(enforcer, self._enforcement.in_thread, watcher, self.content)
        hostname = configuration.current["FelixHostname"]
        self._local_report = LocalReport(state_directory(os.environ))
        self._reporter = Reporter(store, hostname, self._document, self._local_report.put)
        self._endpoint_reporter = EndpointReporter(store, hostname, self._endpoint_states)
        self._rule_set_samples = RuleSetSamples()
        self._metrics = Metrics([self._samples])
        self._health = HealthServer(self._repair.checked, self._judge, health_socket())

    def _on_configuration(self, configuration: Configuration) -> None:
        self._logs.configure(configuration)
        self._enforcer.style = _style(configuration)
        self._repair.configure(configuration)
        self._reporter.configure(configuration)
        self._endpoint_reporter.configure(configuration)
        self._metrics.configure(configuration)
        self._health.configure(configuration)
        self._recheck.configure(configuration)

    def _on_enforced(self, decision: Decision, enforced: Enforced) -> None:
        self.ready.set()
        policy = decision.policy
        self._workloads.set_policy(policy)
        self._keeper.keep(Kept(enforced.rule_set, policy.workload_prefixes, decision.revision))
        self._in_force.take(decision, enforced)
        self._on_status()

    def _on_status(self) -> None:
        self._reporter.changed()
        self._endpoint_reporter.changed()

    def _status(self) -> AgentStatus:
        return replace(self._agent.status(), kept=self._keeper.status, connections=self._recheck.status)

    def _judge(self) -> Health:
        return judge(self._status(), self._enforcement.passes, self._repair.check.status())

    def _samples(self) -> Iterator[Sample]:
        repair, passes = self._repair, self._enforcement.passes
        yield from health_samples(self._judge())
        yield from status_samples(self._status())
        yield from pass_samples(passes)
        yield from repair_samples(repair.repairs, repair.foreign_changes, at_war=repair.at_war)
        yield from self._rule_set_samples.of(passes.rule_set)
        yield from policy_samples(self._enforcer.counters)

    def _document(self) -> HostDocument:
        return compose(self._status(), self._in_force, self._agent.links, self._foreign.report)

    def _endpoint_states(self) -> dict[str, str] | None:
        """The old system's words for each endpoint of this host; None while nothing is enforced."""
        return None if self._in_force.revision is None else states(self._in_force, self._agent.links)

    async def serve(self, options: argparse.Namespace) -> int:
        """Run the agent; beside it what repairs and what tells others how it stands, unless it is gone in a moment."""
        beside = [
            asyncio.create_task(keep_going("keeping the rule set for the next boot", self._keeper.run)),
            asyncio.create_task(keep_going("rechecking existing connections", self._recheck.run)),
        ]
        if not options.once:
            beside += [
                asyncio.create_task(keep_going("repairing", self._repair.run)),
                asyncio.create_task(keep_going("reporting to the store", self._reporter.run)),
                asyncio.create_task(keep_going("reporting endpoints", self._endpoint_reporter.run)),
                asyncio.create_task(keep_going("writing status.json", self._local_report.run)),
                asyncio.create_task(keep_going("looking at other packet filters", self._foreign.run)),
                asyncio.create_task(keep_going("serving metrics", self._metrics.run)),
                asyncio.create_task(keep_going("serving health", self._health.run)),
                asyncio.create_task(keep_going("telling the service manager", self._tell_service_manager)),
            ]
        try:
            return await _serve(self._agent, self._enforced_once(), options)
        finally:
            self._service_manager.stopping()
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._keeper.close()

    async def _tell_service_manager(self) -> None:
        await self._service_manager.run(self._status, self.ready)

    async def _enforced_once(self) -> None:
        """Wait until a policy is in force, its workloads are set up, and existing connections were rechecked."""
        await self._enforcement.first_done.wait()
        await self._workloads.settled.wait()
        await self._recheck.settled.wait()


def _style(configuration: Configuration) -> RuleStyle:
    style = DEFAULT_STYLE if configuration["NftablesOptimize"] else NO_LOOKUPS
    return replace(style, counting=Counting(configuration["PolicyCounters"]))


def _open_store(url: str | None, current: Configuration) -> Store:
    try:
        return open_store(url or store_url(current), store_options(current))
    except (ConfigurationError, StoreError) as error:
        raise CommandError(str(error), Exit.USAGE) from None


def _make_enforcer(current: Configuration, file: Path | None) -> tuple[Enforcer, bool]:
    """An enforcer that has the last rule set in force already (then True), or blocks unknown workloads.

    So it has shown that the kernel can be programmed.
    """
    try:
        enforcer = Enforcer(LibNftables(), on_tracking=keep_existing_connections)
        boot = bring_back(enforcer, file, current)
        tell(boot)
        if boot.result is not Result.PRESENT:  # a large table need not be read again
            enforcer.block_workloads(current["InterfacePrefix"])
    except (NftError, EnforceError) as error:
        raise CommandError(str(error), Exit.UNREACHABLE) from None
    return enforcer, boot.action is None


async def _serve(agent: Agent, enforced: Coroutine[None, None, None], options: argparse.Namespace) -> int:
    """Run until a signal, a fault of ours or, with ``--once``, the first enforcement."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, agent.reload)
    running = asyncio.create_task(agent.run())
    stopping, done = asyncio.create_task(stop.wait()), asyncio.create_task(enforced)
    await asyncio.wait(
        [running, stopping, done] if options.once else [running, stopping],
        timeout=options.timeout if options.once else None,
        return_when=asyncio.FIRST_COMPLETED,
    )
    in_vain = options.once and not done.done() and not stop.is_set()
    for task in (running, stopping, done):
        task.cancel()
    await asyncio.wait([running, stopping, done])
    if not running.cancelled():
        running.result()  # raises what ended the agent
    log.info("Terminating; what is enforced stays in force")
    if in_vain:
        raise CommandError(
            f"nothing was enforced within {options.timeout:g} s: {agent.waiting_for or 'see the log'}",
            Exit.UNREACHABLE,
        )
    return Exit.SUCCESS
