"""Packets lost and leaked while policy changes and agents come and go, at 20,000 packets/s allowed and as many denied.

Half of the allowed ones are so by a set of addresses, half by a network set; half of the denied ones are so by a
network set, half because nothing allows them. A real agent follows a real etcd; the kernel counts packets before and
after the firewall (`catflap.lab.flood`). Run by ``python -m bench``, which makes the namespace; ``python -m bench
loss 60`` takes 60 s for each kind.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from catflap.agent.saved_rule_set import FILE_NAME
from catflap.lab.agent import AgentProcess
from catflap.lab.etcd import EtcdServer
from catflap.lab.flood import Flood, Flow
from catflap.lab.namespaces import Lab, Namespace
from catflap.lab.sabotage import killed_before, other_version
from catflap.lab.topology import HOST_PUBLIC, STRANGER, WEB, GuideNetwork
from catflap.store import Store, open_store

HOST: Final = "bench"
HERE: Final = "192.0.2.30"  # where etcd listens
BY_ADDRESS, BY_NETWORK = 9001, 9002  # ports at which the client is allowed
OPEN_TO_OTHERS, SHUT = 9003, 9004  # where the stranger is denied by a network set, and by default
RATE: Final = 10_000  # packets per second of each flow
MEMBERS: Final = 1_000  # addresses in the selector's set beside the client's
NETWORKS: Final = 2_000  # in the network set
BETWEEN: Final = 0.02  # seconds between two changes
KILLS: Final = 4  # a start takes this many transactions at most
V1: Final = "/calico/v1"
V3: Final = "/calico/resources/v3/projectcalico.org"


class Scene:
    """The host under fire, its store and its agent."""

    def __init__(self, network: GuideNetwork, store: Store, server: EtcdServer, directory: Path) -> None:
        self.network = network
        self.store = store
        self.directory = directory
        self._log = directory / "felix.log"
        self._environment = {
            "FELIX_FELIXHOSTNAME": HOST,
            "FELIX_ETCDENDPOINTS": server.client_url,
            "CATFLAP_STATE_DIR": str(directory / "state"),
        }
        self.agent = self.start()

    async def put(self, *changes: tuple[str, object]) -> None:
        """Write objects as one revision; None deletes one."""
        await self.store.write(
            [(path, None if value is None else json.dumps(value).encode()) for path, value in changes]
        )

    def start(self, more: Mapping[str, str] | None = None) -> AgentProcess:
        """Start an agent."""
        agent = AgentProcess(self.network.host, self._log, {**self._environment, **(more or {})})
        agent.start()
        return agent

    def transactions(self) -> int:
        """How many transactions agents have made of all changes so far."""
        return sum(map(int, re.findall(r"Enforcing on .*; (\d+) transactions", self._log.read_text())))

    async def enforced(self) -> None:
        """Wait until the agent that was started last has taken over."""
        await asyncio.to_thread(self.agent.wait_for, "Enforcing on eth1", 30.0)

    async def restart(self, more: Mapping[str, str] | None = None) -> None:
        """Start an agent and wait until it has taken over."""
        self.agent = self.start(more)
        await self.enforced()


def endpoint(number: int = 0) -> tuple[str, object]:
    """The policed interface, which another policy selects every other time, and which never means another thing."""
    labels = {"role": "public", **({"odd": "yes"} if number % 2 else {})}
    value = {
        "name": "eth1",
        "expected_ipv4_addrs": [HOST_PUBLIC.v4],
        "labels": labels,
        "profile_ids": ["base"],
    }
    return f"{V1}/host/{HOST}/endpoint/eth1", value


def client(number: int = 0) -> tuple[str, object]:
    """Others' endpoints: the client that is allowed, and as many more as make a set of some size."""
    others = [f"10.1.{other // 250}.{other % 250 + 1}" for other in range(number, number + MEMBERS)]
    value = {"name": "x0", "expected_ipv4_addrs": [WEB.v4, *others], "labels": {"role": "client"}}
    return f"{V1}/host/other/endpoint/client", value


def partners(number: int = 0) -> tuple[str, object]:
    """A network set with the client's network, and many that come and go."""
    return _network_set("partner", f"{WEB.v4}/31", number)


