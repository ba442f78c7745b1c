from __future__ import annotations

from catflap.agent.document import (
    ForeignChain,
    ForeignReport,
    InterfaceReport,
    InvalidReport,
    KeptReport,
    Titles,
)
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
        failure="no memory",
        interfaces=(bad, ETH0),
        not_enforced=("eth1", "eth2"),
        not_enforced_total=2,
        without_interface=("host endpoint a/b",),
        foreign=ForeignReport(total=1, chains=(UFW, RULES)),
        kept_for_boot=KeptReport(problem="disk full"),
    )
    assert list(problems(found)) == [
        "the kernel cannot be programmed, what it enforces stays: no memory",
        "eth1 kept: nf_tables refuses set x: no (the policy before it stays in force)",
        "1 more interface not enforced",
        "ip filter INPUT (ufw) drops what it does not accept itself",
        "not kept for the next boot: disk full",
        "1 endpoint without an interface",
    ]


def test_invalid_objects_are_a_problem_of_the_host_that_they_are_for() -> None:
    own = InvalidReport(path="/calico/v1/host/web1/endpoint/eth0", reasons=("odd",))
    others = InvalidReport(path="/calico/v1/host/web11/endpoint/eth0", reasons=("odd",))
    assert list(problems(document(invalid=(own, others), invalid_objects=2))) == [
        "/calico/v1/host/web1/endpoint/eth0 is invalid, treated as missing: odd"
    ]


def test_an_older_version_names_interfaces_only() -> None:
    assert list(problems(document(not_enforced=("eth1",)))) == ["not enforced on eth1"]


def test_who_drops_forwarded_packets_matters_where_they_are_policed() -> None:
    foreign = ForeignReport(total=1, chains=(DOCKER,))
    assert list(problems(document(foreign=foreign))) == []
    forwards = InterfaceReport(interface="eth0", forward=Titles(listed=("default/f",)))
    assert len(list(problems(document(foreign=foreign, interfaces=(forwards,))))) == 1
