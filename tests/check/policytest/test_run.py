from __future__ import annotations

from typing import Any

import pytest
from tests.check.documents import Document, check, document, endpoint, policy, policy_test, workload

from catflap.check.policytest.run import Result

STRANGER = "203.0.113.7"
BOTH = ["Ingress", "Egress"]


def allow(port: int, **peers: Any) -> dict[str, Any]:
    destination = {"ports": [port], **peers.pop("destination", {})}
    return {"action": "Allow", "protocol": "TCP", "destination": destination, **peers}


# Web servers are open on port 80; web1 alone on 81. They may ask the database, which lets them in.
WORLD: list[Document] = [
    endpoint("web1", {"role": "web", "first": "yes"}, expectedIPs=["192.0.2.1", "2001:db8::1"]),
    endpoint("web2", {"role": "web"}, expectedIPs=["192.0.2.2"]),
    endpoint("db1", {"role": "db"}, expectedIPs=["192.0.2.3"]),
    endpoint("six", {"role": "six"}, expectedIPs=["2001:db8::6"]),
    policy(
        "web",
        selector='role == "web"',
        types=BOTH,
        ingress=[allow(80)],
        egress=[allow(5432, destination={"selector": 'role == "db"'})],
    ),
    policy("first", selector="has(first)", ingress=[allow(81)]),
    policy("db", selector='role == "db"', ingress=[allow(5432, source={"selector": 'role == "web"'})]),
    policy("six", selector='role == "six"', types=BOTH),
]


def run(*documents: Document, **written: Any) -> Result:
    test = {"from": written.pop("origin"), "protocol": "tcp", "ports": [80], "expect": "allow", **written}
    (result,) = check(
        *(documents or WORLD), policy_test({k: v for k, v in test.items() if v is not None})
    ).results
    return result


def web(any_member: bool | None = None) -> dict[str, Any]:
    return {"selector": 'role == "web"', **({} if any_member is None else {"any": any_member})}


@pytest.mark.parametrize(
    "written",
    [
        {"origin": STRANGER, "to": "web1"},
        {"origin": STRANGER, "to": "web1", "by": "default/web"},
        {"origin": STRANGER, "to": "web1", "by": "default/web#0"},
        {"origin": STRANGER, "to": "web1", "ports": [82], "expect": "deny", "by": "TIER_DEFAULT_DENY"},
        {"origin": STRANGER, "to": web()},
        {"origin": STRANGER, "to": web(any_member=True), "ports": [81]},
        {"origin": web(), "to": "db1", "ports": [5432]},
        {"origin": "web1", "to": STRANGER, "expect": "deny"},
        {"origin": STRANGER, "to": "db1", "ports": [5432], "expect": "deny"},
        {"origin": {"host": "web1", "interface": "eth0"}, "to": "db1", "ports": [5432]},
        {"origin": STRANGER, "to": "web1", "protocol": "icmp", "ports": None, "expect": "deny"},
        {"origin": "2001:db8::99", "to": "web1"},
        {"origin": "web1", "to": "web2", "direction": "ingress"},
        {"origin": STRANGER, "to": "web1", "ports": [22], "by": "FAILSAFE_ALLOW"},
    ],
    ids=str,
)
def test_promises_that_are_kept(written: dict[str, Any]) -> None:
    result = run(**written)
    assert result.failures == ()
    assert result.packets > 0


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ({"ports": [82]}, "expected allow, got deny by TIER_DEFAULT_DENY of tier default at web1"),
        ({"expect": "deny"}, "expected deny, got allow by default/web#0 (POLICY_ALLOW) at web1"),
        (
            {"by": "default/db"},
            "expected allow by default/db, got allow by default/web#0 (POLICY_ALLOW) at web1",
        ),
        (
            {"ports": [82], "to": "db1"},
            "expected allow, got deny by TIER_DEFAULT_DENY of tier default at db1",
        ),
    ],
)
def test_promises_that_are_broken_say_what_came_instead(written: dict[str, Any], text: str) -> None:
    (failure,) = run(**{"origin": STRANGER, "to": "web1", **written}).failures
    packet, _, rest = failure.text.partition(": ")
    assert packet.startswith(f"tcp {STRANGER}:49152 > 192.0.2.")
    assert rest == text


