"""Beside other packet filters: no table opens what another closes, and none of ours and theirs touches the other.

What needs packages of other products is measured by `make interplay`; here is what the tools of nftables and iptables
can show.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from catflap.lab.namespaces import Lab
from catflap.lab.topology import HOST_PUBLIC

from .beside import ALLOWED, DENIED, Beside, allow, beside

CLOSED = "*filter\n:INPUT DROP [0:0]\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n"
CLOSED6 = CLOSED + "-A INPUT -p ipv6-icmp -j ACCEPT\n"
GONE = "*filter\n:INPUT ACCEPT [0:0]\n"
OPEN = f"-A INPUT -p tcp -m multiport --dports {ALLOWED},{DENIED} -j ACCEPT\n"
# As Debian's package ships it, but closed.
NFTABLES_CONF = f"""\
flush ruleset
table inet filter {{
	chain input {{
		type filter hook input priority filter; policy drop;
		ct state established accept
		meta l4proto ipv6-icmp accept
		tcp dport {{ {ALLOWED}, {DENIED} }} accept
	}}
}}
"""
ALLOW_MORE = allow("more", DENIED)
OWN_TABLES_ONLY = NFTABLES_CONF.replace("flush ruleset", "table inet filter\ndelete table inet filter")


@pytest.fixture
async def host(lab: Lab, tmp_path: Path) -> AsyncIterator[Beside]:
    async with beside(lab, tmp_path) as made:
        yield made


@pytest.mark.parametrize("kind", ["legacy", "nft"])
async def test_iptables(host: Beside, kind: str) -> None:
    await host.expect(ALLOWED, DENIED)
    restore(host, kind, CLOSED, CLOSED6)
    theirs = host.others()
    await host.expect()
    host.start()
    await host.expect()  # what Catflap allows is still dropped by them
    assert f"ip filter INPUT{' (legacy)' if kind == 'legacy' else ''}" in host.doctor().stdout
    assert host.others() == theirs
    ours = host.own_table()
    restore(host, kind, CLOSED + OPEN, CLOSED6 + OPEN)
    await host.expect(ALLOWED)  # and what they allow is still denied by Catflap
    restore(host, kind, GONE, GONE)
    assert host.own_table() == ours
    theirs = host.others()
    host.agent.mark()
    host.write("more", ALLOW_MORE)
    host.agent.wait_for("Enforcing on")
    await host.expect(ALLOWED, DENIED)
    host.agent.stop()
    assert host.others() == theirs


def restore(host: Beside, kind: str, four: str, six: str) -> None:
    host.run(f"iptables-{kind}-restore", stdin=f"{four}COMMIT\n")
    host.run(f"ip6tables-{kind}-restore", stdin=f"{six}COMMIT\n")


async def test_a_configuration_that_replaces_only_its_own_tables(host: Beside, tmp_path: Path) -> None:
    file = tmp_path / "nftables.conf"
    file.write_text(OWN_TABLES_ONLY)
    host.start()
    ours = host.own_table()
    for _ in range(2):  # a reload
        host.run("nft", "-f", str(file))
        assert host.own_table() == ours
    await host.expect(ALLOWED)


async def test_a_flush_takes_our_table_and_the_doctor_says_what_it_means(host: Beside) -> None:
    host.start()
    host.agent.kill()
    host.run("nft", "-f", "-", stdin=NFTABLES_CONF)
    await host.expect(ALLOWED, DENIED)
    assert "does not exist, and no agent runs here" in host.doctor().stdout


@pytest.mark.parametrize("last", ["legacy", "nft"])
async def test_of_two_at_the_same_place_the_last_registered_goes_first(host: Beside, last: str) -> None:
    """What doctor's order rests on: nf_tables and iptables-legacy have no precedence of their own."""
    for kind in ("nft", "legacy") if last == "legacy" else ("legacy", "nft"):
        if kind == "legacy":
            host.run("iptables-legacy", "-A", "INPUT", "-p", "udp", "--dport", "9", "-j", "DROP")
        else:
            rules = (
                "table inet t { chain c { type filter hook input priority 0; udp dport 9 counter drop\n}\n}"
            )
            host.run("nft", "-f", "-", stdin=rules)
    host.network.stranger.run("bash", "-c", f"echo >/dev/udp/{HOST_PUBLIC.v4}/9")
    dropped_by_nft = "packets 1 " in host.run("nft", "list", "table", "inet", "t")
    dropped_by_legacy = "[1:29] -A INPUT" in host.run("iptables-legacy-save", "-c")
    assert (dropped_by_nft, dropped_by_legacy) == (last == "nft", last == "legacy")
