"""What a policy costs a packet: new flows per second with many rules, against a bare rule set with the same hooks.

One processor sends the smallest UDP packets, each of a new flow with another source and port, over a virtual cable; the
receiving kernel does all of its work on that processor, too. Rule sets take turns of half a second, and of each counts
the best turn: the one that whatever else the machine does has disturbed least. ``rule per line`` is what the old system
wrote: a chain for each policy, a line for each rule, an accept bit in the packet's mark.

Run by ``python -m bench``, which makes a namespace that is not needed here. Needs trafgen and iperf3
(``scripts/setup bench``).
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Self

from catflap.lab.namespaces import Lab, Namespace
from catflap.model.resources import TCP, UDP, Action, Kind, PortRange, ResourceKey
from catflap.nft import Enforcer, LibNftables
from catflap.policy.host_policy import (
    DirectionPolicy,
    Failsafe,
    FailsafePort,
    HostPolicy,
    InterfacePolicy,
    IpSet,
    MatchPeer,
    MatchRule,
    RuleLists,
    TierStep,
)

FAILSAFE = Failsafe(tuple(FailsafePort(TCP, PortRange(port, port)) for port in (22, 179, 2379, 2380)))
SMALLER, LARGER = 1_000, 10_000  # rules
TURN = 0.5  # seconds
ROUNDS = 20
ESTABLISHED_ROUNDS = 5
SEED = 1
PORTS = 25  # that selectors are allowed on
SETS, MEMBERS = 100, 100
POLICY_LENGTH = 5
ESTABLISHED_SECONDS = 2
TARGET = "≥ 0.9 x"

Row = tuple[str, str, str]
Load = Callable[[], None]

BARE = """\
table inet bare {
	chain input {
		type filter hook input priority -5; policy accept;
		ct state established,related accept
		ct state invalid drop
		drop
	}
	chain output {
		type filter hook output priority -5; policy accept;
		ct state established,related accept
		drop
	}
}
"""


def distinct(count: int, random: Random) -> HostPolicy:
    """Each rule allows another network to another port."""
    return _policy(
        [
            _rule(Action.ALLOW, _network(random, number), 1_024 + number * 60_000 // count)
            for number in range(count)
        ],
        count,
    )


def selectors(count: int, random: Random) -> HostPolicy:
    """Policies of five rules, which allow those that a selector stands for to a port."""
    rules = [
        MatchRule(
            0,
            Action.ALLOW,
            protocol=UDP,
            source=MatchPeer(ip_sets=(f"set{random.randrange(SETS)}",)),
            destination=MatchPeer(ports=(_port(1_024 + 40 * random.randrange(PORTS)),)),
        )
        for _ in range(count)
    ]
    return _policy(rules, POLICY_LENGTH)


def mixed(count: int, random: Random) -> HostPolicy:
    """Allow, deny, pass and log in turn, each from another network, to one of a thousand ports."""
    actions = (Action.ALLOW, Action.DENY, Action.PASS, Action.LOG)
    rules = [
        _rule(
            actions[number % 4],
            # Where a packet is logged, that is what costs.
            f"192.168.{number % 256}.0/24" if actions[number % 4] is Action.LOG else _network(random, number),
            1_024 + 60 * random.randrange(1_000),
        )
        for number in range(count)
    ]
    return _policy(rules, POLICY_LENGTH)


SHAPES: Mapping[str, Callable[[int, Random], HostPolicy]] = {
    "distinct (network, port)": distinct,
    "policies of 5 rules with selectors": selectors,
    "allow, deny, pass, log in turn": mixed,
}


def _network(random: Random, number: int) -> str:
    return f"10.{random.randrange(256)}.{number % 256}.0/24"


def _port(number: int) -> PortRange:
    return PortRange(number, number)


def _rule(action: Action, network: str, port: int) -> MatchRule:
    destination = MatchPeer(ports=(_port(port),))
    return MatchRule(0, action, protocol=UDP, source=MatchPeer(nets=(network,)), destination=destination)


def _policy(rules: list[MatchRule], length: int) -> HostPolicy:
    """A host with one interface, and the rules in policies of some length."""
    parts = [rules[first : first + length] for first in range(0, len(rules), length)]
    keys = [ResourceKey(Kind.POLICY, f"policy{number}", "default") for number in range(len(parts))]
    used = {name for rule in rules for name in rule.source.ip_sets}
    return HostPolicy(
        (
            InterfacePolicy(
                "eth0",
                ResourceKey(Kind.HOST_ENDPOINT, "eth0", "bench"),
                DirectionPolicy((TierStep("default", tuple(keys)),)),
                DirectionPolicy(),
            ),
        ),
        {
            key: RuleLists(key, f"default/{key.name}", tuple(part), ())
            for key, part in zip(keys, parts, strict=True)
        },
        ip_sets={
            name: IpSet(name, name, frozenset(f"10.77.{int(name[3:])}.{n}" for n in range(MEMBERS)))
            for name in sorted(used)
        },
        failsafe=FAILSAFE,
    )


def rule_per_line(policy: HostPolicy) -> str:
    """The old system's shape: every policy a chain that is jumped to, every rule a line that sets a bit."""
    lines = ["table inet lines {"]
    lines += [
        f"set {item.id} {{ type ipv4_addr; elements = {{ {', '.join(item.members)} }} ; }}"
        for item in policy.ip_sets.values()
    ]
    steps = []
    for lists in policy.policies.values():
        name = lists.key.name
        lines.append(f"chain {name} {{")
        for rule in lists.ingress:
            source = rule.source.nets[0] if rule.source.nets else f"@{rule.source.ip_sets[0]}"
            verdict = {
                Action.ALLOW: "meta mark set meta mark or 0x1000000 return",
                Action.PASS: "meta mark set meta mark or 0x2000000 return",
                Action.DENY: "drop",
                Action.LOG: 'log prefix "calico-packet: "',
            }[rule.action]
            lines.append(f"ip saddr {source} udp dport {rule.destination.ports[0]} {verdict}")
        lines.append("}")
        steps += [f"meta mark and 0x2000000 == 0 jump {name}", "meta mark and 0x1000000 != 0 accept"]
    lines += [
        "chain input {",
        "type filter hook input priority -5; policy accept;",
        "ct state established,related accept",
        "ct state invalid drop",
        *steps,
        "drop",
        "}",
        "}",
    ]
    return "\n".join(lines) + "\n"


