from __future__ import annotations

import pytest

from catflap.cli.explanation import Explanation
from catflap.cli.notes import assumptions
from catflap.cli.world import World
from catflap.verdict.packet import Path
from catflap.verdict.result import Reason

from .worlds import (
    DENY_ALL,
    Document,
    allow,
    asked,
    content,
    document,
    endpoint,
    explained,
    policy,
    workload,
    world,
)

WEB = endpoint("web1-eth0", "web1", "eth0", "192.0.2.1", labels={"role": "web"})


def noted(explanation: Explanation, begin: str) -> str:
    (found,) = [note for note in explanation.notes if note.startswith(begin)]
    return found


def test_a_set_without_addresses_is_noted() -> None:
    rule = {"action": "Allow", "source": {"selector": "net == 'ofice'"}}
    assert 'net == "ofice"' in noted(explained(world(WEB, policy("web", rule))), "No endpoint or network set")


@pytest.mark.parametrize(
    ("documents", "text", "note"),
    [
        ((), "tcp 10.0.0.1:1 > 192.0.2.1:80", "FailsafeInboundHostPorts is tcp:22 (the default)."),
        ((), "tcp 192.0.2.1:1 > 10.0.0.1:80", "FailsafeOutboundHostPorts is tcp:2379,"),
        (
            (document("FelixConfiguration", "default", failsafeInboundHostPorts=[]),),
            "tcp 10.0.0.1:1 > 192.0.2.1:22",
            "FailsafeInboundHostPorts is none (configured for all hosts).",
        ),
    ],
)
def test_a_denied_packet_is_told_the_failsafe_ports(
    documents: tuple[Document, ...], text: str, note: str
) -> None:
    assert noted(explained(world(WEB, *documents), text), note)


def test_a_workload_that_may_not_reach_its_host_is_told_the_parameter() -> None:
    found = explained(world(WEB, workload()), "tcp 10.65.0.2:1 > 192.0.2.1:80")
    assert noted(found, "DefaultEndpointToHostAction") == "DefaultEndpointToHostAction is DROP (the default)."
    assert not [note for note in found.notes if note.startswith("Failsafe")]


def test_a_failsafe_port_is_told_what_policy_would_say() -> None:
    found = explained(world(WEB, policy("web", DENY_ALL)), "tcp 10.0.0.1:1 > 192.0.2.1:22")
    assert found.verdict.reason is Reason.FAILSAFE_ALLOW
    assert "Without that: deny, POLICY_DENY by default/web, Ingress rule 0." in noted(
        found, "A failsafe port"
    )


def test_an_interface_without_endpoint_is_told_what_there_is() -> None:
    found = explained(world(WEB), "tcp 10.0.0.1:1 > 10.0.0.2:80", interface="eth9", direction=Path.IN)
    assert found.coverage[0].endpoint is None
    assert noted(found, "Nothing polices eth9") == (
        "Nothing polices eth9. Host endpoints of web1: web1-eth0 (eth0)."
    )
    assert found.near == ()


def test_a_slip_in_the_name_of_the_host_is_suspected() -> None:
    made = world(endpoint("a", "wbe1", "eth0", "192.0.2.1"), document("Node", "web1"))
    found = explained(made, interface="eth0", direction=Path.IN)
    assert "Did you mean 'wbe1'?" in noted(found, "Host web1 has no host endpoint.")


def test_policies_that_are_not_enforced_are_noted() -> None:
    found = explained(world(WEB, policy("web", allow(80), tier="none")))
    assert "none/web" in noted(found, "Ignoring policy")


@pytest.mark.parametrize(
    ("interface", "expected"),
    [
        ("eth7", ["Assumed that eth7 carries 198.51.100.1, as public expects."]),
        (None, []),
        ("eth0", []),
    ],
)
def test_what_is_assumed_of_interfaces(interface: str | None, expected: list[str]) -> None:
    made = world(WEB, endpoint("public", "web1", None, "198.51.100.1"))
    question = asked(made, "tcp 10.0.0.1:1 > 198.51.100.1:80", interface=interface, direction=Path.IN)
    assert list(assumptions(question)) == expected


def test_that_an_interface_carries_nothing_expected_is_an_assumption() -> None:
    made = world(WEB, endpoint("public", "web1", None, "198.51.100.1"))
    found = explained(made, "tcp 10.0.0.1:1 > 203.0.113.5:80", interface="eth7", direction=Path.IN)
    assert noted(found, "Assumed that eth7 carries no address that public expects.").endswith(
        "--assume-interfaces eth7=198.51.100.1"
    )
    known = World(content(WEB), interfaces={"eth7": frozenset()})
    question = asked(known, interface="eth7", direction=Path.IN)
    assert list(assumptions(question)) == []


def test_a_workload_interface_without_endpoint_is_told_as_such() -> None:
    found = explained(world(WEB), "tcp 10.0.0.1:1 > 192.0.2.1:80", interface="cali9", direction=Path.IN)
    assert found.verdict.reason is Reason.UNKNOWN_WORKLOAD
    assert noted(found, "cali9 is a workload's by its name (InterfacePrefix cali)")


def test_where_all_interfaces_are_known_nothing_is_assumed() -> None:
    node = document("Node", "web1", interfaces=[{"name": "eth3", "addresses": ["203.0.113.1"]}])
    made = world(WEB, node, endpoint("public", "web1", None, "198.51.100.1"))
    found = explained(made, "tcp 10.0.0.1:1 > 198.51.100.1:80", interface="eth7", direction=Path.IN)
    assert found.verdict.reason is Reason.NO_ENDPOINT
    assert not [note for note in found.notes if note.startswith("Assumed")]
