"""``catflap doctor`` on a real kernel: what it finds, that looking changes nothing, and what it takes away."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from catflap.lab.namespaces import Lab

from .beside import ALLOWED, Beside, beside

# What others have, on all four kinds of iptables; then what two agents of Calico of different age put into it.
FOREIGN = """\
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:mine - [0:0]
-A INPUT -p tcp -m tcp --dport 9 -j DROP
-A INPUT -j mine
-A mine -j ACCEPT
COMMIT
"""
FELIX = """\
*filter
:felix-INPUT - [0:0]
:felix-FORWARD - [0:0]
:felix-p-x-i - [0:0]
-I INPUT -j felix-INPUT
-I FORWARD -j felix-FORWARD
-A felix-INPUT -j felix-p-x-i
-A felix-p-x-i -p tcp -m set --match-set felix-v4-x src -j DROP
COMMIT
"""
CALICO = """\
*filter
:cali-INPUT - [0:0]
:cali-fh-eth0 - [0:0]
-I INPUT -m comment --comment "cali:Cz_u1IQiXIMmKD4c" -j cali-INPUT
-A FORWARD -m comment --comment "cali:S93hcgKJrXEqnTfs" -m mark --mark 0x10000/0x10000 -j ACCEPT
-A cali-INPUT -m comment --comment "cali:msRIDfJRWnYwzW4g" -g cali-fh-eth0
-A cali-fh-eth0 -p tcp -m comment --comment "cali:Wv0rv_uC4vmwVqOE" -j DROP
COMMIT
"""
CALICO_NFT = """\
table ip calico {
  set cali40all { type ipv4_addr; elements = { 192.0.2.1 } }
  chain filter-INPUT { type filter hook input priority 0; policy accept; jump filter-cali-INPUT
  }
  chain filter-cali-INPUT { ip saddr @cali40all drop
  }
}
"""


@pytest.fixture
async def host(lab: Lab, tmp_path: Path) -> AsyncIterator[Beside]:
    async with beside(lab, tmp_path) as made:
        yield made


def objects(host: Beside, check: str) -> list[tuple[str, str]]:
    """What the doctor finds of a kind: the level, and the object."""
    findings = json.loads(host.doctor("-o", "json").stdout)["findings"]
    return [(each["level"], each["object"]) for each in findings if each["check"] == check]


async def test_a_healthy_host_and_what_others_do_to_our_table(host: Beside) -> None:
    assert host.doctor().returncode == 0
    assert "does not exist, and no agent runs here" in host.doctor().stdout
    host.start()
    done = host.doctor()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Nothing is the matter.\n")
    assert "input       -5        inet catflap  input" in done.stdout
    host.agent.kill()
    assert objects(host, "own-table") == [("warning", "inet catflap")]
    host.run("nft", "add table inet catflap { flags dormant; }")
    assert ("problem", "inet catflap") in objects(host, "own-table")
    host.run("nft", "flush chain inet catflap input")
    assert ("problem", "inet catflap input") in objects(host, "own-table")


async def test_chains_of_others_and_looking_changes_nothing(host: Beside) -> None:
    host.start()
    host.run("iptables-legacy-restore", stdin="*filter\n:INPUT DROP [0:0]\nCOMMIT\n")
    host.run("ip6tables-nft-restore", stdin="*raw\n-A PREROUTING -p udp --dport 9 -j CT --notrack\nCOMMIT\n")
    elements = ", ".join(f"10.{number >> 8}.{number & 255}.1" for number in range(5_000))
    host.run(
        "nft",
        "-f",
        "-",
        stdin=f"table inet big {{ set s {{ type ipv4_addr; elements = {{ {elements} }} }}\n}}",
    )
    host.run(
        "nft",
        "-f",
        "-",
        stdin="table netdev early { chain in { type filter hook ingress device eth1 priority 0; policy drop; }\n}",
    )
    others, own = host.others(), host.own_table()
    assert objects(host, "foreign-chain") == [
        ("problem", "netdev early in"),
        ("problem", "ip filter INPUT (legacy)"),
        ("warning", "ip6 raw PREROUTING"),
    ]
    assert host.doctor().returncode == 1
    assert max(map(len, host.doctor().stdout.splitlines())) <= 100
    assert (host.others(), host.own_table()) == (others, own)


async def test_leftovers_are_removed_and_nothing_else(host: Beside) -> None:
    host.start()
    host.run("ipset", "create", "california", "hash:ip")
    for program in ("iptables-legacy", "ip6tables-legacy", "iptables-nft", "ip6tables-nft"):
        host.run(f"{program}-restore", stdin=FOREIGN)
    own, foreign = host.own_table(), host.others()

    host.run("ipset", "create", "felix-v4-x", "hash:ip")
    host.run("iptables-legacy-restore", "--noflush", stdin=FELIX)
    for program in ("ip6tables-legacy", "iptables-nft", "ip6tables-nft"):
        host.run(f"{program}-restore", "--noflush", stdin=CALICO)
    host.run("nft", "-f", "-", stdin=CALICO_NFT)
    await host.expect()

    refused = host.doctor("--remove-leftovers")
    assert refused.returncode == 1
    assert "chain INPUT has the policy DROP" in refused.stderr
    assert "felix-v4-x" in host.others()
    done = host.doctor("--remove-leftovers", "--yes")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "6 steps done, nothing is left.")
    assert (host.own_table(), host.others()) == (own, foreign)
    await host.expect(ALLOWED)
    assert host.doctor("--remove-leftovers", "--yes").stdout == "There are no leftovers.\n"


async def test_nothing_is_removed_beside_an_old_agent_at_work(host: Beside, tmp_path: Path) -> None:
    host.run("iptables-legacy-restore", stdin=CALICO)
    before = host.others()
    agent = tmp_path / "calico-felix"
    agent.symlink_to("/bin/sleep")
    process = host.background(str(agent), "60")
    try:
        done = host.doctor("--remove-leftovers", "--yes")
        assert done.returncode == 1
        assert f"Calico's agent is at work (process {process.pid})" in done.stderr
        assert objects(host, "agents") == [("problem", f"process {process.pid}")]
    finally:
        process.kill()
        process.wait()
    assert host.others() == before
