from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.check.documents import policy_test, text

from catflap.check.policytest.document import (
    AddressEnd,
    EndpointEnd,
    InterfaceEnd,
    PolicyTest,
    SelectorEnd,
    parse_tests,
)
from catflap.check.source import read_source
from catflap.model import parse_selector
from catflap.model.resources import ICMP, ICMPV6, TCP, Direction, IcmpMatch
from catflap.model.validation import InvalidObjectError
from catflap.verdict.result import Outcome

SMALLEST: dict[str, Any] = {"from": "192.0.2.1", "to": "web1", "ports": [80], "expect": "allow"}
PING = {key: value for key, value in SMALLEST.items() if key != "ports"}


def parsed(**changed: Any) -> PolicyTest:
    """The smallest test with other fields; those that are None are left out."""
    written = {key: value for key, value in {**SMALLEST, **changed}.items() if value is not None}
    (source,), _ = read_source("a.yaml", text(policy_test(written)))
    (test,) = parse_tests(source)
    return test


def reasons(**changed: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidObjectError) as error:
        parsed(**changed)
    return error.value.reasons


def test_the_smallest_test() -> None:
    test = parsed()
    assert (test.origin, test.target) == (AddressEnd("192.0.2.1"), EndpointEnd("web1"))
    assert (test.protocol, test.ports, test.icmp) == (TCP, (80,), None)
    assert (test.expect, test.by, test.direction, test.field) == (Outcome.ALLOW, None, None, "spec.tests[0]")


@pytest.mark.parametrize(
    ("written", "end"),
    [
        ("192.0.2.1/32", AddressEnd("192.0.2.1")),
        ("2001:DB8::1/128", AddressEnd("2001:db8::1")),
        ({"address": "192.0.2.1"}, AddressEnd("192.0.2.1")),
        ("web1", EndpointEnd("web1")),
        ({"endpoint": "web1", "address": "192.0.2.1"}, EndpointEnd("web1", "192.0.2.1")),
        ({"host": "h", "interface": "eth0"}, InterfaceEnd("h", "eth0")),
        ({"host": "h", "interface": "eth0", "address": "::1"}, InterfaceEnd("h", "eth0", "::1")),
        ({"selector": "has(a)"}, SelectorEnd(parse_selector("has(a)"))),
        ({"selector": "has(a)", "any": True}, SelectorEnd(parse_selector("has(a)"), any=True)),
    ],
)
def test_the_ways_to_write_an_end(written: object, end: object) -> None:
    assert parsed(to=written).target == end


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        7,
        {},
        {"host": "h"},
        {"endpoint": "a", "selector": "has(a)"},
        {"endpoint": "a", "any": True},
        {"selector": "has("},
        {"selector": "has(a)", "address": "::1"},
        {"address": "192.0.2.0/24"},
        {"selektor": "has(a)"},
    ],
)
def test_an_end_that_says_nothing_or_too_much_is_refused(written: object) -> None:
    assert all(reason.startswith("spec.tests[0].to") for reason in reasons(to=written))


@pytest.mark.parametrize(
    ("written", "icmp"),
    [
        ({"protocol": "icmp"}, IcmpMatch(8, 0)),
        ({"protocol": "ICMPv6"}, IcmpMatch(128, 0)),
        ({"protocol": "icmp", "icmp": {"type": 3, "code": 1}}, IcmpMatch(3, 1)),
        ({"protocol": "icmp", "icmp": {"type": 3}}, IcmpMatch(3, 0)),
    ],
)
def test_icmp(written: dict[str, Any], icmp: IcmpMatch) -> None:
    test = parsed(ports=None, **written)
    assert (test.protocol in (ICMP, ICMPV6), test.icmp, test.ports) == (True, icmp, (None,))


@pytest.mark.parametrize("direction", ["ingress", "Ingress"])
def test_a_direction_in_any_case(direction: str) -> None:
    assert parsed(direction=direction).direction is Direction.INGRESS


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"expect": None}, "spec.tests[0].expect: is missing; write allow or deny."),
        (
            {"expect": "alow"},
            "spec.tests[0].expect: 'alow' is none; write allow or deny. Did you mean 'allow'?",
        ),
        ({"direction": "in"}, "spec.tests[0].direction: 'in' is none; write ingress or egress."),
        ({"ports": None}, "spec.tests[0].ports: is missing; list the destination ports."),
        ({"ports": [70000]}, "spec.tests[0].ports[0]: 70000 is not a port; write a number up to 65535."),
        ({"protocol": "icmp"}, "spec.tests[0].ports: needs a protocol with ports."),
        ({"protocol": "quic"}, "spec.tests[0].protocol: 'quic' is none;"),
        ({"icmp": {"type": 8}}, "spec.tests[0].icmp: needs protocol icmp or icmpv6."),
        ({"protocol": "icmp", "ports": None, "icmp": {}}, "spec.tests[0].icmp.type: is missing."),
        (
            {"protocol": "icmp", "ports": None, "icmp": {"type": 256}},
            "spec.tests[0].icmp.type: expected a number",
        ),
        ({"form": "a"}, "spec.tests[0].form: unknown field. Did you mean 'from'?"),
    ],
)
def test_slips_are_answered_with_field_and_remedy(changed: dict[str, Any], reason: str) -> None:
    assert reasons(**changed)[0].startswith(reason)


def test_the_documented_example_is_valid() -> None:
    how_to = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "test-policy.md"
    _, _, rest = how_to.read_text().partition("```yaml\n")
    (source,), _ = read_source("a.yaml", rest.partition("```")[0].encode())
    assert len(parse_tests(source)) == 2


def test_a_document_needs_a_name_and_a_test() -> None:
    (source,), _ = read_source("a.yaml", b"{apiVersion: catflap/v1, kind: PolicyTest, spec: {tets: []}}")
    with pytest.raises(InvalidObjectError) as error:
        parse_tests(source)
    assert error.value.reasons == (
        "metadata.name: is missing.",
        "spec.tests: has no test: such a document promises nothing.",
        "spec.tets: unknown field. Did you mean 'tests'?",
    )