def test_an_endpoint_without_profiles_sends_nothing_that_no_policy_allows() -> None:
    (failure,) = run(origin="db1", to="web1").failures
    assert failure.text.endswith("got deny by NO_MATCH_DENY at db1")


def test_a_failure_comes_with_the_words_for_explain() -> None:
    (failure,) = run(origin=STRANGER, to="web1", ports=[82]).failures
    assert failure.explain == (
        f"--host web1 --interface eth0 --direction in 'tcp {STRANGER}:49152 > 192.0.2.1:82'"
    )


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ({"origin": STRANGER, "to": "web3"}, "to: there is no endpoint 'web3'."),
        ({"origin": {"selector": "has(nothing)"}, "to": "web1"}, "from: has(nothing) matches no endpoint"),
        ({"origin": STRANGER, "to": "six"}, f"{STRANGER} and six have no addresses of the same IP version"),
        (
            {"origin": "six", "to": "web1", "protocol": "icmp", "ports": None},
            "six and web1 have no addresses of",
        ),
        ({"origin": STRANGER, "to": "192.0.2.1"}, "no policy is looked at: neither end"),
        ({"origin": STRANGER, "to": "web1", "direction": "egress"}, "no policy is looked at: neither end"),
        ({"origin": "web2", "to": "web2"}, "both ends are the same endpoint"),
    ],
)
@pytest.mark.parametrize("expect", ["allow", "deny"])
def test_a_test_that_tests_nothing_fails(written: dict[str, Any], reason: str, expect: str) -> None:
    result = run(**written, expect=expect)
    assert [each.text[: len(reason)] for each in result.failures] == [reason]
    assert (result.passed, result.packets) == (False, 0)


def test_an_address_of_an_endpoint_is_recognised() -> None:
    (failure,) = run(origin=STRANGER, to="192.0.2.1").failures
    assert failure.text.endswith("192.0.2.1 is an address of web1: name the endpoint.")


def test_all_members_of_a_selector_must_keep_the_promise() -> None:
    result = run(origin=STRANGER, to=web(), ports=[81])
    assert [each.text.partition(":")[0] for each in result.failures] == [f"tcp {STRANGER}"]
    assert "at web2" in result.failures[0].text


def test_with_any_at_least_one_must() -> None:
    assert run(origin=STRANGER, to=web(any_member=True), ports=[82]).passed is False
    assert run(origin=web(any_member=True), to=web(any_member=True), expect="deny").passed


def test_members_of_both_selectors_are_not_sent_to_themselves() -> None:
    assert run(origin=web(), to=web(), expect="deny").packets == 2


def test_every_address_and_port_is_a_packet() -> None:
    assert (
        run(origin={"host": "six", "interface": "eth0"}, to="web1", ports=[1, 2, 3], expect="deny").packets
        == 3
    )
    assert run(origin="web1", to="192.0.2.3", ports=[1, 2], expect="deny").packets == 2


def test_workloads_are_judged_by_their_own_policy() -> None:
    documents = [
        workload("a", "n", "cali1", "10.65.0.1/32", role="a"),
        workload("b", "n", "cali2", "10.65.0.2/32", role="b"),
        policy("b", selector='role == "b"', ingress=[allow(80, source={"selector": 'role == "a"'})]),
    ]
    a, b = "n-tests-a-eth0", "n-tests-b-eth0"
    assert run(*documents, origin=a, to=b, by="default/b").passed
    assert run(*documents, origin=STRANGER, to=b, expect="deny").passed
    assert run(*documents, origin=b, to=STRANGER).passed


def test_a_test_is_called_by_its_name_or_by_what_it_says() -> None:
    assert run(origin=STRANGER, to="web1", name="open").title == "open"
    assert run(origin=STRANGER, to="web1").title == f"{STRANGER} > web1 tcp 80: allow"


def test_two_endpoints_of_one_host_talk_inside_of_it() -> None:
    documents = [
        endpoint("a", node="h", expectedIPs=["192.0.2.1"]),
        endpoint("b", node="h", interfaceName="eth1", expectedIPs=["192.0.2.2"]),
        document("Tier", "unused", {}),
    ]
    assert run(*documents, origin="a", to="b", by="NO_ENDPOINT").passed
