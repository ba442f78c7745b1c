from __future__ import annotations

from catflap.agent.document import ForeignChain, ForeignReport, InterfaceReport, KeptReport, Titles
from catflap.cli.fleet_problems import problems

from .fleets import ETH0, document

DOCKER = ForeignChain(title="ip filter FORWARD", hook="forward", owner="docker", drops_by_default=True)
UFW = ForeignChain(title="ip filter INPUT", hook="input", owner="ufw", drops_by_default=True)
RULES = ForeignChain(title="ip raw PREROUTING", hook="prerouting")


def test_nothing_is_the_matter() -> None:
    assert list(problems(document())) == []


def test_what_is_not_enforced_comes_first() -> None:
    bad = InterfaceReport(interface="eth1", state="kept", reason="nf_tables refuses set x: no")
    found = document(
        interfaces=(bad, ETH0),
        not_enforced=("eth1", "eth2"),
        not_enforced_total=2,
        without_interface=("host endpoint a/b",),
        foreign=ForeignReport(total=1, chains=(UFW, RULES)),
        kept_for_boot=KeptReport(problem="disk full"),
    )
    assert list(problems(found)) == [
        "eth1 kept: nf_tables refuses set x: no (the policy before it stays in force)",
        "1 more interfaces are not enforced",
        "ip filter INPUT (ufw) drops what it does not accept itself",
        "not kept for the next boot: disk full",
        "1 endpoint without an interface",
    ]


def test_an_older_version_names_interfaces_only() -> None:
    assert list(problems(document(not_enforced=("eth1",)))) == ["not enforced on eth1"]


def test_who_drops_forwarded_packets_matters_where_they_are_policed() -> None:
    foreign = ForeignReport(total=1, chains=(DOCKER,))
    assert list(problems(document(foreign=foreign))) == []
    forwards = InterfaceReport(interface="eth0", forward=Titles(listed=("default/f",)))
    assert len(list(problems(document(foreign=foreign, interfaces=(forwards,))))) == 1
