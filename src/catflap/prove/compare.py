"""Holds the kernel's answer against the evaluator's."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

import msgspec

from catflap.model.resources import TCP, UDP
from catflap.prove.kernel import Fate, Place
from catflap.prove.oracle import Question, questions
from catflap.prove.sample import TCP_RST, Sample
from catflap.prove.topology import LOOPBACK, ROUTES
from catflap.verdict.evaluate import Evaluator
from catflap.verdict.packet import Path
from catflap.verdict.result import Outcome, Stage, Verdict

_PLACES: Final = {
    Stage.BEFORE_TRACKING_IN: Place.RAW,
    Stage.BEFORE_TRACKING_OUT: Place.RAW,
    Stage.BEFORE_TRANSLATION: Place.MANGLE,
}


class Mismatch(msgspec.Struct, frozen=True):
    """A packet of which the two say different things; ``difference`` says which."""

    sample: Sample
    fate: Fate
    question: Question
    verdict: Verdict
    difference: str


class Answer(msgspec.Struct, frozen=True):
    """What the evaluator says to a question, and where that differs from the kernel (empty where it does not)."""

    question: Question
    verdict: Verdict
    difference: str


def answers(evaluator: Evaluator, sample: Sample, fate: Fate) -> Iterator[Answer]:
    """Everything that a sample proves."""
    asked = [(question, evaluator.evaluate(question.packet)) for question in questions(sample, fate)]
    expected = any(verdict.answered for _, verdict in asked)
    for question, verdict in asked:
        difference = _difference(question, verdict) or _answer_difference(sample, fate, expected=expected)
        yield Answer(question, verdict, difference)


def _difference(question: Question, verdict: Verdict) -> str:
    kernel = question.journey.dropped
    forwarded = question.packet.path is Path.FORWARD
    if kernel in (None, Place.FILTER) and question.journey.forwarded != forwarded:
        return f"kernel: not on the path {question.packet.path}"
    place = _PLACES.get(verdict.stage, Place.FILTER) if verdict.outcome is Outcome.DENY else None
    if kernel is place:
        return ""
    if kernel is Place.ROUTING:  # it passed the hooks before, and nothing is known of those behind
        return "" if place in (None, Place.FILTER) else f"kernel: past {place}; evaluator: drop at {place}"
    return f"kernel: {_words(kernel)}; evaluator: {_words(place)} ({verdict.reason})"


def _words(place: Place | None) -> str:
    return f"drop at {place}" if place else "accept"


def _answer_difference(sample: Sample, fate: Fate, *, expected: bool) -> str:
    if fate.answered and not expected:
        return "kernel: answers the sender; evaluator: does not"
    if expected and not fate.answered and _can_be_answered(sample):
        return "kernel: does not answer the sender; evaluator: does"
    return ""


def _can_be_answered(sample: Sample) -> bool:
    """No errors are sent about broken packets, resets, or to anybody but one sender (RFC 1122, section 3.2.2).

    Nor does the kernel answer a host that is said to be itself, nor fragments of its own over loopback.
    """
    if sample.fault or not _is_one_to_one(sample):
        return False
    if sample.interface is None and sample.fragmented:
        return False
    if sample.interface is not None and ROUTES.get(sample.source) == LOOPBACK:
        return False
    return sample.protocol == UDP or (sample.protocol == TCP and not sample.tcp_flags & TCP_RST)


def _is_one_to_one(sample: Sample) -> bool:
    ends = (ipaddress.ip_address(sample.source), ipaddress.ip_address(sample.destination))
    if sample.destination == "255.255.255.255":
        return False
    return not any(end.is_multicast or end.is_unspecified or end.is_link_local for end in ends)