def blocked(number: int = 0) -> tuple[str, object]:
    """A network set with the stranger's network."""
    return _network_set("blocked", f"{STRANGER.v4}/31", number)


def _network_set(role: str, net: str, number: int) -> tuple[str, object]:
    nets = [f"10.{100 + n // 250}.{n % 250}.0/24" for n in range(number, number + NETWORKS)]
    document = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "GlobalNetworkSet",
        "metadata": {"name": role, "labels": {"role": role}},
        "spec": {"nets": [net, *nets]},
    }
    return f"{V3}/globalnetworksets/{role}", document


def policy(number: int = 0) -> tuple[str, object]:
    """What allows the client and denies the stranger, by sets, with rules around it that are others each time."""
    udp = {"protocol": "udp"}
    rules = [
        {**udp, "action": "deny", "dst_ports": [20_000 + number, 40_000 + number]},
        {**udp, "action": "allow", "dst_ports": [BY_ADDRESS], "src_selector": "role == 'client'"},
        {**udp, "action": "allow", "dst_ports": [BY_NETWORK], "src_selector": "role == 'partner'"},
        {**udp, "action": "deny", "src_selector": "role == 'blocked'"},
        {**udp, "action": "allow", "dst_ports": [OPEN_TO_OTHERS, 30_000 + number]},
    ]
    value = {
        "selector": "role == 'public'",
        "order": 10,
        "inbound_rules": rules,
        "outbound_rules": [{"action": "allow"}],
    }
    return f"{V1}/policy/tier/default/policy/main", value


def extra(number: int) -> tuple[str, object]:
    """A policy before it that is there every other time."""
    value = {
        "selector": "role == 'public'",
        "order": 5,
        "inbound_rules": [{"action": "deny", "src_net": "10.9.0.0/16"}],
    }
    return f"{V1}/policy/tier/default/policy/extra", value if number % 2 else None


def odd() -> tuple[str, object]:
    """A policy for the endpoint with the label that it has every other time."""
    value = {
        "selector": "has(odd)",
        "order": 1,
        "inbound_rules": [{"action": "deny", "src_net": "10.7.0.0/16"}],
    }
    return f"{V1}/policy/tier/default/policy/odd", value


def failsafe(number: int) -> tuple[str, object]:
    """Another failsafe port each time; a raw text, as the guide writes it."""
    return f"{V1}/config/FailsafeInboundHostPorts", 1_000 + number


def profile(number: int = 0) -> tuple[str, object]:
    """The rules of the endpoint's profile."""
    rules = [{"action": "allow", "protocol": "udp", "dst_ports": [1_000 + number], "src_net": "10.8.0.0/16"}]
    return f"{V1}/policy/profile/base/rules", {"inbound_rules": rules, "outbound_rules": []}


Change = Callable[[int], tuple[str, object]]
UPDATES: Final[Mapping[str, Change]] = {
    "members of a selector's set": client,
    "networks of an allowed network set": partners,
    "networks of a denied network set": blocked,
    "a policy rewritten": policy,
    "a policy added and removed": extra,
    "the endpoint changed": endpoint,
    "the failsafe list changed": failsafe,
    "the profile changed": profile,
}


async def restarts(scene: Scene, _number: int) -> None:
    """In good order."""
    await asyncio.to_thread(scene.agent.stop)
    await scene.restart()


async def upgrades(scene: Scene, number: int) -> None:
    """To an agent whose rule sets have other chains, and back."""
    await asyncio.to_thread(scene.agent.stop)
    await scene.restart(None if number % 2 else other_version(scene.directory))


async def kills(scene: Scene, number: int) -> None:
    """With a change to be taken over, in which the next agent is killed, too."""
    scene.agent.kill()
    await scene.put(policy(number))
    killed = scene.start(killed_before(scene.directory, number % KILLS + 1))
    await asyncio.to_thread(_end_or_enforcing, killed)
    killed.kill()
    await scene.restart()


