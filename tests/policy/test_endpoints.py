from __future__ import annotations

import pytest

from catflap.model.resources import (
    TCP,
    Encoding,
    EndpointPort,
    HostEndpoint,
    Kind,
    NetworkSet,
    ProfileLabels,
    ProfileTags,
    ResourceKey,
    WorkloadEndpoint,
)
from catflap.model.selector import parse_selector
from catflap.policy.criteria import PortCriterion, without_markers
from catflap.policy.endpoints import EndpointTable, Labelled, addresses_of, describe, ports_of
from catflap.policy.profiles import ProfileTable

from .conftest import endpoint_key, network_set_key, workload_key

KEY = endpoint_key("eth0")
HTTP = EndpointPort("http", TCP, 80)
ENDPOINT = HostEndpoint("eth0", "web1", ("eth0",), ("192.0.2.1",), {"role": "web"}, ("first", "second"))
WORKLOAD = WorkloadEndpoint("eth0", "web1", "cali0", addresses=("192.0.2.2",), ports=(HTTP,))


@pytest.fixture
def table() -> EndpointTable:
    result = EndpointTable(ProfileTable())
    result.set(KEY, ENDPOINT)
    return result


def test_own_labels_win_over_inherited_ones() -> None:
    profiles = ProfileTable()
    profiles.set_labels(
        ResourceKey(Kind.PROFILE_LABELS, "first"), ProfileLabels("first", {"role": "db", "env": "prod"})
    )
    assert EndpointTable(profiles).labels(ENDPOINT) == {"role": "web", "env": "prod"}


def test_named_ports_stand_beside_the_labels(table: EndpointTable) -> None:
    labels = table.labels(WORKLOAD)
    assert PortCriterion(("http",), TCP).matches(labels)
    assert without_markers(labels) == {}


def test_endpoints_are_found_by_profile_and_host_until_they_go(table: EndpointTable) -> None:
    assert list(table.with_profile("second")) == [KEY]
    assert table.of_node("web1") == {KEY: ENDPOINT}
    assert table.set(KEY, None) == ENDPOINT
    assert list(table.with_profile("second")) == []
    assert table.of_node("web1") == {}
    assert table.get(KEY) is None


def test_a_changed_endpoint_leaves_its_old_host_and_profiles(table: EndpointTable) -> None:
    moved = HostEndpoint("eth0", "db1", profiles=("third", "third"))
    assert table.set(KEY, moved) == ENDPOINT
    assert table.of_node("web1") == {}
    assert table.of_node("db1") == {KEY: moved}
    assert list(table.with_profile("first")) == []
    assert list(table.with_profile("third")) == [KEY]
    table.set(KEY, None)
    assert list(table.with_profile("third")) == []


def test_endpoints_of_one_host_only_and_templates_apart(table: EndpointTable) -> None:
    template = HostEndpoint("all", None, ("*",), node_selector=parse_selector("all()"))
    template_key = ResourceKey(Kind.HOST_ENDPOINT, "all", encoding=Encoding.V3)
    table.set(template_key, template)
    table.set(endpoint_key("eth0", "db1"), HostEndpoint("eth0", "db1"))
    table.set(workload_key("eth0"), WORKLOAD)
    assert table.of_node("web1") == {KEY: ENDPOINT, workload_key("eth0"): WORKLOAD}
    assert table.of_node(None) == {template_key: template}


def test_network_sets_inherit_labels_but_no_tags() -> None:
    profiles = ProfileTable()
    profiles.set_labels(
        ResourceKey(Kind.PROFILE_LABELS, "kns.a"), ProfileLabels("kns.a", {"role": "db", "pcns.team": "x"})
    )
    profiles.set_tags(ResourceKey(Kind.PROFILE_TAGS, "kns.a"), ProfileTags("kns.a", frozenset({"t"})))
    table = EndpointTable(profiles)
    partners = NetworkSet("partners", (), {"role": "partner"}, profiles=("kns.a",))
    table.set(network_set_key("partners"), partners)
    assert table.labels(partners) == {"role": "partner", "pcns.team": "x"}
    assert list(table.with_profile("kns.a")) == [network_set_key("partners")]
    table.set(network_set_key("partners"), None)
    assert list(table.with_profile("kns.a")) == []


def test_network_sets_have_neither_host_nor_ports(table: EndpointTable) -> None:
    partners = NetworkSet("partners", ("10.0.0.0/8",), {"role": "partner"})
    table.set(network_set_key("partners"), partners)
    assert table.get(network_set_key("partners")) == partners
    assert table.labels(partners) == {"role": "partner"}
    assert table.of_node(None) == {}
    assert ports_of(partners) == ()


@pytest.mark.parametrize(
    ("labelled", "addresses"),
    [
        (ENDPOINT, ("192.0.2.1",)),
        (
            HostEndpoint("a", "h", expected_ips=("192.0.2.1", "2001:db8::1", "192.0.2.1")),
            ("192.0.2.1", "2001:db8::1"),
        ),
        (WORKLOAD, ("192.0.2.2",)),
        (WorkloadEndpoint("a", "h", "cali0", active=False, addresses=("192.0.2.3",)), ("192.0.2.3",)),
        (
            NetworkSet("n", ("10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32", "2001:db8::1/128")),
            ("10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "2001:db8::1"),
        ),
    ],
)
def test_addresses_are_those_that_sets_hold_each_once(labelled: Labelled, addresses: tuple[str, ...]) -> None:
    assert addresses_of(labelled) == addresses


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (KEY, "host endpoint web1/eth0"),
        (ResourceKey(Kind.HOST_ENDPOINT, "web1-eth0", encoding=Encoding.V3), "host endpoint web1-eth0"),
        (workload_key("eth0"), "workload endpoint web1/o/w/eth0"),
        (network_set_key("partners"), "network set partners"),
    ],
)
def test_objects_are_described_as_people_say(key: ResourceKey, words: str) -> None:
    assert describe(key) == words
