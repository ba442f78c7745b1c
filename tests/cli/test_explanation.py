from __future__ import annotations

import json
from typing import Any

import pytest

from catflap.cli.explanation import MOST_NEAR, Explanation, as_data, assumptions, explain, headline
from catflap.cli.packets import read_text
from catflap.cli.questions import Asker, Defaults
from catflap.cli.world import World
from catflap.verdict.packet import Path
from catflap.verdict.result import Outcome, Reason

from .documents import DENY_ALL, Document, allow, content, document, endpoint, policy, world

WEB = endpoint("web1-eth0", "web1", "eth0", "192.0.2.1", labels={"role": "web"})
TO_WEB = "tcp 10.0.0.1:4242 > 192.0.2.1:80"


def explained(made: World, text: str = TO_WEB, **defaults: Any) -> Explanation:
    question = Asker(made, Defaults(host="web1", **defaults)).question(read_text(text))
    return explain(made, question)


def noted(explanation: Explanation, begin: str) -> str:
    (found,) = [note for note in explanation.notes if note.startswith(begin)]
    return found


def test_the_verdict_has_its_trace() -> None:
    found = explained(world(WEB, policy("web", allow(80))))
    assert (found.verdict.outcome, found.verdict.reason) == (Outcome.ALLOW, Reason.POLICY_ALLOW)
    assert found.verdict.trace
    assert noted(found, "Allow is not final")


def test_who_polices_the_interface_and_who_would() -> None:
    made = world(
        endpoint("web1-eth0", "web1", "eth0", "192.0.2.1", labels={"role": "web"}, profiles=["p"]),
        endpoint("web1-other", "web1", None, "192.0.2.1"),
        document("Profile", "p", labelsToApply={"env": "prod", "role": "db"}),
    )
    (covering,) = explained(made).coverage
    assert covering.endpoint is not None
    assert (covering.interface, covering.endpoint.name) == ("eth0", "web1-eth0")
    assert covering.because == "host endpoint web1-eth0, which names eth0"
    assert covering.others == ("host endpoint web1-other, which expects 192.0.2.1 there",)
    assert dict(covering.labels) == {"env": "prod", "role": "web"}
    assert covering.inherited == ("env",)


def test_a_workload_polices_its_own_interface() -> None:
    workload = document(
        "WorkloadEndpoint",
        "web1-k8s-pod-eth0",
        {"app": "x"},
        node="web1",
        orchestrator="k8s",
        pod="pod",
        endpoint="eth0",
        interfaceName="cali1",
        ipNetworks=["10.65.0.2/32"],
    )
    made = world(WEB, workload)
    found = explained(made, "tcp 10.65.0.2:1 > 10.0.0.1:80", direction=Path.FORWARD, out_interface="eth0")
    assert [item.interface for item in found.coverage] == ["cali1", "eth0"]
    assert found.coverage[0].labels["app"] == "x"
    assert "whose interface it is" in found.coverage[0].because


def test_an_address_in_a_set_is_told_with_the_object_that_put_it_there() -> None:
    office = document("GlobalNetworkSet", "office", {"net": "office"}, nets=["10.0.0.0/8"])
    rule = {"action": "Allow", "source": {"selector": "net == 'office'"}}
    found = explained(world(WEB, office, policy("web", rule)))
    assert "network set office" in json.dumps(as_data(found)["trace"])


def test_a_set_without_addresses_is_noted() -> None:
    rule = {"action": "Allow", "source": {"selector": "net == 'ofice'"}}
    assert 'net == "ofice"' in noted(explained(world(WEB, policy("web", rule))), "No endpoint or network set")


def test_invalid_objects_are_named() -> None:
    found = explained(world(WEB, policy("web", {"action": "Alow"})))
    (line,) = found.invalid
    assert "'Alow'" in line
    assert found.verdict.outcome is Outcome.DENY


@pytest.mark.parametrize(
    ("documents", "text", "note"),
    [
        ((), "tcp 10.0.0.1:1 > 192.0.2.1:80", "FailsafeInboundHostPorts is tcp:22 (the default)."),
        ((), "tcp 192.0.2.1:1 > 10.0.0.1:80", "FailsafeOutboundHostPorts is tcp:2379,"),
        (
            (document("FelixConfiguration", "default", failsafeInboundHostPorts=[]),),
            "tcp 10.0.0.1:1 > 192.0.2.1:22",
            "FailsafeInboundHostPorts is none (Global etcd configuration).",
        ),
    ],
)
def test_a_denied_packet_is_told_the_failsafe_ports(
    documents: tuple[Document, ...], text: str, note: str
) -> None:
    assert noted(explained(world(WEB, *documents), text), note)


