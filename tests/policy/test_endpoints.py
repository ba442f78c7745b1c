from __future__ import annotations

from catflap.model.resources import HostEndpoint, Kind, ProfileLabels, ProfileTags, ResourceKey
from catflap.policy.endpoints import EndpointTable, TagCriterion

KEY = ResourceKey(Kind.HOST_ENDPOINT, "eth0", scope="web1")
ENDPOINT = HostEndpoint("eth0", "web1", "eth0", labels={"role": "web"}, profiles=("first", "second"))


def labels_key(name: str) -> ResourceKey:
    return ResourceKey(Kind.PROFILE_LABELS, name)


def table(**labels: dict[str, str]) -> EndpointTable:
    result = EndpointTable()
    result.set_endpoint(KEY, ENDPOINT)
    for name, values in labels.items():
        result.set_profile_labels(labels_key(name), ProfileLabels(name, values))
    return result


def test_own_labels_win_over_inherited_ones() -> None:
    endpoints = table(first={"role": "db", "env": "prod"})
    assert endpoints.effective_labels(ENDPOINT) == {"role": "web", "env": "prod"}


def test_of_two_profiles_the_first_in_the_list_wins() -> None:
    endpoints = table(first={"env": "prod"}, second={"env": "dev", "zone": "a"})
    assert endpoints.effective_labels(ENDPOINT) == {"role": "web", "env": "prod", "zone": "a"}


def test_a_changed_profile_names_the_endpoints_that_list_it() -> None:
    endpoints = table()
    assert list(endpoints.set_profile_labels(labels_key("second"), ProfileLabels("second", {}))) == [KEY]
    assert list(endpoints.set_profile_labels(labels_key("third"), ProfileLabels("third", {}))) == []


def test_a_removed_endpoint_uses_its_profiles_no_longer() -> None:
    endpoints = table()
    endpoints.set_endpoint(KEY, None)
    assert list(endpoints.set_profile_labels(labels_key("first"), None)) == []
    assert endpoints.of_node("web1") == {}


def test_a_tag_comes_from_any_profile() -> None:
    endpoints = table()
    endpoints.set_profile_tags(
        ResourceKey(Kind.PROFILE_TAGS, "second"), ProfileTags("second", frozenset({"trusted"}))
    )
    labels = endpoints.effective_labels(ENDPOINT)
    assert TagCriterion("trusted").matches(labels)
    assert not TagCriterion("other").matches(labels)


def test_tags_and_labels_are_separate_namespaces() -> None:
    endpoints = table(first={"trusted": "yes"})
    assert not TagCriterion("trusted").matches(endpoints.effective_labels(ENDPOINT))


def test_endpoints_of_one_host_only() -> None:
    endpoints = table()
    endpoints.set_endpoint(
        ResourceKey(Kind.HOST_ENDPOINT, "eth0", scope="db1"), HostEndpoint("eth0", "db1", "eth0")
    )
    assert endpoints.of_node("web1") == {KEY: ENDPOINT}
