"""Somebody else damages the agent's table: it is repaired at once, and the log names who did it and what it was."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any, Final

import pytest

from catflap.lab.agent import AgentProcess
from catflap.lab.stream import Stream
from catflap.lab.topology import HOST_MANAGEMENT

from .guide_host import HEP, POLICY, GuideHost

NET: Final = "192.0.2.0/24"
RULES: Final = [
    {"action": "allow", "protocol": "tcp", "dst_ports": [80], "src_tag": "clients"},
    {"action": "allow", "protocol": "udp", "dst_ports": [53, 5353], "src_net": NET},
]
CHAIN: Final = "policy-in-default.web"
OTHER: Final = "add table inet other; add chain inet other c { type filter hook input priority 5; }"

OWNER: Final = """
from catflap.nft import LibNftables
nft = LibNftables()
nft.run("delete table inet catflap; add table inet catflap { flags owner; }")
input()
"""


async def expect_only_80(guide: GuideHost) -> None:
    await asyncio.gather(
        guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 80, v4=True, v6=True),
        guide.expect(guide.network.mgmt, HOST_MANAGEMENT, "tcp", 443, v4=False, v6=False),
    )


def prepare(guide: GuideHost, agent: AgentProcess) -> None:
    """A host with a base chain, maps, chains of policy, and sets of addresses and of ports."""
    guide.host.run("nft", OTHER)
    rules: list[dict[str, Any]] = [{"action": "allow", "protocol": "tcp", "dst_ports": [80]}, *RULES]
    guide.put(f"{HEP}/other", {"expected_ipv4_addrs": ["203.0.113.1"], "profile_ids": ["clients"]})
    guide.put("/calico/v1/policy/profile/clients/tags", ["clients"])
    guide.put(f"{POLICY}/web", {"selector": "has(web)", "inbound_rules": rules})
    guide.enforced(agent, lambda: guide.put(f"{HEP}/eth0", {"name": "eth0", "labels": {"web": "y"}}))


def content(guide: GuideHost) -> dict[str, Any]:
    """The agent's table, whatever order its objects were made in."""
    document = json.loads(guide.host.run("nft", "-j", "list", "table", "inet", "catflap"))
    objects = [(kind, item) for entry in document["nftables"] for kind, item in entry.items()]
    rules = [item for kind, item in objects if kind == "rule"]
    return {
        "rules": {
            chain: [(rule["expr"], rule["comment"]) for rule in rules if rule["chain"] == chain]
            for chain in {rule["chain"] for rule in rules}
        },
        **{
            f"{kind} {item['name']}": {**item, "handle": 0, "elem": sorted(map(str, item.get("elem", ())))}
            for kind, item in objects
            if kind in ("chain", "set", "map", "table")
        },
    }


def nft(guide: GuideHost, commands: str) -> None:
    guide.host.run("nft", "-f", "-", stdin=commands)


def change_a_rule(guide: GuideHost) -> str:
    """Commands that replace the rule for port 80 by one for 443, with the same comment."""
    listing = guide.host.run("nft", "-a", "list", "table", "inet", "catflap")
    (line,) = (line for line in listing.splitlines() if "dport 80 " in line and "@" not in line)
    chain = next(
        text.split()[1]
        for text in reversed(listing[: listing.index(line)].splitlines())
        if text.startswith("\tchain ")
    )
    rule, _, handle = line.strip().partition(" # handle ")
    return f"replace rule inet catflap {chain} handle {handle} {rule.replace('dport 80 ', 'dport 443 ')}"