class Cable:
    """Two namespaces with a cable between them; entering it makes them."""

    def __enter__(self) -> Self:
        self._lab = Lab().__enter__()
        self.sender, self.receiver = self._lab.add("sender", "receiver")
        self.sender.ip(f"link add eth0 type veth peer name eth0 netns {self.receiver.name}")
        for namespace, address in ((self.sender, "10.9.0.1/24"), (self.receiver, "10.9.0.2/24")):
            namespace.ip(f"addr add {address} dev eth0", "link set eth0 up", "link set lo up")
        self.receiver.sysctl({"net/ipv4/conf/all/rp_filter": 0, "net/ipv4/conf/eth0/rp_filter": 0})
        with self.receiver.entered():
            self.nft = LibNftables()
        return self

    def __exit__(self, *_: object) -> None:
        self.nft.close()
        self._lab.__exit__(None, None, None)

    def received(self) -> int:
        """IP packets that the receiver's kernel has taken in."""
        rows = [line.split() for line in self.receiver.run("cat", "/proc/net/snmp").splitlines()]
        names, values = (row for row in rows if row[0] == "Ip:")
        return int(values[names.index("InReceives")])

    @contextmanager
    def flood(self) -> Iterator[None]:
        """Send while the context is entered."""
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "packet.cfg")
            path.write_text(self._packet(), encoding="ascii")
            command = ("taskset", "-c", str(max(os.sched_getaffinity(0))))
            sender = subprocess.Popen(
                [*self.sender.command_prefix, *command, "trafgen", "-i", path, "-o", "eth0", "-P", "1", "-q"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                time.sleep(0.5)
                yield
            finally:
                os.killpg(sender.pid, signal.SIGKILL)
                sender.wait()

    def _packet(self) -> str:
        """UDP from 10.77.0.0/16, with a random source, source port and destination port."""
        macs = ", ".join(_mac(namespace) for namespace in (self.receiver, self.sender))
        head = "0x45, 0, c16(46), drnd(2), 0x40, 0, 64, 17, csumip(14, 33), 10, 77, drnd(2), 10, 9, 0, 2"
        return f"{{ {macs}, c16(0x0800), {head}, drnd(2), drnd(2), c16(26), c16(0), fill(0x41, 18) }}\n"


def _mac(namespace: Namespace) -> str:
    (link,) = json.loads(namespace.run("ip", "-j", "link", "show", "eth0"))
    return ", ".join(f"0x{part}" for part in link["address"].split(":"))


def rates(cable: Cable, loads: Mapping[str, Load]) -> dict[str, float]:
    """Packets per second with each rule set, in the best of its turns."""
    best = dict.fromkeys(loads, 0.0)
    with cable.flood():
        for _ in range(ROUNDS):
            for name, load in loads.items():
                load()
                started, before = time.perf_counter(), cable.received()
                time.sleep(TURN)
                best[name] = max(best[name], (cable.received() - before) / (time.perf_counter() - started))
    return best


def _loads(cable: Cable, policy: HostPolicy) -> dict[str, Load]:
    """Ways to give the receiver its rule set."""

    def text(rules: str) -> Load:
        return lambda: cable.nft.run(f"flush ruleset\n{rules}")

    def catflap() -> None:
        cable.nft.run("flush ruleset\n")
        Enforcer(cable.nft).enforce(policy)

    return {"bare": text(BARE), "catflap": catflap, "lines": text(rule_per_line(policy))}


def frame(cable: Cable) -> Row:
    """What a policed interface costs without any rule of policy: no number of rules can cost less."""
    found = rates(cable, _loads(cable, _policy([], 1)))
    return "no policy", f"{found['catflap']:,.0f}/s = {found['catflap'] / found['bare']:.2f} x bare", ""


def new_flows(cable: Cable, count: int) -> Iterator[Row]:
    """Rows for one number of rules."""
    for name, shape in SHAPES.items():
        found = rates(cable, _loads(cable, shape(count, Random(SEED))))
        ratio, gain = found["catflap"] / found["bare"], found["catflap"] / found["lines"]
        what = f"{count:,} rules: {name}"
        yield what, f"{found['catflap']:,.0f}/s = {ratio:.2f} x bare", TARGET
        yield (
            f"{what}, to a rule per line",
            f"{gain:.1f} x {found['lines']:,.0f}/s",
            "≥ 15 x" if count == SMALLER else "",
        )


def established(cable: Cable, count: int) -> Row:
    """One TCP connection as fast as it goes, with rules and without any."""
    policy = distinct(count, Random(SEED))
    allowed = [MatchRule(0, Action.ALLOW, source=MatchPeer(nets=("10.9.0.1/32",)))]
    policy = _policy([*next(iter(policy.policies.values())).ingress, *allowed], count + 1)
    seen: dict[str, list[float]] = {"none": [], "rules": []}
    with subprocess.Popen(
        [*cable.receiver.command_prefix, "iperf3", "-s"], stdout=subprocess.DEVNULL, start_new_session=True
    ) as server:
        try:
            time.sleep(0.3)
            for _ in range(ESTABLISHED_ROUNDS):
                for name, values in seen.items():
                    cable.nft.run("flush ruleset\n")
                    if name == "rules":
                        Enforcer(cable.nft).enforce(policy)
                    values.append(_throughput(cable))
        finally:
            server.kill()
    none, rules = (statistics.median(values) for values in seen.values())
    return (
        f"established, {count:,} rules",
        f"{rules / 1e9:.1f} Gbit/s = {rules / none:.2f} x no rules",
        "≥ 0.97 x",
    )


def _throughput(cable: Cable) -> float:
    """Bits per second."""
    text = cable.sender.run("iperf3", "-c", "10.9.0.2", "-t", str(ESTABLISHED_SECONDS), "-J")
    return float(json.loads(text)["end"]["sum_received"]["bits_per_second"])


def measure(counts: tuple[int, ...]) -> list[Row]:
    """All rows."""
    with Cable() as cable:
        rows = [frame(cable), *(row for count in counts for row in new_flows(cable, count))]
        return [*rows, established(cable, max(counts))]


if __name__ == "__main__":
    print(json.dumps(measure(tuple(map(int, sys.argv[2:])) or (SMALLER, LARGER))))
