from __future__ import annotations

import json
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catflap.model.decode import decode
from catflap.model.decoded import Decoded
from catflap.model.resources import HostEndpoint
from catflap.model.v3_usual_endpoint import usual_host_endpoint

PATH = "/calico/resources/v3/projectcalico.org/hostendpoints/h1"


def document(*, metadata: object = None, spec: object = None, **top: object) -> dict[str, Any]:
    """The usual document with parts replaced; a part that is None stays as it is."""
    return {
        "kind": "HostEndpoint",
        "apiVersion": "projectcalico.org/v3",
        "metadata": metadata or {"name": "h1", "uid": "1-2", "labels": {"role": "web"}},
        "spec": spec
        or {
            "node": "host",
            "interfaceName": "eth0",
            "expectedIPs": ["192.0.2.1", "2001:DB8::1"],
            "profiles": ["p"],
        },
        **top,
    }


def test_the_usual_document() -> None:
    assert usual_host_endpoint("h1", json.dumps(document()).encode()) == HostEndpoint(
        "h1", "host", ("eth0",), ("192.0.2.1", "2001:db8::1"), {"role": "web"}, ("p",)
    )


@pytest.mark.parametrize(
    "unusual",
    [
        document(status={}),
        document(kind="HostEndpoints"),
        document(apiVersion=None),
        document(metadata={"name": "other"}),
        document(metadata={"name": "h1", "annotations": {}}),
        document(metadata={"name": "h1", "labels": {"not a name": ""}}),
        document(metadata={"name": "h1", "labels": {"role": 1}}),
        document(spec={"node": "", "interfaceName": "eth0"}),
        document(spec={"node": "host", "interfaceName": "eth*"}),
        document(spec={"node": "host", "interfaceName": ["eth0"]}),
        document(spec={"node": "host", "interfaceName": "eth0", "ports": []}),
        document(spec={"node": "host", "interfaceName": "eth0", "expectedIPs": ["192.0.2.0/24"]}),
        document(spec={"node": "host", "interfaceName": "eth0", "profiles": ["not a name"]}),
        [],
    ],
)
def test_any_other_document_is_left_alone(unusual: object) -> None:
    assert usual_host_endpoint("h1", json.dumps(unusual).encode()) is None


@pytest.mark.parametrize("raw", [b"", b"\xff", b"{" * 100_000, b'{"kind": "HostEndpoint"'])
def test_what_is_no_document_is_left_alone(raw: bytes) -> None:
    assert usual_host_endpoint("h1", raw) is None


METADATA = st.fixed_dictionaries(
    {"name": st.just("h1")},
    optional={
        "labels": st.dictionaries(
            st.sampled_from(("role", "a/b", "not a name")), st.text(max_size=3), max_size=2
        ),
        "uid": st.just("1-2"),
        "generation": st.just(3),
    },
)
SPEC = st.fixed_dictionaries(
    {"node": st.just("host"), "interfaceName": st.sampled_from(("eth0", "eth0.1"))},
    optional={
        "expectedIPs": st.lists(st.sampled_from(("192.0.2.1", "192.0.2.2", "2001:DB8::1")), max_size=3),
        "profiles": st.lists(st.sampled_from(("p", "q")), max_size=3),
    },
)
USUAL = st.builds(lambda metadata, spec: document(metadata=metadata, spec=spec), METADATA, SPEC)
VALUES = st.sampled_from(
    (None, True, 7, "", "h2", "eth*", "x" * 16, "not a name", "10.0.0.0/8", {}, {"x": 1}, {"x": "y"})
)
FIELDS = {
    "": ("kind", "apiVersion", "metadata", "spec", "status", "unknown"),
    "metadata": ("name", "labels", "uid", "creationTimestamp", "annotations", "namespace", "unknown"),
    "spec": ("node", "interfaceName", "expectedIPs", "profiles", "ports", "nodeSelector", "unknown"),
}
SLIPS = st.sampled_from([(part, field) for part, fields in FIELDS.items() for field in fields])


def with_slip(content: dict[str, Any], slip: tuple[str, str], value: object) -> dict[str, Any]:
    part, field = slip
    if not part:
        return {**content, field: value}
    return {**content, part: {**content[part], field: value}}


DOCUMENTS = st.one_of(USUAL, st.builds(with_slip, USUAL, SLIPS, VALUES | st.lists(VALUES, max_size=2)))


def decoded_in_detail(raw: bytes) -> Decoded:
    with mock.patch("catflap.model.v3_documents.usual_host_endpoint", return_value=None):
        return decode(PATH, raw)


@settings(deadline=None, max_examples=300)
@given(DOCUMENTS)
def test_it_makes_no_difference_to_what_is_decoded(content: dict[str, Any]) -> None:
    raw = json.dumps(content).encode()

    assert decode(PATH, raw) == decoded_in_detail(raw)


@settings(deadline=None)
@given(st.lists(st.sampled_from(list(document()["spec"].items())), max_size=6))
def test_a_field_that_stands_twice_makes_no_difference(pairs: list[tuple[str, Any]]) -> None:
    spec = ", ".join(f'"{name}": {json.dumps(value)}' for name, value in [("node", "old"), *pairs])
    raw = json.dumps(document(spec={"here": 0})).replace('"here": 0', spec).encode()

    assert decode(PATH, raw) == decoded_in_detail(raw)