STRANGE: Final = """
add table inet catflap
add set inet catflap input { type ipv4_addr; }
add chain inet catflap output { type filter hook input priority 3; policy drop; }
"""
DAMAGE: Final = {
    "table deleted": ("delete table inet catflap", "the table was deleted"),
    "everything flushed": ("flush ruleset", "the table was deleted"),
    "table emptied": ("flush table inet catflap", "rules of chain .* were changed"),
    "table dormant": ("add table inet catflap { flags dormant; }", "the table was made dormant"),
    "rules of a chain deleted": ("flush chain inet catflap input", "rules of chain input were changed"),
    "rule added": ("insert rule inet catflap input accept", "rules of chain input were changed"),
    "base chain deleted": ("delete chain inet catflap input", "chain input was deleted"),
    "policy changed": (
        "add chain inet catflap output { policy drop; }",
        "chain output was given hook output, priority -5, policy drop",
    ),
    "chain added": (
        "add chain inet catflap evil { type filter hook input priority -9; policy drop; }",
        "chain evil was added",
    ),
    "map element deleted": (
        'delete element inet catflap ingress_interfaces { "eth0" }',
        "elements of map ingress_interfaces were changed: 1 of ours missing, 0 strange",
    ),
    "map element added": (
        'add element inet catflap ingress_interfaces { "eth9" : drop }',
        "elements of map ingress_interfaces were changed: 0 of ours missing, 1 strange",
    ),
    "map emptied": (
        "flush map inet catflap ingress_interfaces",
        "elements of map ingress_interfaces were changed: 1 of ours missing",
    ),
    "set added": ("add set inet catflap strange { type ipv4_addr; }", "set strange was added"),
    "table replaced": (
        f"delete table inet catflap; {STRANGE}",
        "chain input was deleted",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
async def test_damage_is_repaired_and_its_maker_named(
    guide3: GuideHost, agent3: AgentProcess, kind: str
) -> None:
    prepare(guide3, agent3)
    await expect_only_80(guide3)
    commands, words = DAMAGE[kind]
    before, other = content(guide3), guide3.host.run("nft", "list", "table", "inet", "other")
    agent3.mark()
    nft(guide3, commands)
    agent3.wait_for(rf"Table inet catflap was changed by process \d+ \(nft.*\): .*{words}.*; repaired in ")
    assert content(guide3) == before
    await expect_only_80(guide3)
    if kind == "everything flushed":
        assert guide3.host.run("nft", "list", "tables") == "table inet catflap\n"
    else:
        assert guide3.host.run("nft", "list", "table", "inet", "other") == other
    assert "[ERROR]" not in agent3.log()


async def test_a_rule_that_was_replaced_under_its_old_comment_is_found(
    guide3: GuideHost, agent3: AgentProcess
) -> None:
    prepare(guide3, agent3)
    before = content(guide3)
    agent3.mark()
    nft(guide3, change_a_rule(guide3))
    agent3.wait_for(r"changed by process \d+ \(nft.*\): rules of chain \S+ were changed; repaired in ")
    assert content(guide3) == before
    await expect_only_80(guide3)


@pytest.mark.parametrize("kind", ["addresses", "ports"])
async def test_elements_of_sets_are_brought_back(guide3: GuideHost, agent3: AgentProcess, kind: str) -> None:
    prepare(guide3, agent3)
    before = content(guide3)
    lines = guide3.host.run("nft", "list", "table", "inet", "catflap").splitlines()
    name = next(line.split()[1] for line in lines if line.strip().startswith(f"set {kind}"))
    element = "198.51.100.7" if kind == "addresses" else "9999"
    agent3.mark()
    nft(guide3, f"flush set inet catflap {name}\nadd element inet catflap {name} {{ {element} }}")
    agent3.wait_for(rf"elements of set {name} were changed: \d of ours missing, 1 strange; repaired in ")
    assert content(guide3) == before


async def test_changes_of_other_tables_are_no_business_of_the_agent(
    guide3: GuideHost, agent3: AgentProcess
) -> None:
    prepare(guide3, agent3)
    agent3.mark()
    for number in range(50):
        nft(
            guide3,
            f"add rule inet other c tcp dport {number + 1} drop\nadd table ip catflap\ndelete table ip catflap",
        )
    nft(guide3, "delete table inet other")
    guide3.enforced(agent3, lambda: guide3.put(f"{HEP}/eth1", {"name": "eth1"}))
    assert "changed by" not in agent3.log()


async def test_whoever_writes_between_the_agents_own_transactions_is_undone(
    guide3: GuideHost, agent3: AgentProcess
) -> None:
    """It opens the host again and again, with rules that look like ours, while policy changes again and again."""
    prepare(guide3, agent3)
    rule = 'insert rule inet catflap input accept comment "interfaces known by name"'
    loop = f"while :; do nft '{rule}'; done"
    hostile = await asyncio.create_subprocess_exec(*guide3.host.command_prefix, "sh", "-c", loop)
    try:
        for number in range(40):
            rules = [{"action": "deny", "protocol": "tcp", "dst_ports": [1000 + number]}]
            guide3.put(f"{POLICY}/p", {"selector": "has(web)", "order": 1, "inbound_rules": rules})
    finally:
        hostile.kill()
        await hostile.wait()
    agent3.wait_for("SOMEBODY KEEPS CHANGING TABLE inet catflap: process")
    agent3.mark()
    guide3.enforced(agent3, lambda: guide3.delete(f"{POLICY}/p"))
    await asyncio.sleep(1)
    await expect_only_80(guide3)
    expected = content(guide3)
    agent3.stop()
    restarted = guide3.start_agent()
    restarted.wait_for("Enforcing on eth0")
    assert content(guide3) == expected


async def test_damage_that_no_event_told_of_is_found_by_comparison(
    guide3: GuideHost, agent3: AgentProcess
) -> None:
    """The agent sleeps while more events come than its socket holds."""
    prepare(guide3, agent3)
    before = content(guide3)
    agent3.mark()
    agent3.send_signal(signal.SIGSTOP)
    elements = ", ".join(f"10.{n >> 8}.{n % 256}.{m}" for n in range(1500) for m in range(200))
    nft(guide3, f"add table inet big\nadd set inet big s {{ type ipv4_addr; elements = {{ {elements} }}; }}")
    nft(
        guide3,
        'insert rule inet catflap input accept\ndelete element inet catflap ingress_interfaces { "eth0" }',
    )
    agent3.send_signal(signal.SIGCONT)
    agent3.wait_for("More of nf_tables changed than could be followed; comparing all of table inet catflap")
    agent3.wait_for(
        "was changed by nobody knows whom: rules of chain input were changed, elements of map .*; repaired"
    )
    assert content(guide3) == before
    await expect_only_80(guide3)


async def test_a_table_that_another_program_keeps_for_itself_is_repaired_once_that_program_ends(
    guide3: GuideHost, agent3: AgentProcess
) -> None:
    prepare(guide3, agent3)
    before = content(guide3)
    agent3.mark()
    owner = await asyncio.create_subprocess_exec(
        *guide3.host.command_prefix,
        sys.executable,
        "-c",
        OWNER,
        stdin=asyncio.subprocess.PIPE,
    )
    await asyncio.to_thread(
        agent3.wait_for, "another program has made table inet catflap its own .* NOT REPAIRED"
    )
    await owner.communicate(b"\n")
    await asyncio.to_thread(agent3.wait_for, "repaired in")
    assert content(guide3) == before


def test_no_allowed_packet_is_lost_while_the_table_goes_and_comes(
    guide3: GuideHost, agent3: AgentProcess
) -> None:
    prepare(guide3, agent3)
    with Stream(guide3.network.mgmt, guide3.host, HOST_MANAGEMENT.v4, 5353, rate=2000) as stream:
        for command in ("delete table inet catflap", "flush ruleset", "flush chain inet catflap input"):
            agent3.mark()
            nft(guide3, command)
            agent3.wait_for("repaired in")
    assert stream.result.missing == ()
    assert stream.result.received > 0
