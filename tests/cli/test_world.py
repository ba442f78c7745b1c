from __future__ import annotations

import json
from typing import Any

import pytest

from catflap.agent.config import environment_source
from catflap.cli.world import Here, World
from catflap.model import Kind
from catflap.model.resources import PortRange
from catflap.policy.host_policy import FailsafePort

from .documents import Document, content, document, endpoint, policy, world

SSH = (FailsafePort(6, PortRange(22, 22)),)
HTTP = (FailsafePort(6, PortRange(80, 80)),)


def configuration(name: str, **values: Any) -> Document:
    return document("FelixConfiguration", name, **values)


def policed(world: World, host: str, *assumed: str) -> dict[str, str]:
    return {item.interface: item.endpoint.name for item in world.host(host).policy(*assumed).interfaces}


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
    assert [key.kind for key in made.resources].count(Kind.POLICY) == 0


def test_an_unknown_host_is_noted_with_what_may_be_meant() -> None:
    made = world(endpoint("a", "web1", "eth0"))
    assert made.host("webl").notes == ("No object of the test names the host webl. Did you mean 'web1'?",)


def test_a_store_that_is_not_ready_is_noted() -> None:
    made = World(content(endpoint("a", "web1", "eth0"), ready=False))
    (note,) = made.host("web1").notes
    assert note.startswith("Agents do not act on the test yet: /calico/v1/Ready is not set")


def test_named_interfaces_are_policed_without_knowing_them() -> None:
    made = world(endpoint("a", "web1", "eth0", "192.0.2.1"))
    assert policed(made, "web1") == {"eth0": "a"}
    assert made.host("web1").addresses == {"eth0": frozenset({"192.0.2.1"})}
    assert made.host("web1").engine.notices == ()


def test_an_expected_address_is_assumed_at_the_interface_of_a_packet() -> None:
    made = world(endpoint("a", "web1", None, "192.0.2.1"))
    host = made.host("web1")
    assert policed(made, "web1") == {}
    assert policed(made, "web1", "eth7", "192.0.2.1") == {"eth7": "a"}
    assert policed(made, "web1", "eth7", "192.0.2.9") == {}
    assert [item.name for item in host.unplaced] == ["a"]


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


def test_an_interface_that_is_known_carries_nothing_else() -> None:
    made = World(content(endpoint("a", "web1", None, "192.0.2.1")), interfaces={"eth7": frozenset()})
    assert policed(made, "web1", "eth7", "192.0.2.1") == {}


def test_this_host_is_known_with_its_configuration() -> None:
    sources = (environment_source({"FELIX_FELIXHOSTNAME": "here", "FELIX_FAILSAFEINBOUNDHOSTPORTS": "80"}),)
    here = Here(sources, {"eth3": frozenset({"192.0.2.1"})})
    made = World(content(endpoint("a", "here", None, "192.0.2.1"), endpoint("b", "web1", "eth0")), here)
    assert (made.only_host, made.hosts) == ("here", ["here", "web1"])
    assert policed(made, "here") == {"eth3": "a"}
    assert made.host("here").policy().failsafe.inbound == HTTP
    assert made.host("web1").policy().failsafe.inbound == SSH


def test_endpoints_of_a_node_selector_are_the_hosts_own() -> None:
    selecting = document("HostEndpoint", "all-web", nodeSelector="role == 'web'", interfaceName="eth0")
    made = world(
        selecting, document("Node", "web1", {"role": "web"}), document("Node", "db1", {"role": "db"})
    )
    assert policed(made, "web1") == {"eth0": "all-web"}
    assert [item.name for item in made.host("web1").endpoints.values()] == ["all-web"]
    assert not made.host("db1").endpoints


def test_names_and_patterns_cover_an_interface_and_the_asterisk_does_not() -> None:
    made = world(
        endpoint("a", "web1", "eth0"),
        document("HostEndpoint", "b", node="web1", interfaceName="bond*"),
        document("HostEndpoint", "c", node="web1", interfaceName="*"),
    )
    named = [made.host("web1").names(name) for name in ("eth0", "eth1", "bond0", "bond", "other")]
    assert named == [True, False, True, True, False]


def test_another_engine_gives_the_same_and_changes_nothing() -> None:
    made = world(endpoint("a", "web1", None, "192.0.2.1"), policy("p", {"action": "Allow"}))
    host = made.host("web1")
    current = host.policy("eth7", "192.0.2.1")
    assert host.another_engine().host_policy() == current


def test_labels_of_an_endpoint_without_those_of_its_profiles() -> None:
    made = world(
        endpoint("a", "web1", "eth0", labels={"role": "web"}, profiles=["p"]),
        document("Profile", "p", labelsToApply={"env": "prod"}),
    )
    host = made.host("web1")
    (key,) = host.endpoints
    assert host.own_labels(key) == {"role": "web"}
    assert host.engine.effective_labels(key) == {"role": "web", "env": "prod"}


def test_v1_and_v3_stand_side_by_side() -> None:
    stored = content(endpoint("a", "web1", "eth0"))
    v1 = {"/calico/v1/host/web1/endpoint/eth1": json.dumps({"name": "eth1", "profile_ids": []}).encode()}
    made = World(type(stored)("the test", {**stored.entries, **v1}))
    assert policed(made, "web1") == {"eth0": "a", "eth1": "eth1"}
