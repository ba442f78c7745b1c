from __future__ import annotations

from catflap.model.resources import Action, Direction, Kind, ResourceKey
from catflap.policy import HostPolicy
from catflap.policy.host_policy import MatchPeer, MatchRule, RuleLists
from catflap.prove.compare import Answer
from catflap.prove.coverage import Coverage
from catflap.prove.kernel import Journey, Place
from catflap.prove.oracle import Question
from catflap.verdict.packet import Packet, Path
from catflap.verdict.result import Outcome, Reason, Stage, Verdict

KEY = ResourceKey(Kind.POLICY, "p", "default")
RULE = MatchRule(3, Action.DENY, protocol=6, source=MatchPeer(nets=("10.0.0.0/8",)))
POLICY = HostPolicy(policies={KEY: RuleLists(KEY, "default/p", (RULE,), ())})
PACKET = Packet(path=Path.IN, interface="eth0", source="10.0.0.10", destination="10.0.0.1", protocol=6)


def _noted(dropped: Place | None = None) -> Coverage:
    verdict = Verdict(
        Outcome.DENY,
        Reason.POLICY_DENY,
        Stage.INPUT,
        rule=3,
        key=KEY,
        direction=Direction.INGRESS,
    )
    coverage = Coverage()
    coverage.note(POLICY, Answer(Question(PACKET, Journey(dropped)), verdict, ""))
    return coverage


def test_an_answer_counts_with_what_the_deciding_rule_asks_for() -> None:
    coverage = _noted()
    assert coverage.reasons == {"POLICY_DENY": 1}
    assert coverage.paths == {"in": 1}
    assert coverage.actions == {"input: Deny": 1}
    assert coverage.fields == {"protocol": 1, "source.nets": 1}


def test_packets_without_a_route_count_apart() -> None:
    assert _noted(Place.ROUTING).unroutable == 1
    assert _noted().unroutable == 0


def test_counts_add_up() -> None:
    total = Coverage()
    for _ in range(2):
        total.add(_noted())
    assert total.packets == 2
    assert total.stages == {"input": 2}


def test_what_never_occurred_is_named() -> None:
    gaps = _noted().gaps()
    assert "reason POLICY_DENY" not in gaps
    assert "stage input" not in gaps
    assert "reason SPOOFED_SOURCE" in gaps
    assert "stage before tracking, out" in gaps
