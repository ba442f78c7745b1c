from __future__ import annotations

from typing import Any

import pytest
from tests.check.documents import Document, check, document, endpoint, fields, found


def profile(name: str, **labels: str) -> Document:
    return document("Profile", name, {"labelsToApply": labels})


def test_a_missing_profile_comes_with_the_closest_one() -> None:
    (finding,) = check(profile("webserver"), endpoint(profiles=["webserver", "websrver"])).findings
    assert (finding.code, finding.field) == ("missing-profile", "spec.profiles[1]")
    assert "Did you mean 'webserver'?" in finding.message


def test_the_built_in_profile_is_not_missing() -> None:
    assert check(endpoint(profiles=["projectcalico-default-allow"])).findings == ()


def test_two_values_of_one_label() -> None:
    (finding,) = check(profile("a", role="x"), profile("b", role="y"), endpoint(profiles=["a", "b"])).findings
    assert (finding.code, finding.field) == ("conflicting-labels", "spec.profiles[1]")
    assert "profile b says role is 'y', and profile a, which comes first and wins, 'x'" in finding.message


@pytest.mark.parametrize(("labels", "second"), [({"role": "own"}, "y"), ({}, "x")])
def test_no_conflict_where_the_endpoint_decides_or_both_agree(labels: dict[str, str], second: str) -> None:
    profiles = [profile("a", role="x"), profile("b", role=second)]
    assert check(*profiles, endpoint("web1", labels, profiles=["a", "b"])).findings == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"interfaceName": "eth0"}, {"interfaceName": "eth0"}),
        ({"interfaceName": "eth*"}, {"interfaceName": "eth*"}),
        (
            {"interfaceName": None, "expectedIPs": ["192.0.2.1"]},
            {"interfaceName": None, "expectedIPs": ["192.0.2.1"]},
        ),
    ],
)
def test_two_endpoints_for_one_interface(first: dict[str, Any], second: dict[str, Any]) -> None:
    (finding,) = found(
        "interface-claimed-twice", endpoint("b", node="h", **first), endpoint("a", node="h", **second)
    )
    assert (finding.name, finding.line) == ("b", 1)
    assert "belongs to a (policy.yaml:3) already" in finding.message


@pytest.mark.parametrize(
    "second",
    [
        {"node": "other", "interfaceName": "eth0"},
        {"node": "h", "interfaceName": "eth1"},
        {"node": "h", "interfaceName": "eth*"},  # an exact name beats a pattern
        {"node": "h", "interfaceName": None, "expectedIPs": ["192.0.2.1"]},
    ],
)
def test_endpoints_that_do_not_meet(second: dict[str, Any]) -> None:
    assert fields("interface-claimed-twice", endpoint("a", node="h"), endpoint("b", **second)) == []


def test_endpoints_with_the_same_node_selector_meet() -> None:
    both = [
        document("HostEndpoint", name, {"nodeSelector": "has(rack)", "interfaceName": "eth0"})
        for name in ("a", "b")
    ]
    assert fields("interface-claimed-twice", *both) == ["spec.interfaceName"]
