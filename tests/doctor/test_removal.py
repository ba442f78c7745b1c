from __future__ import annotations

import pytest

from catflap.doctor import MemoryHost, ProgramError, RemovalError, described, removal_steps, remove
from catflap.doctor.leftovers import IptablesLeftovers, Leftovers

LEFT = Leftovers(
    iptables=(
        IptablesLeftovers(
            "iptables-legacy",
            "filter",
            (
                "-A INPUT -j felix-INPUT",
                '-A INPUT -m comment --comment "cali:Cz_u1IQiXIMmKD4c" -j cali-INPUT',
            ),
            ("felix-INPUT", "cali-INPUT"),
        ),
    ),
    sets=("felix-v4-x",),
    nft_tables=("ip calico",),
)
INPUT = """\
*filter
-D INPUT -j felix-INPUT
-D INPUT -m comment --comment "cali:Cz_u1IQiXIMmKD4c" -j cali-INPUT
-F felix-INPUT
-F cali-INPUT
-X felix-INPUT
-X cali-INPUT
COMMIT
"""
RESTORE, DESTROY, DELETE = (
    "iptables-legacy-restore --noflush --wait 5",
    "ipset destroy felix-v4-x",
    "nft delete table ip calico",
)


def test_rules_then_chains_then_sets_then_tables() -> None:
    host = MemoryHost({RESTORE: "", DESTROY: "", DELETE: ""})
    remove(host, removal_steps(LEFT))
    assert host.ran == [(RESTORE, INPUT), (DESTROY, ""), (DELETE, "")]


def test_nothing_left_nothing_done() -> None:
    assert removal_steps(Leftovers()) == []


def test_a_step_that_fails_ends_it() -> None:
    host = MemoryHost(
        {RESTORE: "", DESTROY: ProgramError("ipset: it is in use by a kernel component"), DELETE: ""}
    )
    with pytest.raises(
        RemovalError, match=r"IP set felix-v4-x could not be removed: ipset: it is in use.*1 of 3 steps"
    ):
        remove(host, removal_steps(LEFT))
    assert DELETE not in [command for command, _ in host.ran]


def test_all_of_it_can_be_read_before() -> None:
    lines = list(described(removal_steps(LEFT)))
    assert lines[0] == f"iptables-legacy, table filter: {RESTORE}"
    assert lines[2] == "    -D INPUT -j felix-INPUT"
    assert lines[-2:] == [f"IP set felix-v4-x: {DESTROY}", f"nftables table ip calico: {DELETE}"]
