from __future__ import annotations

import json

import pytest
from tests.doctor.recorded import chain

from catflap.cli.foreign_chains import on_the_way
from catflap.doctor import MemoryHost, ProgramError
from catflap.model.resources import IpVersion
from catflap.verdict.packet import Path


def table(title: str, *chains: str) -> tuple[str, str]:
    body = "".join(f"\tchain {each} {{\n\t\taccept\n\t}}\n" for each in chains)
    return f"nft --terse list table {title}", f"table {title} {{\n{body}}}\n"


CHAINS = [
    chain("inet", "catflap", "input", "input"),
    chain("ip", "filter", "INPUT", "input", 0, "drop"),
    chain("ip6", "filter", "INPUT", "input", 0, "drop"),
    chain("inet", "firewalld", "input", "input"),
    chain("inet", "idle", "input", "input"),
    chain("ip", "nat", "PREROUTING", "prerouting"),
    chain("ip", "filter", "FORWARD", "forward", 0, "drop"),
    chain("inet", "other", "out", "output", 0, "drop"),
    chain("netdev", "early", "in", "ingress"),
]
PROGRAMS: dict[str, str | ProgramError] = dict(
    [
        ("nft --json list chains", json.dumps({"nftables": CHAINS})),
        table("inet catflap", "input"),
        table("ip filter", "INPUT"),
        table("inet firewalld", "input"),
        table("inet idle"),
        table("ip nat", "PREROUTING"),
        table("inet other"),
        table("netdev early", "in"),
    ]
)


@pytest.mark.parametrize(
    ("path", "version", "expected"),
    [
        (
            Path.IN,
            4,
            [
                "netdev early in (policy accept, 1 rule)",
                "ip nat PREROUTING (policy accept, 1 rule)",
                "ip filter INPUT (policy drop, 1 rule)",
                "inet firewalld input (policy accept, 1 rule)",
            ],
        ),
        (
            Path.IN,
            6,
            [
                "netdev early in (policy accept, 1 rule)",
                "ip6 filter INPUT (policy drop, rules unknown)",
                "inet firewalld input (policy accept, 1 rule)",
            ],
        ),
        (
            Path.FORWARD,
            4,
            [
                "netdev early in (policy accept, 1 rule)",
                "ip nat PREROUTING (policy accept, 1 rule)",
                "ip filter FORWARD (policy drop, 0 rules)",
            ],
        ),
        (Path.OUT, 6, ["inet other out (policy drop, 0 rules)"]),
    ],
)
def test_only_chains_on_the_way_that_can_change_anything(
    path: Path, version: IpVersion, expected: list[str]
) -> None:
    assert on_the_way(MemoryHost(PROGRAMS), path, version) == expected


def test_no_tables_no_chains() -> None:
    assert on_the_way(MemoryHost({"nft --json list chains": '{"nftables": []}'}), Path.IN, 4) == []


def test_that_they_cannot_be_listed_is_said() -> None:
    with pytest.raises(ProgramError, match="the program nft is not installed"):
        on_the_way(MemoryHost(), Path.IN, 4)
