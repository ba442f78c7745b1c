"""``make demo``: a host is secured step by step as in the guide, and each step is judged by real packets."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from catflap.lab.agent import AgentError, AgentProcess, catflap_command
from catflap.lab.etcd import EtcdError
from catflap.lab.guide import (
    HOST_NEIGHBOUR,
    HOSTNAME,
    LISTENERS,
    NEIGHBOUR,
    NEIGHBOUR_QUESTIONS,
    QUESTIONS,
    STAGES,
    Question,
    Stage,
)
from catflap.lab.listeners import Listeners
from catflap.lab.namespaces import Lab, LabError, Namespace
from catflap.lab.probes import Expectation, Measurement, Probe, measure
from catflap.lab.report import print_report, progress, report_console, report_data
from catflap.lab.scratch import Scratch
from catflap.lab.stores import ETCD_PORT, LabStore, StoreName, lab_store
from catflap.lab.topology import GuideNetwork, Switch


class DemoError(Exception):
    """The demo could not be run at all. The text says why."""


class Demo:
    """One run.

    Args:
        store: where policy is kept.
        console: told what happens as it happens.
        stages: the steps, each with what it expects.
    """

    def __init__(self, store: StoreName, console: Console, stages: Sequence[Stage] = STAGES) -> None:
        self._store_name = store
        self._console = console
        self._stages = stages
        self._measured: list[Measurement] = []
        self.results: list[dict[str, Any]] = []
        self.seconds = 0.0

    @property
    def as_expected(self) -> bool:
        """Whether every packet went the way that the guide says."""
        return all(row["as_expected"] for result in self.results for row in result["probes"])

    async def run(self) -> None:
        """Build the lab, walk through the stages, take everything away.

        Raises:
            LabError, EtcdError, AgentError: the lab, etcd or the agent failed.
        """
        started = time.monotonic()
        with Lab() as lab, Scratch() as scratch:
            self._say("A host with two interfaces, its clients and a stranger, each in a network namespace:")
            network = GuideNetwork.build(lab)
            roles = {namespace.role: namespace for namespace in lab.namespaces}
            with ExitStack() as stack:
                store = lab_store(self._store_name, network, scratch / "policy")
                with progress(self._console, "starting the store…"):
                    stack.enter_context(store)
                async with Listeners() as listeners:
                    await self._listen(listeners, roles)
                    with self._agent(network, store, scratch) as agent:
                        with progress(self._console, "waiting for the agent to be in sync with its store…"):
                            self._initialise(network, store, agent)
                        await self._walk(lab, network, store, agent)
        self.seconds = time.monotonic() - started
        self._say(f"\nTook {self.seconds:.1f} s; everything was taken away again.")

    async def _listen(self, listeners: Listeners, roles: Mapping[str, Namespace]) -> None:
        for role, (tcp, udp) in LISTENERS.items():
            extra = (ETCD_PORT,) if role == "store" and self._store_name == "dir" else ()
            await listeners.listen(roles[role], tcp=(*tcp, *extra), udp=udp)

    def _agent(self, network: GuideNetwork, store: LabStore, directory: Path) -> AgentProcess:
        environment = {"FELIX_FELIXHOSTNAME": HOSTNAME, "CATFLAP_STORE": store.url}
        self._command(f"FELIX_FELIXHOSTNAME={HOSTNAME} catflap agent --store {store.url}")
        return AgentProcess(network.host, directory / "felix.log", environment)

    def _initialise(self, network: GuideNetwork, store: LabStore, agent: AgentProcess) -> None:
        if self._store_name != "dir":  # a directory is ready without being told
            agent.wait_for("in state wait-for-ready")
        self._command(f"catflap init --store {store.url}")
        command = (*network.host.command_prefix, *catflap_command("init", "--store", store.url))
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        agent.wait_for("status changed to in-sync")

    async def _walk(self, lab: Lab, network: GuideNetwork, store: LabStore, agent: AgentProcess) -> None:
        neighbour: Namespace | None = None
        for number, stage in enumerate(self._stages, 1):
            started = time.monotonic()
            self._say(f"\n[bold]{number}. {stage.title}[/bold]\n{stage.explanation}")
            if stage.neighbour and neighbour is None:
                neighbour = _add_neighbour(lab, network)
            with progress(self._console, "waiting for the agent, and for packets that nobody answers…"):
                self._change(stage, store, agent)
                roles = {namespace.role: namespace for namespace in lab.namespaces}
                measured = await measure(list(_expectations(stage, roles)))
            self._report(stage, measured, time.monotonic() - started)

    def _change(self, stage: Stage, store: LabStore, agent: AgentProcess) -> None:
        """Store the stage's objects, and wait until they are enforced."""
        agent.mark()
        for command in dict.fromkeys(store.put(change) for change in stage.changes):
            self._command(command)
        if stage.changes:
            agent.wait_until_enforced(store.revision)

    def _report(self, stage: Stage, measured: list[Measurement], seconds: float) -> None:
        self.results.append({"stage": stage.title, "seconds": seconds, "probes": report_data(measured)})
        print_report(self._console, measured, earlier=self._measured, seconds=seconds)
        self._measured = measured

    def _say(self, text: str) -> None:
        self._console.print(text)

    def _command(self, command: str) -> None:
        first, *rest = command.splitlines()
        shown = "\n".join([f"  $ {first}", *(f"    {line}" for line in rest)])
        self._console.print(shown, style="cyan", markup=False, soft_wrap=True)


class Result(msgspec.Struct, frozen=True):
    """Whether every packet went the way that the guide says, how long it took, and what each stage measured."""

    as_expected: bool
    seconds: float
    stages: Sequence[Mapping[str, Any]]


def run(store: StoreName, stages: Sequence[Stage] = STAGES, *, quiet: bool = False) -> Result:
    """Run the demo.

    Args:
        store: where policy is kept.
        stages: the steps, each with what it expects.
        quiet: whether nothing is printed; otherwise people can follow stage by stage.

    Raises:
        DemoError: it could not be run.
    """
    console = Console(quiet=True) if quiet else report_console()
    demo = Demo(store, console, stages)
    try:
        with _interrupted_at_once():
            asyncio.run(demo.run())
    except (LabError, EtcdError, AgentError, OSError, subprocess.CalledProcessError) as error:
        raise DemoError(str(error)) from None
    console.print(
        "[bold green]Every packet went the way the guide says.[/]"
        if demo.as_expected
        else "[bold red]Some packets went another way than the guide says: see the cells marked with !.[/]"
    )
    return Result(demo.as_expected, demo.seconds, demo.results)


def _expectations(stage: Stage, roles: Mapping[str, Namespace]) -> Iterator[Expectation]:
    questions: dict[str, Question] = {**QUESTIONS, **(NEIGHBOUR_QUESTIONS if stage.neighbour else {})}
    for name, question in questions.items():
        for version, address in ((4, question.address.v4), (6, question.address.v6)):
            probe = Probe(roles[question.source], address, question.protocol, question.port, to=question.to)
            yield Expectation(probe, version in stage.allowed(name))


def _add_neighbour(lab: Lab, network: GuideNetwork) -> Namespace:
    """Give the host a third interface, with somebody behind it."""
    neighbour, wire = lab.add("neighbour", "wire")
    switch = Switch(wire, "wire")
    switch.connect(neighbour, "eth0", NEIGHBOUR.with_prefix)
    switch.connect(network.host, "eth2", HOST_NEIGHBOUR.with_prefix)
    return neighbour


@contextmanager
def _interrupted_at_once() -> Iterator[None]:
    """Let Ctrl-C end what does not await, too: asyncio alone would only cancel at the next await."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
