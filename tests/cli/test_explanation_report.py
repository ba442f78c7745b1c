from __future__ import annotations

import io

import pytest
from rich.console import Console

from catflap.cli.explanation import explain
from catflap.cli.explanation_report import MOST_INVALID, MOST_STEPS, condensed, show
from catflap.cli.packets import read_text
from catflap.cli.questions import Asker, Defaults
from catflap.cli.world import World
from catflap.verdict.packet import Path
from catflap.verdict.result import Step

from .worlds import DENY_ALL, allow, document, endpoint, policy, world

WEB = endpoint("web1-eth0", "web1", "eth0", "192.0.2.1", labels={"role": "webserer"}, profiles=["p"])
PROFILE = document("Profile", "p", labelsToApply={"env": "prod"})
TO_WEB = "tcp 10.0.0.1:4242 > 192.0.2.1:80"


def shown(made: World, text: str = TO_WEB, *, colour: bool = False, width: int = 100) -> str:
    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        highlight=False,
        force_terminal=colour,
        color_system="standard" if colour else "auto",
    )
    show(explain(made, Asker(made, Defaults(host="web1")).question(read_text(text))), console)
    return file.getvalue()


def test_the_whole() -> None:
    made = world(
        WEB,
        PROFILE,
        policy("ssh", allow(22), order=1),
        policy("strangers", DENY_ALL, order=2),
        policy("late", allow(80), order=3),
        policy("web", allow(80), selector="role == 'webserver'", order=1),
        policy("broken", {"action": "Alow"}),
    )
    assert (
        shown(made)
        == """\
DENY  tcp 10.0.0.1:4242 > 192.0.2.1:80
  new packet, in on eth0 of host web1
  POLICY_DENY by default/strangers, Ingress rule 0

Endpoint
  eth0: host endpoint web1-eth0, which names eth0
    labels: role=webserer
    from its profiles: env=prod

How it was decided
  input: eth0, policed by HostEndpoint web1-eth0 [stage-order]
    ✗ established, failsafe port, essential ICMPv6, invalid
    tier default [tier-policies]
      ✗ default/ssh
        ✗ rule 0 (Allow): destination port 80 is not 22 (nearly)
      ✓ default/strangers [action-first]
        ✓ rule 0 (Deny) matches every packet [match-all]

Overruled
  default/late, Ingress rule 0 would allow it, but default/strangers, Ingress rule 0 decides first.

Not asked, and would decide otherwise
  default/web, Ingress rule 0 would allow it
    role == "webserver": role is "webserer"

Invalid objects
  /calico/resources/v3/projectcalico.org/globalnetworkpolicies/broken: GlobalNetworkPolicy broken is
  invalid, treating as missing: spec.ingress[0].action: 'Alow' is none; write Allow, Deny, Reject,
  Log or Pass. Did you mean 'Allow'?

Notes
  Direction in: 192.0.2.1 belongs to host web1.
  Interface eth0: 192.0.2.1 belongs to it.
  FailsafeInboundHostPorts is tcp:22 (the default).
"""
    )


def test_an_allowed_packet_has_no_section_without_content() -> None:
    text = shown(world(WEB, policy("web", allow(80))))
    assert text.startswith("ALLOW  tcp 10.0.0.1:4242 > 192.0.2.1:80\n")
    titles = [line for line in text.splitlines()[1:] if line and not line.startswith(" ")]
    assert titles == ["Endpoint", "How it was decided", "Notes"]


def test_colour_is_for_terminals_only() -> None:
    made = world(WEB, policy("web", allow(80)))
    assert "\x1b[1;32mALLOW" in shown(made, colour=True)
    assert "\x1b" not in shown(made)


@pytest.mark.parametrize("width", [40, 60, 100])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    made = world(
        WEB, policy("broken", {"action": "Alow"}), policy("web", allow(80), selector="role == 'webserver'")
    )
    assert max(map(len, shown(made, width=width).splitlines())) <= width


def test_an_interface_without_endpoint() -> None:
    made = world(endpoint("web1-eth0", "web1", "eth0", "192.0.2.1"))
    packet = Asker(made, Defaults(host="web1", interface="eth9", direction=Path.IN)).question(
        read_text(TO_WEB)
    )
    file = io.StringIO()
    show(explain(made, packet), Console(file=file, width=100))
    assert "eth9: none polices it" in file.getvalue()


def test_that_the_sender_is_told_is_said() -> None:
    text = shown(world(WEB, policy("web", {"action": "Reject"})))
    assert "POLICY_DENY by default/web, Ingress rule 0, and the sender is told" in text


def test_of_many_invalid_objects_the_first_are_shown() -> None:
    broken = [policy(f"p{number:02}", {"action": "Alow"}) for number in range(MOST_INVALID + 2)]
    text = shown(world(WEB, *broken))
    assert text.count("is\n  invalid") + text.count("is invalid") <= MOST_INVALID
    assert "\n  and 2 more objects\n" in text


def test_a_tier_that_ends_before_a_profile() -> None:
    profile = document("Profile", "p", ingress=[{"action": "Allow"}])
    text = shown(world(WEB, profile, policy("web", allow(22))))
    assert "p, Ingress rule 0 would allow it, but tier default ends with Deny before that." in text


def test_of_many_steps_matches_and_near_misses_are_kept() -> None:
    far = [Step(f"rule {number}", matched=False) for number in range(100)]
    clauses = (Step("port", matched=True), Step("protocol", matched=False))
    near = Step("nearly", matched=False, steps=clauses, near_miss=True)
    below = Step("policy", matched=False, steps=(near,))
    hit = Step("hit", matched=True)
    assert condensed([*far, near, below, hit]) == [near, below, hit]
    assert condensed([near] * 100 + [hit]) == [near] * (MOST_STEPS - 1) + [hit]
    assert condensed(far[:MOST_STEPS]) == far[:MOST_STEPS]


def test_a_rule_of_one_clause_is_not_nearly_right() -> None:
    text = shown(
        world(
            WEB,
            policy("ssh", {"action": "Allow", "protocol": "UDP"}, {"action": "Allow", "protocol": "ICMP"}),
        )
    )
    assert "✗ rule 0 (Allow): protocol tcp is not udp\n" in text
    assert "✗ rule 1 (Allow): protocol tcp is not icmp\n" in text


def test_a_failsafe_port_that_is_met_is_a_step_of_its_own() -> None:
    text = shown(world(WEB), "tcp 10.0.0.1:4242 > 192.0.2.1:22")
    assert "    ✗ established\n    ✓ it goes to a failsafe port [failsafe-allow]\n" in text


def test_what_stands_between_is_named() -> None:
    denying = [policy(f"b{number}", DENY_ALL, order=number) for number in range(7)]
    text = shown(world(WEB, *denying, policy("z", allow(80), order=10)))
    assert "default/z, Ingress rule 0 would allow it, but default/b0, Ingress rule 0 decides first." in text
    assert "Between them: default/b1, Ingress rule 0; default/b2, Ingress rule 0;" in text
    assert "; 1 more." in text


def test_the_other_end_is_shown_with_its_labels() -> None:
    office = document("GlobalNetworkSet", "office", labels={"net": "office"}, nets=["10.0.0.0/8"])
    text = shown(world(WEB, office))
    assert "\nOther end\n  10.0.0.1: network set office\n    labels: net=office\n" in text


def test_what_was_left_out_of_many_rules_is_counted() -> None:
    rules = [{**allow(port), "source": {"nets": ["203.0.113.0/24"]}} for port in range(1000, 1100)]
    text = shown(world(WEB, policy("many", *rules)))
    assert "        ✗ 100 that do not match\n" in text
