from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from catflap.model.resources import Policy, ResourceKey
from catflap.model.selector import parse_selector
from catflap.policy.applicable import ApplicablePolicies

from .conftest import endpoint_key, policy_key

A, B = endpoint_key("a"), endpoint_key("b")
P, Q = policy_key("p"), policy_key("q")


def policy(selector: str, order: float = 0) -> Policy:
    return Policy("p", "default", parse_selector(selector), order)


def table() -> ApplicablePolicies:
    result = ApplicablePolicies()
    result.set_endpoint(A, {"role": "web"})
    result.set_endpoint(B, {"role": "db"})
    return result


def test_a_policy_applies_where_its_selector_matches() -> None:
    policies = table()
    web = policy('role == "web"')
    assert policies.set_policy(P, web) == {A}
    assert list(policies.to(A)) == [(P, web)]
    assert list(policies.to(B)) == []
    assert list(policies.to(endpoint_key("elsewhere"))) == []


def test_a_changed_selector_concerns_both_sides() -> None:
    policies = table()
    policies.set_policy(P, policy('role == "web"'))
    assert policies.set_policy(P, policy('role == "db"')) == {A, B}
    assert list(policies.to(A)) == []
    assert [key for key, _ in policies.to(B)] == [P]


def test_a_policy_changed_otherwise_is_given_out_changed() -> None:
    policies = table()
    policies.set_policy(P, policy("all()"))
    assert policies.set_policy(P, policy("all()", 5)) == {A, B}
    assert list(policies.to(A)) == [(P, policy("all()", 5))]


def test_policies_with_one_selector_do_not_depend_on_each_other() -> None:
    policies = table()
    policies.set_policy(P, policy("all()"))
    policies.set_policy(Q, policy("all()"))
    assert policies.set_policy(P, None) == {A, B}
    assert [key for key, _ in policies.to(A)] == [Q]
    policies.set_policy(Q, None)
    assert list(policies.to(A)) == []
    assert policies.policies == {}


def test_a_policy_that_applies_nowhere_concerns_nobody() -> None:
    policies = table()
    assert policies.set_policy(P, policy("has(x)")) == set()
    assert policies.set_policy(P, None) == set()
    assert policies.set_policy(P, None) == set()


def test_changed_labels_change_what_applies() -> None:
    policies = table()
    policies.set_policy(P, policy('role == "web"'))
    assert not policies.set_endpoint(A, {"role": "web", "other": "x"})
    assert policies.set_endpoint(A, {"role": "db"})
    assert list(policies.to(A)) == []
    assert policies.set_endpoint(A, {"role": "web"})
    assert [key for key, _ in policies.to(A)] == [P]


def test_a_removed_endpoint_begins_anew_when_it_comes_back() -> None:
    policies = table()
    policies.set_policy(P, policy('role == "web"'))
    policies.remove_endpoint(A)
    assert list(policies.to(A)) == []
    assert policies.set_policy(P, policy('role == "web"', 1)) == set()
    assert policies.set_endpoint(A, {"role": "web"})
    assert [key for key, _ in policies.to(A)] == [P]


LABELS = st.none() | st.sampled_from([{}, {"role": "web"}, {"role": "db"}])
POLICIES = st.none() | st.builds(
    policy, st.sampled_from(["all()", 'role == "web"', "has(role)"]), st.sampled_from([0, 1])
)
STEPS = st.lists(
    st.tuples(st.sampled_from([A, B]), LABELS) | st.tuples(st.sampled_from([P, Q]), POLICIES), max_size=15
)


@given(steps=STEPS)
def test_what_applies_is_what_trying_all_selectors_gives(
    steps: list[tuple[ResourceKey, Policy | dict[str, str] | None]],
) -> None:
    policies, labels = ApplicablePolicies(), dict[ResourceKey, dict[str, str]]()
    for key, value in steps:
        before = {endpoint: dict(policies.to(endpoint)) for endpoint in (A, B)}
        if key in {P, Q}:
            assert not isinstance(value, dict)
            concerned = policies.set_policy(key, value)
            unconcerned = {A, B} - concerned
            assert all(dict(policies.to(other)) == before[other] for other in unconcerned)
        elif isinstance(value, dict):
            labels[key] = value
            changed = policies.set_endpoint(key, value)
            assert changed or dict(policies.to(key)).keys() == before[key].keys()
        else:
            labels.pop(key, None)
            policies.remove_endpoint(key)
        for endpoint in (A, B):
            assert dict(policies.to(endpoint)) == {
                policy_key: item
                for policy_key, item in policies.policies.items()
                if endpoint in labels and item.selector.matches(labels[endpoint])
            }
