from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

import pytest
from tests.check.documents import check, endpoint, policy, policy_test

from catflap.check.policytest.formats import junit, plain_data, tap
from catflap.check.policytest.run import Result

CLOSED = {
    "from": "203.0.113.7",
    "to": "web1",
    "ports": [80],
    "expect": "deny",
    "name": "rule #1 \\ <closed>\x07",
}
OPEN = {**CLOSED, "expect": "allow", "name": "open"}


@pytest.fixture(scope="module")
def results() -> Sequence[Result]:
    return check(
        endpoint("web1", expectedIPs=["192.0.2.1"]),
        policy("p"),
        policy_test(CLOSED, OPEN, name="first"),
        policy_test(CLOSED, name="second"),
    ).results


def test_tap(results: Sequence[Result]) -> None:
    assert list(tap(results)) == [
        "TAP version 13",
        "1..3",
        "ok 1 - first: rule \\#1 \\\\ <closed>\x07",
        "not ok 2 - first: open",
        "# tcp 203.0.113.7:49152 > 192.0.2.1:80: expected allow, got deny by TIER_DEFAULT_DENY of tier default at web1",
        "ok 3 - second: rule \\#1 \\\\ <closed>\x07",
    ]


def test_junit_is_xml_whatever_the_names_are(results: Sequence[Result]) -> None:
    root = ET.fromstring(junit(results))  # noqa: S314 - our own output
    assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuites", "3", "1")
    suites = [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in root]
    assert suites == [("first", "2", "1"), ("second", "1", "0")]
    good, bad = root[0]
    assert (good.get("name"), len(good)) == ("rule #1 \\ <closed>?", 0)
    assert "expected allow, got deny" in (bad[0].get("message") or "")


def test_plain_data(results: Sequence[Result]) -> None:
    _, bad, _ = plain_data(results)
    assert bad == {
        "file": "policy.yaml",
        "line": 5,
        "document": "first",
        "test": "open",
        "passed": False,
        "packets": 1,
        "failures": [results[1].failures[0].text],
    }
