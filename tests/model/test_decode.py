"""The entrance: both encodings, deletions, and input that is hostile."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.model.corpus import ENTRIES, PAIRS, V1, V3, Pair
from tests.model.mutation import mutated_entry

from catflap.model.changes import CHANGE_PATH
from catflap.model.decode import decode
from catflap.model.decoded import Decoded, ResourceChange
from catflap.model.resources import Encoding, HostEndpoint, Kind, ProfileLabels, ProfileRules, ResourceKey

ENDPOINT = f"{V1}host/h/endpoint/eth0"
ENDPOINT_KEY = ResourceKey(Kind.HOST_ENDPOINT, "eth0", "h")
PATHS = sorted(ENTRIES)


@pytest.mark.parametrize("path", PATHS)
def test_valid_entries_change_every_resource_of_their_path(path: str) -> None:
    decoded = decode(path, msgspec.json.encode(ENTRIES[path]))

    assert decoded.problems == ()
    assert decoded.ignored is None
    assert all(change.resource is not None for change in decoded.changes)
    assert [change.key for change in decoded.changes] == [change.key for change in decode(path, None).changes]


@pytest.mark.parametrize("path", PATHS)
def test_deletion_takes_every_resource_of_the_path_away(path: str) -> None:
    decoded = decode(path, None)

    assert decoded.problems == ()
    assert decoded.changes
    assert all(change.resource is None for change in decoded.changes)


@pytest.mark.parametrize("value", [b'{"id": "a1"}', b"\xff", None])
def test_the_header_of_a_change_is_no_policy(value: bytes | None) -> None:
    assert decode(CHANGE_PATH, value) == Decoded()


def test_every_kind_is_in_the_corpus() -> None:
    kinds = {
        (change.key.kind, change.key.encoding) for path in PATHS for change in decode(path, None).changes
    }

    v3_only = {Kind.NETWORK_SET, Kind.NODE, Kind.STAGED_POLICY}
    assert {kind for kind, encoding in kinds if encoding is Encoding.V1} == set(Kind) - v3_only
    assert {kind for kind, encoding in kinds if encoding is Encoding.V3} == set(Kind) - {Kind.PROFILE_TAGS}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_both_encodings_mean_the_same(pair: Pair) -> None:
    v1 = [
        change.resource
        for path, value in pair.v1.items()
        for change in decode(path, value.encode() if path.endswith("Ready") else _json(value)).changes
    ]
    v3 = [change.resource for change in decode(pair.v3_path, _json(pair.v3)).changes]

    assert None not in v1
    assert v1 == v3


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)


def test_the_message_of_the_guide() -> None:
    decoded = decode(ENDPOINT, b'{ "labels": {"foo": "bar"}, "profile_ids": ["prof1"]}')

    assert decoded.changes == (ResourceChange(ENDPOINT_KEY, None),)
    (problem,) = decoded.problems
    assert problem.path == ENDPOINT
    assert problem.message == (
        "Validation failed for host endpoint HostEndpointId<eth0>, treating as missing: "
        "'name' or 'expected_ipvX_addrs' must be present.; "
        """'{ "labels": {"foo": "bar"}, "profile_ids": ["prof1"]}'"""
    )


def test_a_valid_host_endpoint() -> None:
    assert decode(ENDPOINT, b'{"name": "eth1"}') == Decoded(
        (ResourceChange(ENDPOINT_KEY, HostEndpoint("eth0", "h", ("eth1",))),)
    )


def test_a_profile_document_changes_rules_and_labels() -> None:
    keys = [ResourceKey(kind, "x", "", Encoding.V3) for kind in (Kind.PROFILE_RULES, Kind.PROFILE_LABELS)]

    assert decode(f"{V3}profiles/x", b"{}").changes == (
        ResourceChange(keys[0], ProfileRules("x")),
        ResourceChange(keys[1], ProfileLabels("x")),
    )
    assert decode(f"{V3}profiles/x", b"bad").changes == tuple(ResourceChange(key, None) for key in keys)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/calico/v1/ipam/x", "IPAM data"),
        (f"{V3}ippools/x", "IPPool is not supported"),
        ("/calico/felix/v1/host/h/status", "not below a root of policy data"),
        ("", "not below a root of policy data"),
    ],
)
def test_entries_that_are_not_ours(path: str, reason: str) -> None:
    assert decode(path, b"anything") == decode(path, None) == Decoded(ignored=reason)


def test_an_unsupported_name_is_a_problem_without_changes() -> None:
    decoded = decode(f"{V3}felixconfigurations/special", b"{}")

    assert decoded.changes == ()
    assert len(decoded.problems) == 1


WORKLOAD = f"{V1}host/h/workload/o/w/endpoint/e"
POLICY = f"{V1}policy/tier/t/policy/p"
CRASHES_OF_THE_OLD_AGENT = [
    (ENDPOINT, {"expected_ipv4_addrs": ["192.0.2.1", "bad"]}),
    (ENDPOINT, {"expected_ipv4_addrs": ["bad", "192.0.2.1"]}),
    (ENDPOINT, {"expected_ipv6_addrs": [""]}),
    (ENDPOINT, {"name": "eth0", "profile_ids": None}),
    (ENDPOINT, {"name": "eth0", "profile_ids": 7}),
    (WORKLOAD, {"state": "active", "name": "cali1", "ipv4_nat": ["x"]}),
    (WORKLOAD, {"state": "active", "name": "cali1", "profile_ids": 7}),
    *(
        (POLICY, data)
        for data in (
            {"selector": None},
            {"selector": 7},
            {"selector": ["all()"]},
            {"selector": "", "inbound_rules": [{"src_selector": 7}]},
            {"selector": "", "inbound_rules": [{"dst_selector": {}}]},
            {"selector": "", "inbound_rules": [{"src_tag": 7}]},
            {"selector": "", "inbound_rules": [{"action": []}]},
            {"selector": "", "inbound_rules": [{"action": {}}]},
            {"selector": "", "inbound_rules": [{"protocol": []}]},
            {"selector": "", "inbound_rules": [{"protocol": {}}]},
        )
    ),
]


@pytest.mark.parametrize(("path", "data"), CRASHES_OF_THE_OLD_AGENT)
def test_what_crashed_the_old_agent_is_an_ordinary_problem(path: str, data: Any) -> None:
    decoded = decode(path, _json(data))

    assert [change.resource for change in decoded.changes] == [None]
    (problem,) = decoded.problems
    assert problem.message.startswith("Validation failed for ")


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"name": "eth0", "x": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"labels": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"name": ' + b"1" * 4000 + b"}",
        b'{"expected_ipv4_addrs": [' + b"1," * 500_000 + b"1]}",
        b'{"spec": {"nets": [' + b"1," * 500_000 + b"1]}}",
        b'{"profile_ids": ["' + b"x" * 1_000_000 + b'"]}',
        b'{"name": "\\ud800"}',
        b"\xff\xfe",
        b"NaN",
        b"",
    ],
    ids=lambda raw: raw[:16].hex(),
)
@pytest.mark.parametrize("path", PATHS)
def test_hostile_values_give_short_messages(path: str, raw: bytes) -> None:
    _check(path, raw)


@pytest.mark.parametrize(
    "path",
    [
        f"{V1}host/h/endpoint/a\nb",
        f"{V1}host/h\n/workload/o\n/w/endpoint/a\nb",
        f"{V3}tiers/a\nb",
        f"{V3}networksets/a\n'\"/b",
        "/calico/v1/policy/tier/\ud800/policy/x",
    ],
)
def test_names_cannot_forge_log_lines(path: str) -> None:
    (problem,) = decode(path, b'{"selector": 1, "name": "x\\ny"}').problems

    assert "\n" not in problem.message
    problem.message.encode()


def _check(path: str, value: bytes) -> None:
    """An entry is ignored, or each of its keys is set, or each is gone and one problem says why in one line."""
    decoded = decode(path, value)
    present = [change.resource is not None for change in decoded.changes]
    if decoded.ignored is not None:
        assert decoded == Decoded(ignored=decoded.ignored)
    elif decoded.problems:
        (problem,) = decoded.problems
        assert problem.reasons
        assert problem.message.isprintable()
        assert len(problem.message) < 50_000
        assert not any(present)
    else:
        assert present
        assert all(present)


@pytest.mark.parametrize("seed", range(20))
def test_mutated_entries_never_raise(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(5000):
        path = chance.choice(PATHS)
        _check(path, mutated_entry(chance, ENTRIES[path]))


_WORDS = "host h endpoint workload policy tier profile rules metadata config tiers networkpolicies ns"
_segments = st.sampled_from([*_WORDS.split(), ""])
_paths = st.builds(
    lambda root, segments: root + "/".join(segments),
    st.sampled_from([V1, V3, "/", ""]),
    st.lists(_segments | st.text(max_size=4), max_size=7),
)


@settings(max_examples=400, deadline=None)
@given(path=_paths | st.sampled_from(PATHS), value=st.binary(max_size=40))
@example(path="/calico/v1/host//endpoint/", value=b"{}")
def test_any_path_and_bytes_never_raise(path: str, value: bytes) -> None:
    _check(path, value)
    decode(path, None)
