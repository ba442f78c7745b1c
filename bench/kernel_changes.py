"""What changes cost from the policy of a host to the kernel: a first load, one member, one policy, a list of networks.

Run by ``python -m bench`` in a process and namespace of its own. A change ends when the kernel has confirmed it. Every
change is one of a resource, so that both ways are seen: from the policy engine, and from the host policy it gives.
"""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator

from catflap.model.decoded import ResourceChange
from catflap.model.resources import (
    TCP,
    Action,
    HostEndpoint,
    Kind,
    NetworkSet,
    Peer,
    Policy,
    PortRange,
    ResourceKey,
    Rule,
)
from catflap.model.selector import parse_selector
from catflap.nft import Compiler, Enforcer, LibNftables
from catflap.policy import PolicyEngine, Settings

POLICIES, RULES = 200, 10
SETS, MEMBERS = 400, 100_000  # members of all sets together
BIG = 100_000  # members of the set of which one changes
NETWORKS, REPLACED = 50_000, 100
ROUNDS = 200
LOADS = 5

Row = tuple[str, str, str]


def address(number: int) -> str:
    """One of many IPv4 addresses, apart from the networks."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def network(number: int) -> str:
    """One of many IPv4 networks, of which no two can be made one."""
    return f"{20 + (number >> 15)}.{number >> 7 & 255}.{(number & 127) << 1}.0/24"


def network_set(name: str, nets: Iterable[str], label: str) -> ResourceChange:
    """A network set that the selector ``list == '<label>'`` selects."""
    return ResourceChange(ResourceKey(Kind.NETWORK_SET, name), NetworkSet(name, tuple(nets), {"list": label}))


def policy(number: int, first_port: int = 1_000) -> ResourceChange:
    """One of the policies; its rules allow ports from lists of networks."""
    rules = tuple(
        Rule(
            Action.ALLOW,
            protocol=TCP,
            source=Peer(selector=parse_selector(f"list == 'list{(number * RULES + rule) % SETS}'")),
            destination=Peer(ports=(PortRange(first_port + rule, first_port + rule),)),
        )
        for rule in range(RULES)
    )
    return _policy(f"policy{number}", number, rules)


def _policy(name: str, order: int, rules: tuple[Rule, ...]) -> ResourceChange:
    key = ResourceKey(Kind.POLICY, name, "default")
    return ResourceChange(key, Policy(name, "default", parse_selector("all()"), order, rules))


def world() -> Iterator[ResourceChange]:
    """The host's endpoint, and what the first load consists of."""
    key = ResourceKey(Kind.HOST_ENDPOINT, "eth0", "host")
    yield ResourceChange(key, HostEndpoint("eth0", "host", ("eth0",)))
    size = MEMBERS // SETS
    for number in range(SETS):
        members = map(address, range(number * size, (number + 1) * size))
        yield network_set(f"list{number}", members, f"list{number}")
    yield from map(policy, range(POLICIES))


def more() -> Iterator[ResourceChange]:
    """A large set of addresses and a large set of networks, and a policy that uses both."""
    for number in range(BIG // 1_000):
        members = (address(number * 1_000 + member) for member in range(1_000))
        yield network_set(f"big{number}", members, "big")
    yield network_set("networks", map(network, range(NETWORKS)), "networks")
    sources = (Peer(selector=parse_selector(f"list == '{label}'")) for label in ("big", "networks"))
    yield _policy("blocked", 0, tuple(Rule(Action.DENY, source=source) for source in sources))


class Host:
    """An engine and a kernel, and the times from one to the other in milliseconds."""

    def __init__(self) -> None:
        self.engine = PolicyEngine(Settings("host"))
        self.engine.set_interfaces({"eth0": {"10.255.0.1"}})
        self.nft = LibNftables()
        self.enforcer = Enforcer(self.nft)

    def change(self, *changes: ResourceChange) -> tuple[float, float]:
        """Milliseconds from the resources, and from the host policy, to the kernel's confirmation."""
        start = time.perf_counter()
        self.engine.apply(changes)
        policy = self.engine.host_policy()
        resolved = time.perf_counter()
        if not self.enforcer.enforce(policy).transactions:
            raise RuntimeError("nothing changed")
        end = time.perf_counter()
        return (end - start) * 1000, (end - resolved) * 1000


def measure() -> list[Row]:
    """Run all measurements; returns rows of what, measured and target."""
    rows = list(_loads())
    host = Host()
    host.change(*world())
    host.change(*more())
    gc.collect()
    gc.freeze()  # as the agent does
    rows += _changes("one member of 100,000 changed", host, _one_member, "< 2 ms")
    rows += _changes("one policy of 200 rewritten", host, _one_policy, "< 10 ms")
    rows += _changes("100 of 50,000 networks replaced", host, _some_networks, "< 50 ms")
    return rows


def _loads() -> Iterator[Row]:
    everything = []
    for _ in range(LOADS):
        host = Host()
        everything.append(host.change(*world()))
        host.nft.run("delete table inet catflap\n")
    size = len(Compiler().compile(host.engine.host_policy()).rule_set.text().encode())
    title = f"first load: {POLICIES} policies of {RULES} rules, {SETS} sets with {MEMBERS:,} members"
    yield title, f"{statistics.median(own for _, own in everything) / 1000:.2f} s", "< 1.5 s"
    yield "… from resources", f"{statistics.median(whole for whole, _ in everything) / 1000:.2f} s", ""
    yield "the table as text", f"{size / 1e6:.1f} MB", "< 5 MB"


def _one_member(number: int) -> list[ResourceChange]:
    return [network_set("guest", [address(BIG + number)], "big")]


def _one_policy(number: int) -> list[ResourceChange]:
    return [policy(number % POLICIES, 2_000 + number)]


def _some_networks(number: int) -> list[ResourceChange]:
    first = (number + 1) * REPLACED
    return [network_set("networks", map(network, range(first, first + NETWORKS)), "networks")]


def _changes(
    title: str, host: Host, change_of: Callable[[int], list[ResourceChange]], target: str
) -> Iterator[Row]:
    times = [host.change(*change_of(number)) for number in range(ROUNDS)]
    for word, delays, goal in (
        (title, [own for _, own in times], target),
        ("… from the resource", [whole for whole, _ in times], ""),
    ):
        percentile = statistics.quantiles(delays, n=100)[98]
        yield word, f"median {statistics.median(delays):.2f} ms, p99 {percentile:.2f} ms", goal


if __name__ == "__main__":
    print(json.dumps(measure()))
