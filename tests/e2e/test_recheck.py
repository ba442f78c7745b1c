"""Connections that exist when policy tightens: ended where the configuration says so, and nothing else is touched."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from catflap.lab.agent import AgentProcess
from catflap.lab.flows import HeldConnection
from catflap.lab.guide import HOSTNAME, document
from catflap.lab.listeners import Listeners
from catflap.lab.namespaces import Namespace
from catflap.lab.stream import Stream
from catflap.lab.topology import HOST_MANAGEMENT, HOST_PUBLIC, MGMT, GuideNetwork

ALLOW_ALL: Final = [{"action": "Allow"}]
ENDPOINT: Final = document(
    "HostEndpoint", "management", node=HOSTNAME, interfaceName="eth0", labels={"side": "management"}
)
PUBLIC: Final = document(
    "HostEndpoint", "public", node=HOSTNAME, interfaceName="eth1", labels={"side": "public"}
)
PUSHED: Final = 700
PROMPTLY: Final = 5.0  # seconds in which something must happen at all
RUN: Final = r"Existing connections: (\d+) checked, (\d+) kept, (\d+) ended, (\d+) unsure"


def allow(protocol: str, *ports: int, **fields: Any) -> dict[str, Any]:
    return {"action": "Allow", "protocol": protocol, "destination": {"ports": list(ports)}, **fields}


def policy(name: str = "services", **fields: Any) -> dict[str, Any]:
    return document("GlobalNetworkPolicy", name, **{"selector": "side == 'management'", **fields})


class Host:
    """The host of the guide, with an agent that rechecks (or not), and policy in a file."""

    def __init__(self, network: GuideNetwork, listeners: Listeners, directory: Path) -> None:
        self.network, self.listeners = network, listeners
        self.host, self.mgmt, self.web = network.host, network.mgmt, network.web
        self._file = directory / "policy" / "policy.yaml"
        self._file.parent.mkdir()
        self._log_file = directory / "felix.log"
        self.agent = self.make_agent("recheck")

    def make_agent(self, mode: str) -> AgentProcess:
        environment = {
            "FELIX_FELIXHOSTNAME": HOSTNAME,
            "FELIX_DATASTORETYPE": "directory",
            "FELIX_DATASTOREPATH": str(self._file.parent),
            "FELIX_EXISTINGCONNECTIONS": mode,
        }
        self.agent = AgentProcess(self.host, self._log_file, environment)
        return self.agent

    def save(self, *documents: dict[str, Any]) -> None:
        draft = self._file.parent.parent / "draft"
        draft.write_text(yaml.safe_dump_all(documents))
        draft.rename(self._file)

    def start(self, *documents: dict[str, Any]) -> None:
        self.save(*documents)
        self.agent.start()
        self.agent.wait_for("Enforcing on")

    def change(self, *documents: dict[str, Any]) -> None:
        """Enforce these documents instead."""
        self.agent.mark()
        self.save(*documents)
        self.agent.wait_for("Enforcing on")

    def rechecked(self, *documents: dict[str, Any]) -> tuple[int, int, int, int]:
        """Enforce these documents instead; returns how many were checked, kept, ended, unsure."""
        self.change(*documents)
        return self.outcome()

    def outcome(self) -> tuple[int, int, int, int]:
        """The numbers of a run that is logged, or is going to be."""
        checked, kept, ended, unsure = map(int, self.agent.wait_for(RUN).groups())
        return checked, kept, ended, unsure

    def tracked(self, *words: str) -> list[str]:
        """The lines of the host's connection tracking that have these words."""
        lines = self.host.run("conntrack", "-L").splitlines()
        lines += self.host.run("conntrack", "-L", "-f", "ipv6").splitlines()
        return [line for line in lines if all(word in line.split() for word in words)]


@pytest.fixture
async def host(network: GuideNetwork, tmp_path: Path) -> AsyncIterator[Host]:
    async with Listeners() as listeners:
        await listeners.listen(network.host, tcp=(22, 443))
        await listeners.listen(network.mgmt, tcp=(80,))
        made = Host(network, listeners, tmp_path)
        made.make_agent("recheck")
        yield made
        made.agent.kill()


