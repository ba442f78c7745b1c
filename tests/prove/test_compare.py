from __future__ import annotations

from collections.abc import Callable

import pytest

from catflap.prove import compare
from catflap.prove.kernel import Fate, Journey, Place
from catflap.prove.observer import Seen
from catflap.prove.oracle import Question
from catflap.prove.sample import TCP_RST, Fault, Sample
from catflap.verdict.packet import Packet, Path
from catflap.verdict.result import Outcome, Reason, Stage, Verdict

MakeSample = Callable[..., Sample]
PACKET = Packet(path=Path.IN, interface="eth0", source="10.0.0.10", destination="10.0.0.1", protocol=6)


def difference(dropped: Place | None, outcome: Outcome, stage: Stage) -> str:
    question = Question(PACKET, Journey(dropped))
    return compare._difference(question, Verdict(outcome, Reason.POLICY_DENY, stage))


@pytest.mark.parametrize(
    ("dropped", "outcome", "stage"),
    [
        (None, Outcome.ALLOW, Stage.INPUT),
        (None, Outcome.ALLOW, Stage.BEFORE_TRACKING_IN),
        (Place.RAW, Outcome.DENY, Stage.BEFORE_TRACKING_IN),
        (Place.RAW, Outcome.DENY, Stage.BEFORE_TRACKING_OUT),
        (Place.MANGLE, Outcome.DENY, Stage.BEFORE_TRANSLATION),
        (Place.FILTER, Outcome.DENY, Stage.INPUT),
        (Place.FILTER, Outcome.DENY, Stage.FORWARDED_TO_WORKLOAD),
        (Place.ROUTING, Outcome.ALLOW, Stage.INPUT),
        (Place.ROUTING, Outcome.DENY, Stage.OUTPUT),
    ],
)
def test_agreement(dropped: Place | None, outcome: Outcome, stage: Stage) -> None:
    assert difference(dropped, outcome, stage) == ""


@pytest.mark.parametrize(
    ("dropped", "outcome", "stage", "words"),
    [
        (None, Outcome.DENY, Stage.INPUT, "kernel: accept; evaluator: drop at filter"),
        (Place.FILTER, Outcome.ALLOW, Stage.INPUT, "kernel: drop at filter; evaluator: accept"),
        (Place.FILTER, Outcome.DENY, Stage.BEFORE_TRANSLATION, "evaluator: drop at mangle"),
        (Place.ROUTING, Outcome.DENY, Stage.BEFORE_TRACKING_IN, "kernel: past raw"),
    ],
)
def test_difference(dropped: Place | None, outcome: Outcome, stage: Stage, words: str) -> None:
    assert words in difference(dropped, outcome, stage)


def test_a_packet_that_the_kernel_routes_elsewhere_is_a_difference() -> None:
    question = Question(PACKET, Journey(None, forwarded=True))
    verdict = Verdict(Outcome.ALLOW, Reason.POLICY_ALLOW, Stage.INPUT)
    assert compare._difference(question, verdict) == "kernel: not on the path in"


def _answers(sample: Sample, *, kernel: bool, evaluator: bool) -> str:
    fate = Fate(Journey(Place.FILTER), None, Seen.NEW, translated=False, answered=kernel)
    return compare._answer_difference(sample, fate, expected=evaluator)


def test_whether_the_sender_is_told_counts(sample: MakeSample) -> None:
    assert _answers(sample(), kernel=True, evaluator=True) == ""
    assert _answers(sample(), kernel=False, evaluator=False) == ""
    assert "kernel: answers" in _answers(sample(), kernel=True, evaluator=False)
    assert "kernel: does not" in _answers(sample(), kernel=False, evaluator=True)


@pytest.mark.parametrize(
    "fields",
    [
        {"tcp_flags": TCP_RST},
        {"fault": Fault.CHECKSUM},
        {"source": "10.0.0.1"},
        {"interface": None, "fragmented": True},
        {"destination": "255.255.255.255", "protocol": 17},
        {"source": "fe80::2", "destination": "ff02::1", "protocol": 17},
        {"protocol": 1, "icmp_type": 3},
    ],
)
def test_nobody_can_be_told_about_some_packets(sample: MakeSample, fields: dict[str, object]) -> None:
    assert _answers(sample(**fields), kernel=False, evaluator=True) == ""
