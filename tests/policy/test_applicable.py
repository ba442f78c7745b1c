from __future__ import annotations

from catflap.model.resources import Policy
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