class Pushed:
    """A connection to a server that sends all the time, whether anybody asks for it or not."""

    def __init__(self, connection: HeldConnection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, source: Namespace, address: str, port: int = 80) -> Pushed:
        return cls(await HeldConnection.open(source, address, port))

    async def goes_on(self) -> bool:
        """Whether new data arrive: more than were on their way."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                while await self._read():
                    pass
        async with asyncio.timeout(PROMPTLY):
            return sum([await self._read() for _ in range(20)]) > 0

    async def is_reset(self) -> bool:
        """Whether the other side ends it with a reset."""
        try:
            async with asyncio.timeout(PROMPTLY):
                while await self._read():
                    pass
        except ConnectionResetError:
            return True
        return False

    async def _read(self) -> int:
        return len(await asyncio.get_running_loop().sock_recv(self._connection._socket, 1 << 16))

    def close(self) -> None:
        self._connection.close()


class Pusher(asyncio.Protocol):
    """Sends 700 bytes every 5 ms."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        CONNECTED.append(transport)
        self._push()

    def _push(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(bytes(PUSHED))
            asyncio.get_running_loop().call_later(0.005, self._push)


CONNECTED: Final[list[asyncio.Transport]] = []


@contextlib.asynccontextmanager
async def pushing(namespace: Namespace, port: int = 80) -> AsyncIterator[None]:
    """A server that sends all the time to everybody who connects."""
    with namespace.entered():
        bound = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    serving = await asyncio.get_running_loop().create_server(Pusher, sock=bound)
    try:
        yield
    finally:
        serving.close()
        while CONNECTED:
            CONNECTED.pop().abort()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("loose", [0, 1])
async def test_a_server_that_keeps_sending_is_cut_and_its_client_is_told(
    host: Host, version: int, loose: int
) -> None:
    host.host.sysctl({"net/netfilter/nf_conntrack_tcp_loose": loose})
    address = HOST_MANAGEMENT.v4 if version == 4 else HOST_MANAGEMENT.v6
    async with pushing(host.host):
        host.start(ENDPOINT, policy(ingress=[allow("TCP", 80, 443)], egress=ALLOW_ALL))
        stream = await Pushed.open(host.mgmt, address)
        kept = await HeldConnection.open(host.mgmt, address, 443)
        assert await stream.goes_on()
        host.agent.wait_for(RUN)
        checked, _, ended, unsure = host.rechecked(
            ENDPOINT, policy(ingress=[allow("TCP", 443)], egress=ALLOW_ALL)
        )
        assert await stream.is_reset()
        assert await kept.carries_data()
        stream.close()
    assert (checked, ended, unsure) == (2, 1, 0)
    assert host.tracked("dport=80") == host.tracked("sport=80") == []
    named = host.agent.wait_for(r"Ended connections: (.*)")[1]
    assert re.search(r"tcp \S+ > \S+80 \(in eth0: TIER_DEFAULT_DENY by tier default\)", named)
    kept.close()


async def test_where_connections_are_kept_nothing_changes(host: Host) -> None:
    host.make_agent("keep")
    async with pushing(host.host):
        host.start(ENDPOINT, policy(ingress=[allow("TCP", 80)], egress=ALLOW_ALL))
        stream = await Pushed.open(host.mgmt, HOST_MANAGEMENT.v4)
        host.change(ENDPOINT, policy(ingress=[allow("TCP", 443)], egress=ALLOW_ALL))
        assert await stream.goes_on()
        stream.close()
    assert "Existing connections: 1 checked" not in host.agent.log()


async def test_datagrams_stop_in_either_direction_and_allowed_ones_go_on_without_a_loss(host: Host) -> None:
    host.start(ENDPOINT, policy(ingress=[allow("UDP", 5000, 5001)], egress=[allow("UDP", 6000)]))
    host.agent.wait_for(RUN)
    with (
        Stream(host.mgmt, host.host, HOST_MANAGEMENT.v4, 5000) as into,
        Stream(host.host, host.mgmt, MGMT.v6, 6000) as out,
        Stream(host.mgmt, host.host, HOST_MANAGEMENT.v6, 5001) as allowed,
    ):
        for stream in (into, out, allowed):
            stream.wait_for(10)
        _, _, ended, unsure = host.rechecked(
            ENDPOINT, policy(ingress=[allow("UDP", 5001)], egress=[allow("UDP", 6001)])
        )
        allowed.wait_for(50)
        for stream in (into, out):
            with pytest.raises(TimeoutError):
                stream.wait_for(10, timeout=0.5)
    assert (ended, unsure) == (2, 0)
    assert allowed.result.missing == ()


async def test_failsafe_ports_and_interfaces_without_endpoint_are_left_alone(host: Host) -> None:
    host.start(ENDPOINT, policy(ingress=[allow("TCP", 443)], egress=ALLOW_ALL))
    host.agent.wait_for(RUN)
    ssh = await HeldConnection.open(host.mgmt, HOST_MANAGEMENT.v4, 22)
    cut = await HeldConnection.open(host.mgmt, HOST_MANAGEMENT.v4, 443)
    elsewhere = await HeldConnection.open(host.web, HOST_PUBLIC.v4, 443)
    over_loopback = await HeldConnection.open(host.host, HOST_MANAGEMENT.v4, 443)
    _, _, ended, _ = host.rechecked(ENDPOINT, policy(ingress=[], egress=ALLOW_ALL))
    assert ended == 1
    assert not await cut.carries_data(silence=0.3)
    for each in (ssh, elsewhere, over_loopback):
        assert await each.carries_data()
        each.close()
    cut.close()


async def test_a_connection_through_the_host_is_ended(host: Host) -> None:
    host.network.set_forwarding(enabled=True)
    router = policy("router", types=["Ingress"], applyOnForward=True, ingress=[allow("TCP", 80)])
    router["spec"]["selector"] = "side == 'public'"
    closed = policy("router", types=["Ingress"], applyOnForward=True, ingress=[allow("TCP", 443)])
    closed["spec"]["selector"] = "side == 'public'"
    host.start(PUBLIC, router)
    host.agent.wait_for(RUN)
    through = [await HeldConnection.open(host.web, to, 80) for to in (MGMT.v4, MGMT.v6)]
    assert all([await each.carries_data() for each in through])
    assert host.rechecked(PUBLIC, closed)[2:] == (2, 0)
    for each in through:
        assert not await each.carries_data(silence=0.3)
        each.close()
    assert host.tracked("dport=80") == []


async def test_a_translated_connection_is_judged_by_both_of_its_destinations(host: Host) -> None:
    host.network.set_forwarding(enabled=True)
    host.host.run(
        *("nft", "-f", "-"),
        stdin="table ip translation { chain prerouting { type nat hook prerouting priority dstnat;\n"
        f'iifname "eth1" tcp dport 8080 dnat to {MGMT.v4}:80\n'
        f'iifname "eth1" tcp dport 8443 dnat to {HOST_PUBLIC.v4}:443\n}}\n}}\n',
    )

    def door(*ports: int) -> dict[str, Any]:
        rules = [allow("TCP", *ports), {"action": "Deny"}]
        fields = {
            "preDNAT": True,
            "applyOnForward": True,
            "types": ["Ingress"],
            "selector": "side == 'public'",
        }
        return policy("door", ingress=rules, **fields)

    host.start(PUBLIC, door(8080, 8443))
    host.agent.wait_for(RUN)
    through = await HeldConnection.open(host.web, HOST_PUBLIC.v4, 8080)
    into = await HeldConnection.open(host.web, HOST_PUBLIC.v4, 8443)
    assert host.rechecked(PUBLIC, door(8080))[2:] == (1, 0)
    assert await through.carries_data()
    assert not await into.carries_data(silence=0.3)
    assert host.rechecked(PUBLIC, door(443))[2:] == (1, 0)
    assert not await through.carries_data(silence=0.3)
    through.close()
    into.close()


async def test_of_changes_in_quick_succession_the_last_one_counts(host: Host) -> None:
    rules = [allow("TCP", 80, 443)]
    async with pushing(host.host):
        host.start(ENDPOINT, policy(ingress=rules, egress=ALLOW_ALL))
        host.agent.wait_for(RUN)
        one = await Pushed.open(host.mgmt, HOST_MANAGEMENT.v4)
        other = await HeldConnection.open(host.mgmt, HOST_MANAGEMENT.v4, 443)
        host.change(ENDPOINT, policy(ingress=[allow("TCP", 443)], egress=ALLOW_ALL))
        host.change(ENDPOINT, policy(ingress=[], egress=ALLOW_ALL))
        assert await one.is_reset()
        async with asyncio.timeout(PROMPTLY):
            while host.tracked("dport=443"):
                await asyncio.sleep(0.05)
        assert not await other.carries_data(silence=0.3)
        one.close()
        other.close()


async def test_a_policy_that_changed_while_there_was_no_agent_counts_for_connections_too(host: Host) -> None:
    host.start(ENDPOINT, policy(ingress=[allow("TCP", 443)], egress=ALLOW_ALL))
    held = await HeldConnection.open(host.mgmt, HOST_MANAGEMENT.v4, 443)
    host.agent.wait_for(RUN)
    host.agent.stop()
    host.save(ENDPOINT, policy(ingress=[allow("TCP", 443)], egress=ALLOW_ALL))
    host.make_agent("recheck").start()
    assert host.outcome()[2:] == (0, 0)
    assert await held.carries_data()
    host.agent.stop()
    host.save(ENDPOINT, policy(ingress=[], egress=ALLOW_ALL))
    host.make_agent("recheck").start()
    assert host.outcome()[2:] == (1, 0)
    assert not await held.carries_data(silence=0.3)
    held.close()


async def test_connections_from_before_the_first_rule_are_judged_by_who_serves(host: Host) -> None:
    into = await HeldConnection.open(host.mgmt, HOST_MANAGEMENT.v4, 443)
    out = await HeldConnection.open(host.host, MGMT.v4, 80)
    host.start(ENDPOINT, policy(ingress=[], egress=[allow("TCP", 80)]))
    assert host.outcome()[2:] == (1, 1)
    assert not await into.carries_data(silence=0.3)
    assert await out.carries_data()
    into.close()
    out.close()


async def test_a_server_serves_on_after_one_of_its_connections_was_closed(host: Host) -> None:
    def only(net: str) -> dict[str, Any]:
        return policy(ingress=[allow("TCP", 443, source={"nets": [net]})], egress=[])

    host.start(ENDPOINT, only("192.0.2.0/24"))
    host.agent.wait_for(RUN)
    cut = await HeldConnection.open(host.mgmt, HOST_MANAGEMENT.v4, 443)
    assert host.rechecked(ENDPOINT, only("192.0.2.11/32"))[2] == 1
    assert not await cut.carries_data(silence=0.3)
    host.change(ENDPOINT, only("192.0.2.0/24"))
    again = await HeldConnection.open(host.mgmt, HOST_MANAGEMENT.v4, 443)
    assert await again.carries_data()
    cut.close()
    again.close()


@pytest.mark.parametrize("loose", [0, 1])
async def test_a_server_elsewhere_that_keeps_sending_is_cut_or_named(host: Host, loose: int) -> None:
    host.host.sysctl({"net/netfilter/nf_conntrack_tcp_loose": loose})
    host.network.set_forwarding(enabled=True)
    fields = {"types": ["Ingress"], "applyOnForward": True, "selector": "side == 'public'"}
    async with pushing(host.mgmt, 81):
        host.start(PUBLIC, policy("router", ingress=[allow("TCP", 81)], **fields))
        host.agent.wait_for(RUN)
        stream = await Pushed.open(host.web, MGMT.v4, 81)
        assert await stream.goes_on()
        host.agent.mark()
        host.save(PUBLIC, policy("router", ingress=[allow("TCP", 443)], **fields))
        async with asyncio.timeout(PROMPTLY):
            while not re.search(RUN, host.agent.log()):  # meanwhile server and client must go on
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await stream._read()
        assert host.outcome()[2] == 1
        if loose:
            host.agent.wait_for("came from the other side, which policy allows")
        else:
            assert host.tracked("dport=81") == []
            assert "came from the other side" not in host.agent.log()
        stream.close()
