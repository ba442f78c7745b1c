"""The entrance: both encodings, deletions, and input that is hostile."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catflap.model.decode import decode
from catflap.model.decoded import Decoded, ResourceChange
from catflap.model.resources import Encoding, HostEndpoint, Kind, ProfileLabels, ProfileRules, ResourceKey

ENDPOINT = "/calico/v1/host/h/endpoint/eth0"
ENDPOINT_KEY = ResourceKey(Kind.HOST_ENDPOINT, "eth0", "h")
V3 = "/calico/resources/v3/projectcalico.org/"
RULE = {
    "protocol": "tcp",
    "!protocol": "udp",
    "src_net": "10.0.0.0/8",
    "dst_ports": [80, "90:91"],
    "src_selector": "has(a)",
    "dst_tag": "t",
    "log_prefix": "x",
    "ip_version": 4,
    "action": "allow",
}
V3_RULE = {
    "action": "Allow",
    "protocol": "TCP",
    "source": {"nets": ["10.0.0.0/8"], "notSelector": "has(a)"},
    "destination": {"ports": [443, "8000:8080"]},
    "metadata": {"annotations": {"ticket": "1"}},
}
VALID: dict[str, Any] = {
    "/calico/v1/Ready": "true",
    "/calico/v1/config/X": "y",
    ENDPOINT: {
        "name": "eth0",
        "expected_ipv4_addrs": ["192.0.2.1"],
        "expected_ipv6_addrs": ["2001:db8::1"],
        "labels": {"a": "b"},
        "profile_ids": ["p"],
    },
    "/calico/v1/policy/tier/t/metadata": {"order": 5},
    "/calico/v1/policy/tier/t/policy/p": {
        "selector": "a == 'b'",
        "order": 5,
        "inbound_rules": [RULE],
        "outbound_rules": [{"protocol": "icmp", "icmp_type": 8, "icmp_code": 0}],
        "types": ["ingress"],
        "untracked": False,
    },
    "/calico/v1/policy/profile/p/rules": {"inbound_rules": [RULE]},
    "/calico/v1/policy/profile/p/tags": ["a"],
    "/calico/v1/policy/profile/p/labels": {"a": "b"},
    f"{V3}hostendpoints/x": {
        "apiVersion": "projectcalico.org/v3",
        "kind": "HostEndpoint",
        "metadata": {"name": "x", "labels": {"a": "b"}, "annotations": {"projectcalico.org/metadata": "{}"}},
        "spec": {
            "node": "n",
            "interfaceName": "eth0",
            "expectedIPs": ["192.0.2.1"],
            "profiles": ["p"],
            "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
        },
    },
    f"{V3}globalnetworkpolicies/x": {
        "spec": {
            "tier": "default",
            "order": 5.5,
            "selector": "has(a)",
            "types": ["Ingress", "Egress"],
            "ingress": [V3_RULE, {"action": "Deny", "protocol": "ICMP", "icmp": {"type": 8, "code": 0}}],
            "doNotTrack": False,
        }
    },
    f"{V3}tiers/x": {"spec": {"order": 5, "defaultAction": "Pass"}},
    f"{V3}profiles/x": {"spec": {"egress": [V3_RULE], "labelsToApply": {"a": "b"}}},
    f"{V3}felixconfigurations/default": {"spec": {"a": [1]}},
    f"{V3}clusterinformations/default": {"spec": {"datastoreReady": True}},
}
PATHS = sorted(VALID)


@pytest.mark.parametrize("path", PATHS)
def test_valid_entries_change_every_resource_of_their_path(path: str) -> None:
    decoded = decode(path, msgspec.json.encode(VALID[path]))

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
        (ResourceChange(ENDPOINT_KEY, HostEndpoint("eth0", "h", "eth1")),)
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
        (f"{V3}nodes/x", "Node is not supported"),
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


CRASHES_OF_THE_OLD_AGENT = [
    (ENDPOINT, {"expected_ipv4_addrs": ["192.0.2.1", "bad"]}),
    (ENDPOINT, {"expected_ipv4_addrs": ["bad", "192.0.2.1"]}),
    (ENDPOINT, {"expected_ipv6_addrs": [""]}),
    (ENDPOINT, {"name": "eth0", "profile_ids": None}),
    (ENDPOINT, {"name": "eth0", "profile_ids": 7}),
    *(
        ("/calico/v1/policy/tier/t/policy/p", data)
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
    decoded = decode(path, msgspec.json.encode(data))

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
    decoded = decode(path, raw)

    for problem in decoded.problems:
        assert len(problem.message) < 50_000
        assert "\n" not in problem.message


@pytest.mark.parametrize(
    "path", ["/calico/v1/host/h/endpoint/a\nb", f"{V3}tiers/a\nb", "/calico/v1/policy/tier/\ud800/policy/x"]
)
def test_names_cannot_forge_log_lines(path: str) -> None:
    (problem,) = decode(path, b'{"selector": 1, "name": "x\\ny"}').problems

    assert "\n" not in problem.message
    problem.message.encode()


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def _mutated(draw: st.DrawFn, value: Any) -> Any:
    """The value, with one place in it replaced, removed or added to."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 3)) == 0:
        return draw(_json)
    place = draw(st.sampled_from(list(value) if isinstance(value, dict) else range(len(value))))
    changed: Any = value.copy()
    match draw(st.integers(0, 5)):
        case 0:
            del changed[place]
        case 1 if isinstance(changed, dict):
            changed[f"{place}{draw(st.text(max_size=2))}"] = draw(_json)
        case _:
            changed[place] = _mutated(draw, value[place])
    return changed


@st.composite
def _mutated_entries(draw: st.DrawFn) -> tuple[str, bytes]:
    path = draw(st.sampled_from(PATHS))
    return path, msgspec.json.encode(_mutated(draw, VALID[path]))


def _check(path: str, value: bytes) -> None:
    """An entry is ignored, or each of its keys is set, or each is gone and one problem says why."""
    decoded = decode(path, value)
    present = [change.resource is not None for change in decoded.changes]
    if decoded.ignored is not None:
        assert decoded == Decoded(ignored=decoded.ignored)
    elif decoded.problems:
        assert len(decoded.problems) == 1
        assert decoded.problems[0].reasons
        assert not any(present)
    else:
        assert present
        assert all(present)


@settings(max_examples=600, deadline=None)
@given(_mutated_entries())
def test_mutated_entries_never_raise(entry: tuple[str, bytes]) -> None:
    _check(*entry)


_segments = st.sampled_from(
    ["host", "h", "endpoint", "policy", "tier", "profile", "rules", "metadata", "config", "tiers", ""]
)
_paths = st.builds(
    lambda root, segments: root + "/".join(segments),
    st.sampled_from(["/calico/v1/", V3, "/", ""]),
    st.lists(_segments | st.text(max_size=4), max_size=7),
)


@settings(max_examples=400, deadline=None)
@given(path=_paths | st.sampled_from(PATHS), value=st.binary(max_size=40))
@example(path="/calico/v1/host//endpoint/", value=b"{}")
def test_any_path_and_bytes_never_raise(path: str, value: bytes) -> None:
    _check(path, value)
    decode(path, None)
