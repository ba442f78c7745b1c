from __future__ import annotations

import pytest

from catflap.doctor import Level, MemoryHost, ProgramError
from catflap.doctor.iptables_listing import KINDS, Saved, parse_save
from catflap.doctor.leftovers import (
    IptablesLeftovers,
    Leftovers,
    configuration_findings,
    find_leftovers,
    leftover_findings,
)

SAVED = """\
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:felix-INPUT - [0:0]
:cali-INPUT - [0:0]
:felix - [0:0]
:my-cali-chain - [0:0]
:mine - [0:0]
-A INPUT -j felix-INPUT
-A INPUT -m comment --comment "cali:Cz_u1IQiXIMmKD4c" -j cali-INPUT
-A INPUT -j my-cali-chain
-A FORWARD -m comment --comment "cali:S93hcgKJrXEqnTfs" -m mark --mark 0x10000/0x10000 -j ACCEPT
-A FORWARD -m comment --comment "see cali:S93hcgKJrXEqnTfs" -j ACCEPT
-A FORWARD -m comment --comment "-j felix-INPUT" -j mine
-A felix-INPUT -j cali-INPUT
-A mine -g cali-INPUT
COMMIT
"""


def find(saved: str = SAVED, sets: str | ProgramError = "", **names: str) -> tuple[Leftovers, dict[str, str]]:
    unread: dict[str, str] = {}
    host = MemoryHost({"ipset list -name": sets})
    tables = Saved({KINDS[0]: tuple(parse_save(saved))}, {})
    nft_names = {(family, name): frozenset({"any"}) for family, name in names.items()}
    return find_leftovers(host, tables, nft_names, unread), unread


def test_exactly_the_chains_and_what_leads_to_them() -> None:
    (left,) = find()[0].iptables
    assert (left.program, left.table) == ("iptables-legacy", "filter")
    assert left.chains == ("felix-INPUT", "cali-INPUT")
    assert left.rules == (
        "-A INPUT -j felix-INPUT",
        '-A INPUT -m comment --comment "cali:Cz_u1IQiXIMmKD4c" -j cali-INPUT',
        '-A FORWARD -m comment --comment "cali:S93hcgKJrXEqnTfs" -m mark --mark 0x10000/0x10000 -j ACCEPT',
        "-A mine -g cali-INPUT",
    )
    assert left.closed == ("INPUT",)


def test_exactly_the_sets() -> None:
    names = [
        "felix-v4-web",
        "felix-tmp-v4-x",
        "cali40s:Xyz",
        "cali6t1",
        "cali4-x",
        "california",
        "cali",
        "my-felix-x",
    ]
    assert find("", "\n".join(names))[0].sets == tuple(names[:5])


def test_exactly_the_tables() -> None:
    assert find("", ip="calico", ip6="calico", arp="calico-arp", inet="calico")[0].nft_tables == (
        "ip calico",
        "ip6 calico",
        "arp calico-arp",
    )


def test_nothing_is_left() -> None:
    left, unread = find("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n")
    assert not left
    assert list(leftover_findings(left)) == []
    assert unread == {}


def test_sets_that_cannot_be_listed() -> None:
    assert find("", ProgramError("ipset: Operation not permitted"))[1] == {
        "ipset": "ipset: Operation not permitted"
    }
    assert find_leftovers(MemoryHost(), Saved({}, {}), {}, {}) == Leftovers()


def test_chains_that_no_program_shows() -> None:
    unread: dict[str, str] = {}
    cali = frozenset({"INPUT", "cali-INPUT"})
    names = {("ip6", "filter"): cali, ("ip", "filter"): cali, ("inet", "x"): cali, ("ip", "calico"): cali}
    shown = Saved({KINDS[2]: tuple(parse_save("*filter\n:cali-INPUT - [0:0]\nCOMMIT\n"))}, {})
    find_leftovers(MemoryHost(), shown, names, unread)
    assert unread == {
        "ip6 filter": "it has chains of Calico, and iptables-nft-save is not installed or does not show them"
    }


def test_what_is_told() -> None:
    left, _ = find(SAVED, "felix-a felix-b felix-c felix-d", ip="calico")
    findings = list(leftover_findings(left))
    assert [(each.level, each.object) for each in findings] == [
        (Level.PROBLEM, "iptables-legacy, table filter"),
        (Level.PROBLEM, "ip calico"),
        (Level.WARNING, "ipset"),
    ]
    assert findings[0].message.startswith("has 2 chains of Calico and 4 rules leading there")
    assert findings[2].message.startswith("4 IP sets of Calico (felix-a, felix-b, felix-c, …)")
    one = leftover_findings(
        Leftovers(iptables=(IptablesLeftovers("iptables-nft", "raw", ("x",), ("felix-a",)),))
    )
    assert next(one).message.startswith("has 1 chain of Calico and 1 rule leading there")


@pytest.mark.parametrize(("is_left", "files", "count"), [(True, 1, 1), (True, 0, 0), (False, 1, 0)])
def test_the_configuration_is_ours_too(is_left: bool, files: int, count: int) -> None:
    host = MemoryHost(files={"/etc/calico/felix.cfg": "[global]\n"} if files else {})
    assert len(list(configuration_findings(host, is_left=is_left))) == count
