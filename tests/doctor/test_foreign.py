from __future__ import annotations

import pytest

from catflap.doctor.finding import Finding, Level
from catflap.doctor.foreign import ChainView, findings, views
from catflap.doctor.owners import Owner
from catflap.doctor.tables import Hooked, Table, nft_rule

OURS = {"input": Hooked("input", -5)}


def look(
    *rules: str,
    hook: str = "input",
    policy: str = "accept",
    read: bool = True,
    names: tuple[str, ...] = ("INPUT",),
) -> tuple[ChainView, tuple[Owner, ...]]:
    chains = {"INPUT": tuple(map(nft_rule, rules))} if read else None
    table = Table("ip", "filter", chains=chains, hooks={"INPUT": Hooked(hook, 0, policy=policy)})
    (seen,) = views(table, OURS.values(), names, {})
    return seen


def found(*rules: str, hook: str = "input", policy: str = "accept", read: bool = True) -> list[Finding]:
    return list(findings(*look(*rules, hook=hook, policy=policy, read=read), OURS))


def test_a_chain_that_drops_by_default() -> None:
    (finding,) = found("tcp dport 22 accept", policy="drop")
    assert (finding.level, finding.check, finding.object) == (
        Level.PROBLEM,
        "foreign-chain",
        "ip filter INPUT",
    )
    assert finding.message == (
        "stops what none of its rules accepts, so also what Catflap allows; "
        "input at priority 0, after Catflap; probably of iptables"
    )
    assert "iptables -I INPUT" in finding.remedy


def test_a_last_rule_for_everything_is_as_good_as_a_policy() -> None:
    (finding,) = found("tcp dport 22 accept", "reject with icmpx admin-prohibited")
    assert finding.level is Level.PROBLEM


def test_rules_that_drop_something() -> None:
    (finding,) = found("ip saddr 192.0.2.1 drop", "tcp dport 25 reject")
    assert finding.level is Level.WARNING
    assert finding.message.startswith("has rules that drop or reject, maybe what Catflap allows;")


def test_rules_that_could_not_be_read_may_drop() -> None:
    (finding,) = found(read=False)
    assert finding.level is Level.WARNING
    assert finding.message.startswith("has rules that could not be read, and may drop what Catflap allows;")
    assert look(read=False)[0].rules is None


@pytest.mark.parametrize("rules", [(), ("tcp dport 22 accept",), ("counter packets 0 bytes 0",)])
def test_what_only_accepts_is_no_finding(rules: tuple[str, ...]) -> None:
    assert found(*rules) == []
    assert not look(*rules)[0].can_stop


def test_forwarded_packets_matter_where_catflap_polices_them() -> None:
    seen = look(hook="forward", policy="drop")
    (alone,) = findings(*seen, OURS)
    (policed,) = findings(*seen, {"forward-to-interface": Hooked("forward", -5)})
    assert (alone.level, policed.level) == (Level.WARNING, Level.PROBLEM)


def test_connections_that_are_not_tracked() -> None:
    (finding,) = found("udp dport 53 notrack", hook="prerouting")
    assert "replies are not known as such" in finding.message
    assert "doNotTrack" in finding.remedy


def test_published_ports() -> None:
    seen = look("tcp dport 8080 dnat to 172.17.0.2:80", hook="prerouting")
    (finding,) = findings(*seen, OURS)
    assert "normal policy of host endpoints does not govern them" in finding.message
    assert not seen[0].can_stop
    for policed in ("prerouting-mangle", "forward-from-interface"):
        assert list(findings(*seen, [*OURS, policed])) == []
    assert found("tcp dport 8080 dnat to 172.17.0.2:80", hook="output") == []


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("before", "before Catflap, whose log does not see these packets"),
        ("between", "between chains of Catflap"),
        ("alone", "where Catflap has no chain"),
    ],
)
def test_where_it_stands_is_said(place: str, words: str) -> None:
    chain = ChainView("inet", "t", "c", False, "input", 0, "drop", 0, (), "ufw", place, True)  # noqa: FBT003  # fields
    (finding,) = findings(chain, (), OURS)
    assert words in finding.message


def test_of_shared_tables_all_owners_are_named() -> None:
    chain, owners = look(policy="drop", names=("INPUT", "DOCKER", "ufw-user-input"))
    (finding,) = findings(chain, owners, OURS)
    assert finding.message.endswith("probably of docker+ufw")
    assert "DOCKER-USER" in finding.remedy
    assert "ufw allow" in finding.remedy
