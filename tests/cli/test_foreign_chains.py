from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from catflap.cli.foreign_chains import ListingError, foreign_chains, list_ruleset
from catflap.model.resources import IpVersion
from catflap.verdict.packet import Path


def chain(family: str, table: str, name: str, hook: str = "", policy: str = "accept") -> dict[str, Any]:
    base = {"hook": hook, "prio": 0, "type": "filter", "policy": policy} if hook else {}
    return {"chain": {"family": family, "table": table, "name": name, **base}}


def rule(family: str, table: str, name: str) -> dict[str, Any]:
    return {"rule": {"family": family, "table": table, "chain": name, "expr": []}}


DOCUMENT = {
    "nftables": [
        {"metainfo": {"version": "1.0.6"}},
        chain("inet", "catflap", "input", "input"),
        rule("inet", "catflap", "input"),
        chain("ip", "filter", "INPUT", "input", "drop"),
        rule("ip", "filter", "INPUT"),
        rule("ip", "filter", "INPUT"),
        chain("ip6", "filter", "INPUT", "input", "drop"),
        chain("inet", "firewalld", "input", "input"),
        rule("inet", "firewalld", "input"),
        chain("inet", "idle", "input", "input"),
        chain("inet", "idle", "not-a-base-chain"),
        rule("inet", "idle", "not-a-base-chain"),
        chain("ip", "nat", "PREROUTING", "prerouting"),
        rule("ip", "nat", "PREROUTING"),
        chain("ip", "filter", "FORWARD", "forward", "drop"),
        chain("inet", "other", "out", "output", "drop"),
    ]
}


@pytest.mark.parametrize(
    ("path", "version", "expected"),
    [
        (
            Path.IN,
            4,
            [
                "ip filter INPUT (policy drop, 2 rules)",
                "inet firewalld input (policy accept, 1 rule)",
                "ip nat PREROUTING (policy accept, 1 rule)",
            ],
        ),
        (
            Path.IN,
            6,
            ["ip6 filter INPUT (policy drop, 0 rules)", "inet firewalld input (policy accept, 1 rule)"],
        ),
        (
            Path.FORWARD,
            4,
            ["ip nat PREROUTING (policy accept, 1 rule)", "ip filter FORWARD (policy drop, 0 rules)"],
        ),
        (Path.OUT, 6, ["inet other out (policy drop, 0 rules)"]),
    ],
)
def test_only_chains_on_the_way_that_can_change_anything(
    path: Path, version: IpVersion, expected: list[str]
) -> None:
    assert foreign_chains(DOCUMENT, path, version) == expected


def test_no_tables_no_chains() -> None:
    assert foreign_chains({"nftables": []}, Path.IN, 4) == []


def result(stdout: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.CompletedProcess([], 0, stdout, b"")


def test_what_nft_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: result(json.dumps(DOCUMENT).encode()))
    assert list_ruleset() == DOCUMENT


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (FileNotFoundError(), "nft is not installed"),
        (
            subprocess.CalledProcessError(1, "nft", b"", b"Operation not permitted\n"),
            "^Operation not permitted$",
        ),
    ],
)
def test_that_it_cannot_be_listed_is_said(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, reason: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(ListingError, match=reason):
        list_ruleset()


def test_a_listing_that_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: result(b"table ip"))
    with pytest.raises(ListingError, match="form that cannot be read"):
        list_ruleset()