async def replaces(scene: Scene, _number: int) -> None:
    """As others do it: the table is deleted and made again in one transaction, by ``nft -f``."""
    text = (scene.directory / "state" / FILE_NAME).read_text()
    await asyncio.to_thread(
        scene.network.host.run, "nft", "-f", "-", stdin=f"delete table inet catflap\n{text}"
    )


async def stops(scene: Scene, number: int) -> None:
    """For a moment nobody is there; the kill comes while it stops."""
    scene.agent.send_signal(signal.SIGTERM)
    if number % 2:
        scene.agent.kill()
    else:
        await asyncio.to_thread(scene.agent.stop)
    await asyncio.sleep(0.5)
    await scene.restart()


LIFE: Final[Mapping[str, Callable[[Scene, int], Awaitable[None]]]] = {
    "agent restarted": restarts,
    "agent upgraded and back": upgrades,
    "agent killed, killed again while it takes over": kills,
    "agent stopped, or killed while it stops, for 0.5 s": stops,
}


COMPARISON: Final = "for comparison: the table replaced in one transaction, by nft -f"


def _end_or_enforcing(agent: AgentProcess) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and "Enforcing on eth1" not in agent.log():
        if not Path(f"/proc/{agent.pid}/fd/0").exists():  # a zombie has no files
            return
        time.sleep(0.01)


async def measure(namespace: Namespace, seconds: float) -> list[tuple[str, str, str]]:
    """Run all kinds, each for some seconds; returns rows of what, measured and target."""
    async with _scene(namespace) as scene:
        rows = [await _row(scene, what, _changing(change), seconds) for what, change in UPDATES.items()]
        rows += [await _row(scene, what, act, seconds) for what, act in LIFE.items()]
        scene.agent.stop()
        rows.append((*(await _row(scene, COMPARISON, replaces, seconds))[:2], "sees losses"))
    return rows


@asynccontextmanager
async def _scene(namespace: Namespace) -> AsyncIterator[Scene]:
    """The guide's network, and this process's namespace with etcd on its management side."""
    with tempfile.TemporaryDirectory() as directory, Lab() as lab:
        network = GuideNetwork.build(lab)
        network.management.connect(namespace, "eth0", [f"{HERE}/24"])
        with EtcdServer(listen=HERE) as server:
            store = open_store(f"etcd://{server.endpoint}")
            await store.write([(f"{V1}/Ready", b"true")])
            scene = Scene(network, store, server, Path(directory))
            await scene.put(profile(), partners(), blocked(), client(), policy(), odd(), endpoint())
            await scene.enforced()
            await asyncio.sleep(1)
            try:
                yield scene
            finally:
                await store.close()


def _changing(change: Change) -> Callable[[Scene, int], Awaitable[None]]:
    async def act(scene: Scene, number: int) -> None:
        await scene.put(change(number))
        await asyncio.sleep(BETWEEN)

    return act


async def _row(
    scene: Scene, what: str, act: Callable[[Scene, int], Awaitable[None]], seconds: float
) -> tuple[str, str, str]:
    network, before = scene.network, scene.transactions()
    flows = [
        *(Flow(network.web, HOST_PUBLIC.v4, port) for port in (BY_ADDRESS, BY_NETWORK)),
        *(Flow(network.stranger, HOST_PUBLIC.v4, port) for port in (OPEN_TO_OTHERS, SHUT)),
    ]
    with Flood(network.host, flows, rate=RATE) as flood:
        deadline = time.monotonic() + seconds
        for number in itertools.count(1):
            await act(scene, number)
            if time.monotonic() > deadline:
                break
    allowed, denied = flood.counts[:2], flood.counts[2:]
    rate = sum(count.sent for count in allowed) / flood.seconds
    measured = (
        f"lost {sum(each.lost for each in allowed):,} of {sum(each.arrived for each in allowed):,},"
        f" leaked {sum(each.passed for each in denied):,} of {sum(each.arrived for each in denied):,}"
        f" ({number} times, {scene.transactions() - before} transactions, {rate:,.0f}/s)"
    )
    return what, measured, "0, 0"


if __name__ == "__main__":
    name, duration = sys.argv[1:]
    print(json.dumps(asyncio.run(measure(Namespace(name, "bench"), float(duration)))))
