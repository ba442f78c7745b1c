from __future__ import annotations

import itertools

import pytest
from tests.policy.conftest import World, endpoint_key, policy_key

from catflap.agent.document import InterfaceReport, Titles
from catflap.agent.in_force import InForce
from catflap.agent.shared_engine import Decision
from catflap.model import Action, Rule
from catflap.nft import Enforced, Refused, UnsupportedInterface

LINKS = ("eth0", "eth1", "lo", "cali1")


class Rig:
    """An engine, and what learns of its policies being in force; the clock goes on by one with each look."""

    def __init__(self) -> None:
        self.world = World()
        ticks = itertools.count(1)
        self.in_force = InForce(lambda: f"t{next(ticks)}")
        self.revision = 0

    def enforce(self, *refused: Refused, unsupported: tuple[UnsupportedInterface, ...] = ()) -> None:
        self.revision += 1
        engine = self.world.engine
        policy = engine.host_policy()
        decision = Decision(policy, engine.notices, self.revision, engine.local_endpoints, 9)
        self.in_force.take(decision, Enforced(1, 0.0, unsupported, refused))

    def report(self, interface: str) -> InterfaceReport:
        (found,) = (each for each in self.in_force.reports(LINKS) if each.interface == interface)
        return found


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_nothing_at_first(rig: Rig) -> None:
    assert (rig.in_force.revision, rig.in_force.since, rig.in_force.entries) == (None, None, None)
    assert list(rig.in_force.reports(LINKS)) == []


def test_policies_are_listed_in_their_order(rig: Rig) -> None:
    rig.world.endpoint("e0", interface="eth0", profiles=("gone",))
    rig.world.policy("last", order=20.0)
    rig.world.policy("first", order=10.0)
    rig.enforce()
    assert rig.report("eth0") == InterfaceReport(
        interface="eth0",
        endpoint="host endpoint web1/e0",
        revision=1,
        since="t1",
        ingress=Titles(listed=("default/first", "default/last")),
        egress=Titles(listed=("default/first", "default/last")),
        profiles=Titles(listed=("gone (does not exist)",)),
    )
    assert (rig.in_force.revision, rig.in_force.entries) == (1, 9)


def test_since_is_when_the_interfaces_own_policy_came(rig: Rig) -> None:
    rig.world.endpoint("e0", interface="eth0", labels={"a": "0"})
    rig.world.endpoint("e1", interface="eth1", labels={"a": "1"})
    rig.world.policy("p0", 'a == "0"')
    rig.enforce()
    rig.world.policy("p1", 'a == "1"')
    rig.enforce()
    assert [rig.report(name).revision for name in ("eth0", "eth1")] == [1, 2]
    rig.world.policy("p0", 'a == "0"', ingress=(Rule(Action.ALLOW),))
    rig.enforce()
    assert [rig.report(name).revision for name in ("eth0", "eth1")] == [3, 2]
    rig.enforce()
    assert rig.report("eth0").revision == 3
    assert rig.in_force.revision == 4


def test_members_of_sets_are_no_policy(rig: Rig) -> None:
    rig.world.endpoint("e0", interface="eth0")
    rig.world.policy("p", ingress=(Rule(Action.ALLOW),))
    rig.enforce()
    rig.world.network_set("n", "10.0.0.0/8")
    rig.enforce()
    assert rig.report("eth0").revision == 1


def test_what_is_refused_keeps_its_old_date_and_comes_first(rig: Rig) -> None:
    rig.world.endpoint("e0", interface="eth0")
    rig.world.endpoint("e1", interface="eth1")
    rig.enforce()
    rig.world.policy("p")
    rig.enforce(Refused("set x", "Too many", ("eth1",), kept=True))
    first, second = rig.in_force.reports(LINKS)
    assert (first.interface, first.state, first.revision) == ("eth1", "kept", 1)
    assert first.reason == "nf_tables refuses set x: Too many"
    assert (second.interface, second.state, second.revision) == ("eth0", "enforced", 2)
    assert rig.in_force.fails("eth1")
    rig.enforce()
    assert (rig.report("eth1").state, rig.report("eth1").revision) == ("enforced", 3)
    assert not rig.in_force.fails("eth1")


def test_what_is_closed_and_what_cannot_be_policed(rig: Rig) -> None:
    rig.world.endpoint("e0", interface="eth0")
    rig.world.endpoint("e1", interface="eth1")
    rig.enforce(
        Refused("set x", "Too many", ("eth0",), kept=False),
        unsupported=(UnsupportedInterface("eth1", "odd"),),
    )
    assert rig.report("eth0").state == "closed"
    assert (rig.report("eth1").state, rig.report("eth1").reason) == ("not policed", "odd")


def test_patterns_tell_what_they_stand_for(rig: Rig) -> None:
    rig.world.endpoint("e0", interface="eth0")
    rig.world.endpoint("some", interface="eth*")
    rig.world.endpoint("any", interface="*")
    rig.enforce()
    assert rig.report("eth*").covers == ("eth1",)
    assert rig.in_force.covered("*", ["eth0", "eth1", "wlan0", "lo", "cali1"]) == ["wlan0"]
    assert rig.report("eth0").covers == ()


def test_endpoints_without_an_interface(rig: Rig) -> None:
    rig.world.endpoint("e0", interface="eth0")
    rig.world.endpoint("also", interface="eth0")
    rig.world.endpoint("away", interface="eth7")
    rig.enforce()
    assert list(rig.in_force.without_interface(LINKS)) == [
        "host endpoint web1/away",
        "host endpoint web1/e0",
    ]
    assert rig.report("eth7").state == "absent"
    assert rig.in_force.interfaces_by_endpoint() == {
        endpoint_key("also"): ["eth0"],
        endpoint_key("away"): ["eth7"],
    }


def test_a_policy_that_goes_changes_the_date(rig: Rig) -> None:
    rig.world.endpoint("e0", interface="eth0")
    rig.world.policy("p")
    rig.enforce()
    rig.world.remove(policy_key("p"))
    rig.enforce()
    assert rig.report("eth0").revision == 2
    assert rig.report("eth0").ingress == Titles()


def test_many_are_cut_with_their_number(rig: Rig) -> None:
    rig.world.engine.set_interfaces({f"eth{number}": set() for number in range(60)})
    for number in range(60):
        rig.world.endpoint(f"e{number}", interface=f"eth{number}")
        rig.world.policy(f"p{number}")
    rig.enforce()
    found = list(rig.in_force.reports(LINKS))
    assert (len(found), rig.in_force.total) == (50, 60)
    assert (len(found[0].ingress.listed), found[0].ingress.more) == (20, 40)
