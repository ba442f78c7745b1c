"""``make demo``: a host is secured step by step as in the guide, and each step is judged by real packets."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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
from catflap.lab.report import MAX_WIDTH, print_report, report_data
from catflap.lab.stores import ETCD_PORT, LabStore, StoreName, lab_store
from catflap.lab.topology import GuideNetwork, Switch

SETTLE = 0.3  # seconds without a further enforcement before a stage is probed
ENFORCED = r"Enforcing on "


class DemoError(Exception):
    """The demo could not be run at all. The text says why."""


class Demo:
    """One run. `run` prints as it goes, or collects everything for JSON."""

    def __init__(self, store: StoreName, *, quiet: bool) -> None:
        self._store_name = store
        self._console = Console(quiet=quiet, highlight=False)
        if not self._console.is_terminal:
            self._console.width = MAX_WIDTH
        self._quiet = quiet
        self.results: list[dict[str, Any]] = []

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
        with Lab() as lab, tempfile.TemporaryDirectory(prefix="catflap-demo-") as directory:
            self._say(
                "Building a host with two interfaces, its clients and a stranger in network namespaces…"
            )
            network = GuideNetwork.build(lab)
            roles = {namespace.role: namespace for namespace in lab.namespaces}
            with lab_store(self._store_name, network) as store:
                async with Listeners() as listeners:
                    await self._listen(listeners, roles)
                    with self._agent(network, store, Path(directory)) as agent:
                        self._initialise(network, store, agent)
                        await self._walk(lab, network, store, agent)
        self._say(f"\nTook {time.monotonic() - started:.1f} s; everything was taken away again.")

    async def _listen(self, listeners: Listeners, roles: Mapping[str, Namespace]) -> None:
        for role, (tcp, udp) in LISTENERS.items():
            extra = (ETCD_PORT,) if role == "store" and self._store_name == "dir" else ()
            await listeners.listen(roles[role], tcp=(*tcp, *extra), udp=udp)

    def _agent(self, network: GuideNetwork, store: LabStore, directory: Path) -> AgentProcess:
        environment = {"FELIX_FELIXHOSTNAME": HOSTNAME, "CATFLAP_STORE": store.url}
        self._command(f"FELIX_FELIXHOSTNAME={HOSTNAME} catflap agent --store {store.url}")
        return AgentProcess(network.host, directory / "felix.log", environment)

    def _initialise(self, network: GuideNetwork, store: LabStore, agent: AgentProcess) -> None:
        if self._store_name != "dir":
            agent.wait_for("in state wait-for-ready")
        self._command(f"catflap init --store {store.url}")
        command = (*network.host.command_prefix, *catflap_command("init", "--store", store.url))
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        agent.wait_for("status changed to in-sync")

    async def _walk(self, lab: Lab, network: GuideNetwork, store: LabStore, agent: AgentProcess) -> None:
        neighbour: Namespace | None = None
        for number, stage in enumerate(STAGES, 1):
            self._say(f"\n[bold]{number}. {stage.title}[/bold]\n{stage.explanation}")
            agent.mark()
            for command in dict.fromkeys(store.put(change) for change in stage.changes):
                self._command(command)
            if stage.changes:
                agent.wait_for(ENFORCED)
                await asyncio.sleep(SETTLE)
            if stage.neighbour and neighbour is None:
                neighbour = _add_neighbour(lab, network)
            roles = {namespace.role: namespace for namespace in lab.namespaces}
            self._report(stage, await measure(list(_expectations(stage, roles))))

    def _report(self, stage: Stage, measurements: list[Measurement]) -> None:
        self.results.append({"stage": stage.title, "probes": report_data(measurements)})
        if not self._quiet:
            print_report(measurements)

    def _say(self, text: str) -> None:
        self._console.print(text)

    def _command(self, command: str) -> None:
        self._console.print(f"  $ {command}", style="cyan", markup=False)


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


def run(store: StoreName, output: str) -> bool:
    """Run the demo.

    Args:
        store: where policy is kept.
        output: ``table`` prints stage by stage, ``json`` prints all results at the end.

    Returns:
        Whether every packet went the way that the guide says.

    Raises:
        DemoError: it could not be run.
    """
    demo = Demo(store, quiet=output == "json")
    try:
        asyncio.run(demo.run())
    except (LabError, EtcdError, AgentError, subprocess.CalledProcessError) as error:
        raise DemoError(str(error)) from None
    if output == "json":
        print(json.dumps({"as_expected": demo.as_expected, "stages": demo.results}, indent=2))  # noqa: T201  # a verb
    else:
        Console(highlight=False).print(
            "[bold green]Every packet went the way the guide says.[/]"
            if demo.as_expected
            else "[bold red]Some packets went another way than the guide says: see the marked cells.[/]"
        )
    return demo.as_expected
