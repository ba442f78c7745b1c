from __future__ import annotations

import json

from catflap.cli.explanation import MOST_NEAR, as_data
from catflap.verdict.packet import Path
from catflap.verdict.result import Outcome, Reason

from .worlds import DENY_ALL, allow, document, endpoint, explained, policy, workload, world

WEB = endpoint("web1-eth0", "web1", "eth0", "192.0.2.1", labels={"role": "web"})


def test_the_verdict_has_its_trace() -> None:
    found = explained(world(WEB, policy("web", allow(80))))
    assert (found.verdict.outcome, found.verdict.reason) == (Outcome.ALLOW, Reason.POLICY_ALLOW)
    assert found.verdict.trace
    assert found.notes[-1].startswith("Allow is not final")


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
    made = world(WEB, workload(app="x"))
    found = explained(made, "tcp 10.65.0.2:1 > 10.0.0.1:80", direction=Path.FORWARD, out_interface="eth0")
    assert [item.interface for item in found.coverage] == ["cali1", "eth0"]
    assert found.coverage[0].labels["app"] == "x"
    assert "whose interface it is" in found.coverage[0].because


def test_an_address_in_a_set_is_told_with_the_object_that_put_it_there() -> None:
    office = document("GlobalNetworkSet", "office", {"net": "office"}, nets=["10.0.0.0/8"])
    rule = {"action": "Allow", "source": {"selector": "net == 'office'"}}
    found = explained(world(WEB, office, policy("web", rule)))
    assert "network set office" in json.dumps(as_data(found)["trace"])


def test_invalid_objects_are_named() -> None:
    found = explained(world(WEB, policy("web", {"action": "Alow"})))
    (line,) = found.invalid
    assert "'Alow'" in line
    assert found.verdict.outcome is Outcome.DENY


def test_near_policies_are_limited() -> None:
    policies = [policy(f"p{number}", allow(80), selector="role == 'wbe'") for number in range(MOST_NEAR + 3)]
    found = explained(world(WEB, *policies))
    assert (len(found.near), found.near_left_out) == (MOST_NEAR, 3)


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
    assert data["not_asked"] == []


def test_as_data_near_policies_have_their_mismatch() -> None:
    (found,) = as_data(explained(world(WEB, policy("x", allow(80), selector="has(a)"))))["not_asked"]
    assert (found["policy"], found["verdict"], found["mismatch"]) == (
        "x",
        "allow",
        "has(a): there is no label a",
    )
