"""From a foreign change of our table until it is undone, for each kind of damage.

Everything is in one process: what repairs, as in the agent, and the foreign program, a thread with an nf_tables of its
own. The time is that between the kernel's notices of the foreign commit and of the last commit that repairs, as a third
thread hears them. Each repair is then checked: the content must be what it was. Run by ``python -m bench`` in a
namespace of its own; a further argument is the number of rounds.
"""

from __future__ import annotations

import asyncio
import json
import logging
import statistics
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from bench.agent_latency import ENDPOINTS, POLICIES, endpoint, policy
from catflap.agent.pace import Pace
from catflap.agent.self_repair import SelfRepair
from catflap.model.decode import decode
from catflap.nft import CommitWatcher, Enforcer, KernelContent, LibNftables, differing
from catflap.nft.nfnetlink import NFT_MSG_NEWGEN, generation_of, messages
from catflap.nft.nfsocket import netfilter_socket
from catflap.policy import HostPolicy, PolicyEngine, Settings

ROUNDS = 200
TARGET_MEDIAN, TARGET_P99 = 10, 50  # milliseconds
PATIENCE = 5.0  # seconds until a repair that does not come is an error
TABLE = "inet catflap"

CHAIN = "in-eth0"
DAMAGE = {
    "a rule replaced, with the same comment": None,  # needs the handle of the rule
    "a rule deleted": None,
    "the rules of a chain deleted": f"flush chain {TABLE} {CHAIN}\n",
    "a base chain deleted": f"delete chain {TABLE} input\n",
    "a chain added": f"add chain {TABLE} strange {{ type filter hook input priority -9; policy drop; }}\n",
    "a base chain's policy changed": f"add chain {TABLE} output {{ policy drop; }}\n",
    "an element of a map deleted": f'delete element {TABLE} ingress_interfaces {{ "eth0" }}\n',
    "an element of a set added": None,  # needs the name of the set
    "the table made dormant": f"add table {TABLE} {{ flags dormant; }}\n",
    "the table deleted": f"delete table {TABLE}\n",
    "the whole rule set flushed": "flush ruleset\n",
}


class Repairs(NamedTuple):
    """What undoes damage, and the threads in which that has just happened."""

    enforcer: Enforcer
    done: asyncio.Queue[int]
    thread: ThreadPoolExecutor

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """As `Enforcement.in_thread`; notes when a repair that found something has ended."""
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(self.thread, function, *arguments)
        if result.damage:
            self.done.put_nowait(await loop.run_in_executor(self.thread, threading.get_native_id))
        return result


class Peace(Pace):
    """Here nobody makes war."""

    def done(self, seconds: float) -> None:
        """Nothing to be remembered."""


class Listener(threading.Thread):
    """Hears of commits."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.heard: dict[int, float] = {}  # when the last commit of a thread was heard of
        self.generation = 0  # of the last commit that was heard of
        self._socket = netfilter_socket(events=True)
        self.start()

    def run(self) -> None:
        """Listen for ever."""
        while True:
            data = self._socket.recv(1 << 16)
            now = time.perf_counter()
            for item in messages(data):
                if item.type == NFT_MSG_NEWGEN:
                    generation = generation_of(item.body)
                    self.heard[generation.thread] = now
                    self.generation = generation.id


def host_policy() -> HostPolicy:
    """That of the agent's benchmark: as many endpoints and policies."""
    engine = PolicyEngine(Settings("bench"))
    entries = [*map(endpoint, range(ENDPOINTS)), *(policy(number, 80) for number in range(POLICIES))]
    engine.set_interfaces({f"eth{number}": set() for number in range(ENDPOINTS)}, {})
    for path, value in entries:
        engine.apply(decode(path, value).changes)
    return engine.host_policy()


async def measure(rounds: int) -> list[tuple[str, str, str]]:
    """Run all measurements; returns rows of what, measured and target."""
    with ThreadPoolExecutor(1) as thread, ThreadPoolExecutor(1) as foreign:
        repairs = Repairs(Enforcer(LibNftables()), asyncio.Queue(), thread)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(thread, repairs.enforcer.enforce, host_policy())
        watcher = CommitWatcher(repairs.enforcer.is_own)
        repair = SelfRepair(repairs.enforcer, repairs.in_thread, watcher, KernelContent(), Peace())
        repairing = asyncio.create_task(repair.run())
        await asyncio.sleep(0.1)
        program = Program(repairs, foreign)
        rows = [await program.row(kind, rounds) for kind in DAMAGE]
        repairing.cancel()
        await asyncio.wait([repairing])
    return rows


class Program:
    """The foreign program, in a thread with an nf_tables of its own."""

    def __init__(self, repairs: Repairs, thread: ThreadPoolExecutor) -> None:
        self._repairs = repairs
        self._thread = thread
        self._nft = LibNftables()
        self._content = KernelContent()
        self._listener = Listener()
        self._id = thread.submit(self._content.generation).result().thread

    async def row(self, kind: str, rounds: int) -> tuple[str, str, str]:
        """Do the damage so many times; one row of the table."""
        times = sorted([await self._once(kind) for _ in range(rounds)])
        median, p99 = statistics.median(times), times[int(len(times) * 0.99)]
        return (
            kind,
            f"{median:.1f} ms, p99 {p99:.1f} ms",
            f"< {TARGET_MEDIAN} ms, p99 < {TARGET_P99} ms",
        )

    async def _once(self, kind: str) -> float:
        """Milliseconds from the damage until it is undone."""
        commands = DAMAGE[kind] or self._commands(kind)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._nft.run, commands)
        repaired_by = await asyncio.wait_for(self._repairs.done.get(), PATIENCE)
        self._check(kind)
        while self._listener.generation < self._content.generation().id:  # noqa: ASYNC110  # it is a thread
            await asyncio.sleep(0.001)
        heard = self._listener.heard
        return (heard[repaired_by] - heard[self._id]) * 1000

    def _commands(self, kind: str) -> str:
        """Commands that need to know what is there now."""
        objects = (self._nft.list_table() or {})["nftables"]
        if "element" in kind:
            name = next(
                item["set"]["name"] for item in objects if item.get("set", {}).get("type") == "ipv4_addr"
            )
            return f"add element {TABLE} {name} {{ 198.51.100.1 }}\n"
        chain, handle, comment = next(
            (item["rule"]["chain"], item["rule"]["handle"], item["rule"]["comment"])
            for item in objects
            if "rule" in item and item["rule"]["chain"] == CHAIN
        )
        if "deleted" in kind:
            return f"delete rule {TABLE} {chain} handle {handle}\n"
        return f'replace rule {TABLE} {chain} handle {handle} accept comment "{comment}"\n'

    def _check(self, kind: str) -> None:
        known, outline = self._repairs.enforcer.known, self._content.outline()
        if known is None or outline is None or outline.dormant:
            raise RuntimeError(f"not repaired: {kind}")
        touched = differing(self._content, known)
        hooks = {name: chain.hook for name, chain in known.rule_set.chains.items()}
        if touched.chains or touched.sets or outline.hooks != hooks:
            raise RuntimeError(f"not repaired: {kind}: {touched}")


if __name__ == "__main__":
    logging.disable()
    print(json.dumps(asyncio.run(measure(int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS))))  # noqa: PLR2004
