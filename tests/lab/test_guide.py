from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from catflap.lab.guide import (
    FAILSAFE_POLICY,
    LISTENERS,
    MANAGEMENT_ENDPOINT,
    NEIGHBOUR_QUESTIONS,
    NO_FAILSAFE,
    PUBLIC_ENDPOINT,
    QUESTIONS,
    STAGES,
    WEBSERVER_POLICY,
    Change,
    Stage,
)
from catflap.model import ConfigurationValues, HostEndpoint, decode, document_path

OBJECTS = (MANAGEMENT_ENDPOINT, PUBLIC_ENDPOINT, FAILSAFE_POLICY, WEBSERVER_POLICY)


def name_of(value: Change | Stage) -> str:
    return value.path.rpartition("/")[2] if isinstance(value, Change) else value.title


def resources(path: str, value: Mapping[str, Any] | str) -> list[object]:
    decoded = decode(path, (value if isinstance(value, str) else json.dumps(value)).encode())
    assert decoded.problems == ()
    return [change.resource for change in decoded.changes]


@pytest.mark.parametrize("change", OBJECTS, ids=name_of)
def test_both_encodings_of_an_object_mean_the_same(change: Change) -> None:
    (v1,) = resources(change.path, change.value)
    (v3,) = resources(document_path(change.document), change.document)
    if isinstance(v1, HostEndpoint):  # of which the name has the host's in v3, where names are global
        v1 = msgspec.structs.replace(v1, name=f"{v1.node}-{v1.name}")
    assert v1 == v3


def test_the_failsafe_ports_are_disabled_in_both_encodings() -> None:
    v1 = [each for change in NO_FAILSAFE for each in resources(change.path, change.value)]
    names = [list(each.values) for each in v1 if isinstance(each, ConfigurationValues)]
    assert names == [["FailsafeInboundHostPorts"], ["FailsafeOutboundHostPorts"]]
    (v3,) = {json.dumps(change.document): change.document for change in NO_FAILSAFE}.values()
    assert resources(document_path(v3), v3)


@pytest.mark.parametrize("stage", STAGES, ids=name_of)
def test_stages_speak_of_questions_that_are_asked(stage: Stage) -> None:
    asked = QUESTIONS.keys() | (NEIGHBOUR_QUESTIONS.keys() if stage.neighbour else set())
    assert stage.denied | stage.only_v4 <= asked
    assert not stage.denied & stage.only_v4


def test_a_question_has_one_answer_for_each_ip_version() -> None:
    stage = Stage("title", "explanation", denied=frozenset({"http"}), only_v4=frozenset({"ping"}))
    assert stage.allowed("http") == set()
    assert stage.allowed("ping") == {4}
    assert stage.allowed("ssh") == {4, 6}


def test_somebody_listens_for_every_question_but_the_stores_own_port() -> None:
    roles = {"host eth0": "host", "host eth1": "host", "store": "store", "web": "web"}
    for question in QUESTIONS.values():
        if question.protocol == "icmp" or question.port == 2379:
            continue
        tcp, udp = LISTENERS[roles[question.to]]
        assert question.port in (tcp if question.protocol == "tcp" else udp)


def test_explanations_fit_a_line_of_the_report() -> None:
    assert max(len(stage.explanation) for stage in STAGES) <= 100