def test_a_failsafe_port_is_told_what_policy_would_say() -> None:
    found = explained(world(WEB, policy("web", DENY_ALL)), "tcp 10.0.0.1:1 > 192.0.2.1:22")
    assert found.verdict.reason is Reason.FAILSAFE_ALLOW
    assert "Without that: deny, POLICY_DENY by default/web, Ingress rule 0." in noted(
        found, "A failsafe port"
    )


def test_an_interface_without_endpoint_is_told_what_there_is() -> None:
    found = explained(world(WEB), "tcp 10.0.0.1:1 > 10.0.0.2:80", interface="eth9", direction=Path.IN)
    assert found.coverage[0].endpoint is None
    assert noted(found, "Nothing polices eth9") == "Nothing polices eth9. Host endpoints of web1: web1-eth0."
    assert found.near == ()


def test_a_slip_in_the_name_of_the_host_is_suspected() -> None:
    made = world(endpoint("a", "wbe1", "eth0", "192.0.2.1"))
    found = explained(made, interface="eth0", direction=Path.IN)
    assert "Did you mean 'wbe1'?" in noted(found, "Host web1 has no host endpoint.")


def test_policies_that_are_not_enforced_are_noted() -> None:
    found = explained(world(WEB, policy("web", allow(80), tier="none")))
    assert "none/web" in noted(found, "Ignoring policy")


def test_near_policies_are_limited() -> None:
    policies = [policy(f"p{number}", allow(80), selector="role == 'wbe'") for number in range(MOST_NEAR + 3)]
    found = explained(world(WEB, *policies))
    assert (len(found.near), found.near_left_out) == (MOST_NEAR, 3)


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
    defaults = Defaults(host="web1", interface=interface, direction=Path.IN)
    question = Asker(made, defaults).question(read_text("tcp 10.0.0.1:1 > 198.51.100.1:80"))
    assert list(assumptions(question)) == expected


def test_that_an_interface_carries_nothing_expected_is_an_assumption() -> None:
    made = world(WEB, endpoint("public", "web1", None, "198.51.100.1"))
    found = explained(made, "tcp 10.0.0.1:1 > 203.0.113.5:80", interface="eth7", direction=Path.IN)
    assert noted(found, "Assumed that eth7 carries no address that public expects.").endswith(
        "--assume-interfaces eth7=198.51.100.1"
    )
    known = World(content(WEB), interfaces={"eth7": frozenset()})
    question = Asker(known, Defaults(host="web1", interface="eth7", direction=Path.IN)).question(
        read_text(TO_WEB)
    )
    assert list(assumptions(question)) == []


def test_as_data_it_has_what_is_promised_and_more() -> None:
    made = world(WEB, policy("deny", DENY_ALL, order=1), policy("web", allow(80), order=2))
    data = json.loads(json.dumps(as_data(explained(made))))
    promised = {name: data[name] for name in ("id", "verdict", "reason", "tier", "policy", "rule")}
    assert promised == {
        "id": None,
        "verdict": "deny",
        "reason": "POLICY_DENY",
        "tier": "default",
        "policy": "deny",
        "rule": 0,
    }
    assert any(step["steps"] for step in data["trace"])
    assert data["endpoints"][0]["endpoint"] == "HostEndpoint web1-eth0"
    assert data["overruled"]["policy"] == "web"
    assert data["packet"]["destination_port"] == 80
    assert data["not_selected"] == []


def test_as_data_near_policies_have_their_mismatch() -> None:
    (found,) = as_data(explained(world(WEB, policy("x", allow(80), selector="has(a)"))))["not_selected"]
    assert (found["policy"], found["verdict"], found["mismatch"]) == (
        "x",
        "allow",
        "has(a): there is no label a",
    )


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ((WEB, policy("web", allow(80))), "allow, POLICY_ALLOW by default/web, Ingress rule 0"),
        ((WEB, policy("web", allow(81))), "deny, TIER_DEFAULT_DENY of tier default"),
        ((WEB,), "deny, NO_MATCH_DENY"),
        (
            (endpoint("web1-eth0", "web1", "eth0", "192.0.2.1", profiles=["none"]),),
            "deny, MISSING_PROFILE_DENY by profile none",
        ),
    ],
)
def test_the_verdict_in_a_few_words(documents: tuple[Document, ...], expected: str) -> None:
    assert headline(explained(world(*documents)).verdict) == expected
