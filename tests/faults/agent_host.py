"""A real agent on the host of the guide, following a cluster of three members across (virtual) cables."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.faults import fleet
from tests.faults.etcd_http import Access, EtcdHttp, UnansweredError
from tests.faults.rule_set import normalised

from catflap.lab.agent import AgentProcess
from catflap.lab.etcd import EtcdServer, cluster
from catflap.lab.namespaces import Lab
from catflap.lab.scratch import Scratch
from catflap.lab.topology import STORE, GuideNetwork

PORTS: Final = (2379, 4001, 7001)  # those that failsafe rules keep open
START_WITHIN: Final = 30.0  # seconds
SETTLE_WITHIN: Final = 5.0
REPORTS: Final = tuple(f"/calico/felix/v1/host/{fleet.HOST}/{name}" for name in ("status", "catflap"))
TABLE: Final = ("table", "inet", "catflap")


class Host:
    """What faults are done to: the guide's network, the members of the cluster, the agent.

    ``directory`` is for the state of agents.
    """

    def __init__(
        self, network: GuideNetwork, members: Sequence[EtcdServer], agent: AgentProcess, directory: Path
    ) -> None:
        self.network = network
        self.members = members
        self.agent = agent
        self.access = Access(endpoints=tuple(member.endpoint for member in members))
        self._directory = directory
        self._markers = 0

    def put(self, changes: Sequence[fleet.Change]) -> bool:
        """Write from the management host; whether that was acknowledged."""
        return self._call(lambda http: http.transact(changes))

    def delete_range(self, start: str, end: str) -> bool:
        """Delete many keys at once; whether that was acknowledged."""
        return self._call(lambda http: http.delete_range(start, end))

    def rule_set(self) -> str:
        """Our table in the kernel."""
        return self.network.host.run("nft", "list", *TABLE)

    def missing_reports(self) -> list[str]:
        """The keys that the agent keeps in the store as long as it lives, and that are not there."""
        return [key for key in REPORTS if not self.members[0].etcdctl("get", key, "--keys-only").strip()]

    def _call(self, call: Callable[[EtcdHttp], object]) -> bool:
        http = EtcdHttp(self.access, timeout=3.0)
        with self.network.mgmt.entered():
            for _ in self.members:
                try:
                    call(http)
                except UnansweredError:
                    continue
                else:
                    return True
                finally:
                    http.close()
        return False

    async def catches_up(self, within: float) -> float | None:
        """Write a policy and wait until the kernel has it: after how many seconds, None if that takes too long."""
        self._markers += 1
        change, words = fleet.marker(self._markers)
        began = time.monotonic()
        written = False
        while time.monotonic() < began + within:
            written = written or await asyncio.to_thread(self.put, [change])
            if written and words in await asyncio.to_thread(self.rule_set):
                return time.monotonic() - began
            await asyncio.sleep(0.05)
        return None

    def difference(self) -> tuple[frozenset[str], frozenset[str]]:
        """End the agent; what is too much in the kernel, and what is missing, by what a fresh agent makes of the store.

        That one begins with an empty kernel.
        """
        host = self.network.host
        self.agent.stop()
        left = normalised(host.run("nft", "-j", "list", *TABLE))
        host.run("nft", "delete", *TABLE)
        with AgentProcess(
            host, self._directory / "fresh.log", environment(self._directory / "fresh")
        ) as fresh:
            fresh.wait_for("Enforcing on", START_WITHIN)
            deadline = time.monotonic() + SETTLE_WITHIN
            while (wanted := normalised(host.run("nft", "-j", "list", *TABLE))) != left:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.2)
        return left - wanted, wanted - left


@contextmanager
def agent_host(log_file: Path) -> Iterator[Host]:
    """All of it, running and in sync; the agent logs to ``log_file``."""
    with ExitStack() as stack:
        directory = stack.enter_context(Scratch())
        network = GuideNetwork.build(stack.enter_context(Lab()))
        members = cluster(3, listen=STORE.v4, ports=PORTS, command_prefix=network.store.command_prefix)
        for member in members:
            stack.callback(member.close)
        agent = AgentProcess(network.host, log_file, environment(directory / "state"))
        host = Host(network, members, agent, directory)
        assert host.put(fleet.first())
        agent.start()
        stack.callback(agent.kill)
        agent.wait_for("status changed to in-sync", START_WITHIN)
        yield host


def environment(state: Path) -> dict[str, str]:
    """The settings of an agent that keeps its state in ``state``."""
    state.mkdir(exist_ok=True)
    return {
        "FELIX_FELIXHOSTNAME": fleet.HOST,
        "FELIX_ETCDENDPOINTS": ",".join(f"http://{STORE.v4}:{port}" for port in PORTS),
        "CATFLAP_STATE_DIR": str(state),
    }
