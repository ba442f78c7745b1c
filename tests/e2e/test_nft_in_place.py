"""Real packets while an interval set in use changes in place: those of members that stay always meet it."""

from __future__ import annotations

import random
import subprocess
import sys
import time

from msgspec.structs import replace
from tests.nft.host_policies import host_policy, lists, policy_key, rule
from tests.nft.namespace import Namespace, NamespaceNft

from catflap.model.persistent_set import PersistentSet
from catflap.model.resources import UDP, PortRange
from catflap.nft.enforcer import Enforcer
from catflap.policy.host_policy import HostPolicy, IpSet, MatchPeer, TierStep

_SECONDS = 3
_SIZE, _REPLACED = 5_000, 50
_KEY = policy_key("listed")
_MEMBER, _STRANGER = "20.1.0.9", "20.1.1.9"  # in a network that stays, and right behind it
_STAYS = "20.1.0.0/24"
_PORTS = {_MEMBER: 4001, _STRANGER: 4002}
# Every socket sends from an address of its own, as fast as is asked for.
_SENDER = """
import socket, sys, time
pairs = [item.split("=") for item in sys.argv[2:]]
sockets = []
for address, port in pairs:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, 0))
    sockets.append((made, ("127.0.0.1", int(port))))
start, sent = time.perf_counter(), 0
while (passed := time.perf_counter() - start) < float(sys.argv[1]):
    for made, target in sockets:
        made.sendto(b"x", target)
    sent += 1
    if sent > passed * 10_000:
        time.sleep(0.001)
"""
_COUNTERS = "\n".join(
    [
        "add table inet probe",
        "add chain inet probe before { type filter hook input priority -100; }",
        "add chain inet probe after { type filter hook input priority 100; }",
        *(
            f"add counter inet probe {chain}{port}\n"
            f"add rule inet probe {chain} udp dport {port} counter name {chain}{port}"
            for chain in ("before", "after")
            for port in _PORTS.values()
        ),
    ]
)


def policy(nets: PersistentSet[str]) -> HostPolicy:
    """What is in the networks is allowed on the loopback."""
    rules = [
        lists(
            _KEY,
            [rule(protocol=UDP, source=MatchPeer(ip_sets=("s",)))],
            [rule(protocol=UDP, destination=MatchPeer(ports=(PortRange(4001, 4002),)))],
        )
    ]
    return host_policy(
        ("lo",), [TierStep("default", (_KEY,))], rules=rules, ip_sets=[IpSet("s", "listed", nets)]
    )


def network(number: int) -> str:
    return f"{30 + (number >> 14)}.{number >> 6 & 255}.{(number & 63) << 2}.0/24"


def counted(namespace: Namespace, name: str) -> int:
    text = namespace.nft("list", "counter", "inet", "probe", name)
    return int(text.split("packets ")[1].split()[0])


def test_no_packet_of_a_member_is_lost_and_none_of_a_stranger_passes(
    namespace: Namespace, nft: NamespaceNft
) -> None:
    for command in (
        ("ip", "link", "set", "lo", "up"),
        *(("ip", "address", "add", f"{address}/32", "dev", "lo") for address in _PORTS),
    ):
        namespace.call(lambda: subprocess.run(command, check=True))  # noqa: B023  # called at once
    namespace.nft("-f", "-", text=_COUNTERS)
    members = PersistentSet([_STAYS, *map(network, range(_SIZE))])
    enforcer = Enforcer(nft)
    base = policy(members)
    enforcer.enforce(base)
    names = set(nft_sets(nft))
    pairs = [f"{address}={port}" for address, port in _PORTS.items()]
    arguments = [sys.executable, "-c", _SENDER, str(_SECONDS), *pairs]
    # Connections would be established at once, and bypass the set.
    namespace.nft("add chain inet probe raw { type filter hook prerouting priority -300; }")
    namespace.nft("add rule inet probe raw notrack")
    sender = namespace.call(lambda: subprocess.Popen(arguments))
    changes, chosen = 0, random.Random(1)  # which networks is of no interest
    while sender.poll() is None:
        gone = chosen.sample(sorted(members - {_STAYS}), _REPLACED)
        new = [network(_SIZE + changes * _REPLACED + number) for number in range(_REPLACED)]
        members = members.changed(new, gone)
        enforcer.enforce(replace(base, ip_sets={"s": IpSet("s", "listed", members)}))
        changes += 1
        time.sleep(0.002)
    assert sender.returncode == 0
    assert set(nft_sets(nft)) == names
    assert changes > 20
    sent, passed = (counted(namespace, f"{chain}{_PORTS[_MEMBER]}") for chain in ("before", "after"))
    assert sent > 1_000 * _SECONDS
    assert passed == sent
    assert counted(namespace, f"before{_PORTS[_STRANGER]}") > 1_000 * _SECONDS
    assert counted(namespace, f"after{_PORTS[_STRANGER]}") == 0


def nft_sets(nft: NamespaceNft) -> list[str]:
    document = nft.list_table()
    assert document is not None
    return [item["set"]["name"] for item in document["nftables"] if "set" in item]
