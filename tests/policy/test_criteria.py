from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.model.resources import TCP, UDP, EndpointPort
from catflap.model.selector import parse_selector
from catflap.policy.criteria import (
    PortCriterion,
    SetCriterion,
    TagCriterion,
    port_markers,
    set_id,
    tag_markers,
    without_markers,
)

WEB, ALL = parse_selector('role == "web"'), parse_selector("all()")
HTTP = EndpointPort("http", TCP, 80)
CRITERIA: list[SetCriterion] = [
    WEB,
    ALL,
    TagCriterion("web"),
    TagCriterion("http"),
    PortCriterion(("http",), TCP),
    PortCriterion(("http",), UDP),
    PortCriterion(("http",)),
    PortCriterion(("web",), TCP),
    PortCriterion(("http", "web"), TCP),
    PortCriterion(("http",), TCP, WEB),
    PortCriterion(("http",), TCP, None, TagCriterion("web")),
    PortCriterion(("http",), TCP, WEB, TagCriterion("web")),
]


def test_tags_ports_and_labels_do_not_mix() -> None:
    labels = {"role": "web", "trusted": "yes", **tag_markers(["trusted"]), **port_markers([HTTP])}
    assert TagCriterion("trusted").matches(labels)
    assert not TagCriterion("role").matches(labels)
    assert not TagCriterion("http").matches(labels)
    assert not PortCriterion(("trusted",), TCP).matches(labels)
    assert without_markers(labels) == {"role": "web", "trusted": "yes"}


@pytest.mark.parametrize(
    ("labels", "matches"),
    [
        ({"role": "web", **port_markers([HTTP]), **tag_markers(["t"])}, True),
        ({"role": "db", **port_markers([HTTP]), **tag_markers(["t"])}, False),
        ({"role": "web", **tag_markers(["t"])}, False),
        ({"role": "web", **port_markers([HTTP])}, False),
    ],
)
def test_a_named_port_needs_the_port_the_selector_and_the_tag(
    labels: dict[str, str], matches: object
) -> None:
    assert PortCriterion(("http",), TCP, WEB, TagCriterion("t")).matches(labels) is matches


@pytest.mark.parametrize(
    ("criterion", "picked"),
    [
        (PortCriterion(("http",), TCP), True),
        (PortCriterion(("http",)), True),
        (PortCriterion(("http",), UDP), False),
        (PortCriterion(("https",), TCP), False),
        (PortCriterion(("http", "https"), TCP), True),
    ],
)
def test_a_port_is_picked_by_name_and_protocol(criterion: PortCriterion, picked: object) -> None:
    assert criterion.picks(HTTP) is picked


def test_ids_are_stable_and_tell_all_criteria_apart() -> None:
    assert len({set_id(criterion) for criterion in CRITERIA}) == len(CRITERIA)
    assert set_id(WEB) == set_id(parse_selector("role=='web'"))
    assert [set_id(c).split("-")[0] for c in (WEB, TagCriterion("t"), PortCriterion(("p",)))] == [
        "sel",
        "tag",
        "port",
    ]


def test_descriptions_name_port_protocol_selector_and_tag() -> None:
    assert str(CRITERIA[-1]) == 'port http (tcp) and role == "web" and tag web'
    assert str(PortCriterion(("x",), 99)) == "port x (99)"
    assert str(PortCriterion(("x",))) == "port x (any)"
    assert str(TagCriterion("t")) == "tag t"


MARKED = st.fixed_dictionaries(
    {},
    optional={"role": st.sampled_from(["web", "db"]), **dict.fromkeys(tag_markers(["web"]), st.just(""))},
)


@given(labels=MARKED, with_port=st.booleans(), criterion=st.sampled_from(CRITERIA))
def test_whatever_matches_meets_all_requirements(
    labels: dict[str, str], with_port: bool, criterion: SetCriterion
) -> None:
    if with_port:
        labels = labels | port_markers([HTTP])
    if criterion.matches(labels):
        for alternatives in criterion.requirements():
            assert any(name in labels and value in {None, labels[name]} for name, value in alternatives)
