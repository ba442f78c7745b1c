from __future__ import annotations

from typing import Any

import msgspec
import pytest

from catflap.cli.hosts import Host
from catflap.cli.what_if import Unasked, overruled, unasked
from catflap.cli.world import World
from catflap.model import Policy
from catflap.policy import HostPolicy
from catflap.verdict.evaluate import evaluate
from catflap.verdict.packet import Packet, Path
from catflap.verdict.result import Outcome, Reason, Verdict

from .worlds import DENY_ALL, Document, allow, document, endpoint, policy, world

PASS: Document = {"action": "Pass"}


def packet(port: int, path: Path = Path.IN) -> Packet:
    return Packet(
        path=path,
        interface="eth0",
        source="10.0.0.1",
        destination="192.0.2.1",
        protocol=6,
        source_port=4242,
        destination_port=port,
    )


def judged(made: World, asked: Packet) -> tuple[Host, HostPolicy, Verdict]:
    host = made.host("web1")
    enforced = host.policy()
    return host, enforced, evaluate(enforced, asked)


def near(made: World, asked: Packet) -> list[Unasked]:
    host, _, verdict = judged(made, asked)
    key = next(key for key in host.endpoints if key.name == "web1-eth0")
    policies = made.resources.of(Policy)
    return unasked(host, policies, key, asked, verdict)


WEB = endpoint("web1-eth0", "web1", "eth0", labels={"role": "webserer", "env": "prod"})


def test_a_policy_that_a_slip_keeps_away_is_found() -> None:
    made = world(WEB, policy("web", allow(80), selector="role == 'webserver'"))
    (found,) = near(made, packet(80))
    assert (found.key.name, found.verdict.outcome, found.verdict.rule) == ("web", Outcome.ALLOW, 0)
    assert found.mismatch == 'role == "webserver": role is "webserer"'
    assert near(made, packet(81)) == []


def test_the_likeliest_slip_comes_first() -> None:
    made = world(
        WEB,
        policy("a-database", allow(80), selector="role == 'database'"),
        policy("b-web", allow(80), selector="role == 'webserver'"),
        policy("c-rack", allow(80), selector="has(rack)"),
    )
    assert near(made, packet(80))[0].key.name == "b-web"


@pytest.mark.parametrize(
    "other",
    [
        policy("web", DENY_ALL, selector="role == 'webserver'"),
        policy("web", allow(80), selector="role == 'webserver'", types=["Egress"], ingress=[]),
        policy("web", allow(80), selector="role == 'webserver'", order=20),
        policy("web", allow(80), selector="role == 'webserver'", tier="none"),
    ],
    ids=["same verdict", "other direction", "too late", "tier is missing"],
)
def test_policies_that_would_not_help_are_not_named(other: Document) -> None:
    assert near(world(WEB, policy("deny", DENY_ALL, order=10), other), packet(80)) == []


def test_a_policy_whose_types_leave_its_rules_out_is_found() -> None:
    made = world(WEB, policy("web", allow(80), types=["Egress"]))
    (found,) = near(made, packet(80))
    assert (found.key.name, found.verdict.outcome) == ("web", Outcome.ALLOW)
    assert found.mismatch == "types is [Egress], so its ingress rules are not asked"


def test_a_policy_that_forwarded_packets_do_not_meet_is_found() -> None:
    made = world(
        WEB,
        policy("deny", DENY_ALL, order=10, applyOnForward=True),
        endpoint("web1-eth1", "web1", "eth1"),  # which must not be covered for the sake of trying
        policy("web", allow(80), selector="has(role)", order=5, types=["Ingress", "Egress"]),
        policy("other", allow(80), order=5, selector="has(rack)"),  # two things keep it away
    )
    (found,) = near(made, msgspec.structs.replace(packet(80, Path.FORWARD), out_interface="eth1"))
    assert found.key.name == "web"
    assert found.mismatch == "without applyOnForward it does not govern forwarded packets"


def test_a_policy_that_would_deny_what_is_allowed_is_found() -> None:
    made = world(
        WEB,
        policy("web", allow(80), order=20),
        policy("block", DENY_ALL, selector="has(quarantine)", order=10),
    )
    (found,) = near(made, packet(80))
    assert (found.key.name, found.mismatch) == ("block", "has(quarantine): there is no label quarantine")


def test_the_host_is_not_changed_by_trying() -> None:
    made = world(WEB, policy("web", allow(80), selector="role == 'webserver'"))
    before = made.host("web1").policy()
    assert near(made, packet(80))
    assert made.host("web1").engine.host_policy() == before


def other(made: World, asked: Packet) -> Verdict | None:
    _, enforced, verdict = judged(made, asked)
    found = overruled(enforced, asked, verdict)
    return found[-1] if found else None


def test_a_rule_behind_another_one_is_found() -> None:
    made = world(WEB, policy("deny", DENY_ALL, order=10), policy("web", allow(22), allow(80), order=20))
    found = other(made, packet(80))
    assert found is not None
    assert (found.key and found.key.name, found.rule) == ("web", 1)
    assert other(made, packet(81)) is None


def test_a_rule_behind_several_is_found_with_those_in_between() -> None:
    made = world(WEB, policy("web", DENY_ALL, DENY_ALL, allow(80), DENY_ALL))
    _, enforced, verdict = judged(made, packet(80))
    assert [each.rule for each in overruled(enforced, packet(80), verdict)] == [1, 2]


def test_a_profile_behind_the_end_of_a_tier_is_found() -> None:
    made = world(
        endpoint("web1-eth0", "web1", "eth0", profiles=["open"]),
        document("Profile", "open", ingress=[{"action": "Allow"}]),
        policy("web", allow(80)),
    )
    found = other(made, packet(81))
    assert found is not None
    assert (found.reason, found.key and found.key.name) == (Reason.PROFILE_ALLOW, "open")


def test_a_rule_of_a_profile_may_be_overruled_too() -> None:
    made = world(
        endpoint("web1-eth0", "web1", "eth0", profiles=["closed", "open"]),
        document("Profile", "closed", ingress=[DENY_ALL]),
        document("Profile", "open", ingress=[{"action": "Allow"}]),
    )
    found = other(made, packet(81))
    assert found is not None
    assert found.key is not None
    assert found.key.name == "open"


@pytest.mark.parametrize("port", [22, 80])
def test_where_no_rule_would_decide_otherwise_nothing_is_overruled(port: int) -> None:
    made = world(WEB, policy("web", allow(80)))
    assert (
        other(made, packet(port)) is None
    )  # a failsafe port; and nothing but the tier's default behind the rule


def test_what_governs_egress_is_tried_on_its_own_side() -> None:
    egress: dict[str, Any] = {"types": ["Egress"], "ingress": []}
    made = world(
        WEB,
        policy("deny", order=10, egress=[DENY_ALL], **egress),
        policy("web", order=20, egress=[{"action": "Allow"}], **egress),
    )
    asked = Packet(
        path=Path.OUT,
        interface="eth0",
        source="192.0.2.1",
        destination="10.0.0.1",
        protocol=6,
        source_port=1,
        destination_port=80,
    )
    found = other(made, asked)
    assert found is not None
    assert found.key is not None
    assert found.key.name == "web"
