from __future__ import annotations

import json
from typing import Any

import pytest

from catflap.agent.config import environment_source
from catflap.cli.world import Here, World
from catflap.model import Policy
from catflap.model.resources import PortRange
from catflap.policy.host_policy import FailsafePort

from .worlds import Document, content, document, endpoint, policed, policy, world

SSH = (FailsafePort(6, PortRange(22, 22)),)
HTTP = (FailsafePort(6, PortRange(80, 80)),)


def configuration(name: str, **values: Any) -> Document:
    return document("FelixConfiguration", name, **values)


def test_every_object_that_names_a_host_makes_it_known() -> None:
    made = world(
        endpoint("a", "host-a", "eth0"),
        document("Node", "host-b"),
        configuration("node.host-c", interfacePrefix="tap"),
        configuration("default", interfacePrefix="tap"),
    )
    assert made.hosts == ["host-a", "host-b", "host-c"]
    assert made.only_host is None
    assert world(endpoint("a", "host-a", "eth0")).only_host == "host-a"


def test_configuration_of_the_store_is_applied_as_the_agent_does() -> None:
    everywhere = configuration("default", failsafeInboundHostPorts=[], interfacePrefix="tap")
    here = configuration("node.web1", failsafeInboundHostPorts=[{"protocol": "TCP", "port": 80}])
    made = world(everywhere, here, endpoint("a", "web1", "eth0"))
    assert made.host("web1").policy().failsafe.inbound == HTTP
    assert made.host("web1").policy().workload_prefixes == ("tap",)
    assert made.host("web2").policy().failsafe.inbound == ()
    assert world(endpoint("a", "web1", "eth0")).host("web1").policy().failsafe.inbound == SSH


def test_a_bad_parameter_is_a_note() -> None:
    made = world(
        configuration("default", failsafeInboundHostPorts=[{"port": 0}]), endpoint("a", "web1", "eth0")
    )
    (note,) = made.host("web1").notes
    assert note.startswith("Bad configuration value, it is ignored: out-of-range port 0")


def test_invalid_objects_are_described_with_their_place() -> None:
    made = world(endpoint("a", "web1", "eth0"), policy("bad", selector="rol = x"))
    (problem,) = made.problems
    described = made.describe(problem)
    assert described.startswith("/calico/resources/v3/projectcalico.org/globalnetworkpolicies/bad: ")
    assert "spec.selector" in described
    assert not made.resources.of(Policy)


def test_an_unknown_host_is_noted_with_what_may_be_meant() -> None:
    made = world(endpoint("a", "web1", "eth0"))
    assert made.host("webl").notes == ("No object of the test names the host webl. Did you mean 'web1'?",)


def test_a_store_that_is_not_ready_is_noted() -> None:
    made = World(content(endpoint("a", "web1", "eth0"), ready=False))
    (note,) = made.host("web1").notes
    assert note.startswith("Agents do not act on the test yet: /calico/v1/Ready is not set")


@pytest.mark.parametrize(
    "made",
    [
        world(
            endpoint("a", "web1", None, "192.0.2.1"),
            document("Node", "web1", interfaces=[{"name": "eth3", "addresses": ["192.0.2.1"]}]),
        ),
        World(
            content(endpoint("a", "web1", None, "192.0.2.1")),
            interfaces={"eth3": frozenset({"192.0.2.1"}), "eth7": frozenset()},
        ),
    ],
    ids=["from the Node object", "from the command line"],
)
def test_known_interfaces_leave_nothing_to_assume(made: World) -> None:
    assert policed(made, "web1") == {"eth3": "a"}
    assert made.host("web1").unplaced == []
    assert "eth3" in made.host("web1").interfaces


def test_this_host_is_known_with_its_configuration() -> None:
    sources = (environment_source({"FELIX_FELIXHOSTNAME": "here", "FELIX_FAILSAFEINBOUNDHOSTPORTS": "80"}),)
    here = Here("here", sources, {"eth3": frozenset({"192.0.2.1"})})
    made = World(content(endpoint("a", "here", None, "192.0.2.1"), endpoint("b", "web1", "eth0")), here)
    assert (made.only_host, made.hosts) == ("here", ["here", "web1"])
    assert policed(made, "here") == {"eth3": "a"}
    assert made.host("here").policy().failsafe.inbound == HTTP
    assert made.host("web1").policy().failsafe.inbound == SSH


def test_v1_and_v3_stand_side_by_side() -> None:
    stored = content(endpoint("a", "web1", "eth0"))
    v1 = {"/calico/v1/host/web1/endpoint/eth1": json.dumps({"name": "eth1", "profile_ids": []}).encode()}
    made = World(type(stored)("the test", {**stored.entries, **v1}))
    assert policed(made, "web1") == {"eth0": "a", "eth1": "eth1"}
