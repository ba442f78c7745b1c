from __future__ import annotations

from catflap.cli.hosts import Resources
from catflap.cli.world import World
from catflap.model import HostEndpoint
from catflap.model.resources import Tier

from .worlds import content, document, endpoint, policed, policy, world


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


def test_an_interface_that_is_known_carries_nothing_else() -> None:
    made = World(content(endpoint("a", "web1", None, "192.0.2.1")), interfaces={"eth7": frozenset()})
    assert policed(made, "web1", "eth7", "192.0.2.1") == {}


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


def test_one_engine_speaks_for_the_host_that_was_asked_last() -> None:
    made = world(endpoint("a", "web1", "eth0"), endpoint("b", "db1", "eth1"))
    assert policed(made, "web1") == {"eth0": "a"}
    assert policed(made, "db1") == {"eth1": "b"}
    assert made.host("db1").engine is made.host("web1").engine
    assert made.host("db1").engine.interface_candidates("eth0").winner is None
    assert policed(made, "web1") == {"eth0": "a"}


def test_resources_by_their_class() -> None:
    items = world(endpoint("a", "web1", "eth0"), policy("p")).resources.items
    found = Resources(items)
    assert [item.name for item in found.of(HostEndpoint).values()] == ["a"]
    assert found.of(Tier) == {}
