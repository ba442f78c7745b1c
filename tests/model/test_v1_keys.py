"""What the paths of the guide stand for."""

from __future__ import annotations

import pytest

from catflap.model.resources import ConfigurationValues, Kind, ReadyFlag, ResourceKey
from catflap.model.target import Target
from catflap.model.v1_keys import V1_ROOT, v1_target
from catflap.model.validation import InvalidObjectError


@pytest.mark.parametrize(
    ("path", "key", "subject"),
    [
        ("Ready", ResourceKey(Kind.READY, "Ready"), "Ready flag"),
        ("config/X", ResourceKey(Kind.CONFIGURATION, "X"), "configuration parameter X of all hosts"),
        ("host/h/config/X", ResourceKey(Kind.CONFIGURATION, "X", "h"), "configuration parameter X of host h"),
        ("host/h/endpoint/e", ResourceKey(Kind.HOST_ENDPOINT, "e", "h"), "host endpoint HostEndpointId<e>"),
        (
            "host/h/workload/o/w/endpoint/e",
            ResourceKey(Kind.WORKLOAD_ENDPOINT, "e", "h/o/w"),
            "endpoint WloadEndpointId<e>",
        ),
        ("policy/tier/t/metadata", ResourceKey(Kind.TIER, "t"), "tier data for tier t"),
        ("policy/tier/t/policy/p", ResourceKey(Kind.POLICY, "p", "t"), "policy t/p"),
        ("policy/profile/p/rules", ResourceKey(Kind.PROFILE_RULES, "p"), "profile p rules"),
        ("policy/profile/p/tags", ResourceKey(Kind.PROFILE_TAGS, "p"), "profile p tags"),
        ("policy/profile/p/labels", ResourceKey(Kind.PROFILE_LABELS, "p"), "profile p labels"),
    ],
)
def test_paths_of_ours(path: str, key: ResourceKey, subject: str) -> None:
    target = v1_target(V1_ROOT + path)

    assert isinstance(target, Target)
    assert target.keys == (key,)
    assert target.subject == subject


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("host/h/workload/o/w/endpoint", "unknown key"),
        ("host/h/workload/o/endpoint/e", "unknown key"),
        ("host/h/bird_ip", "BGP data"),
        ("ipam/v4/pool/x", "IPAM data"),
        ("", "unknown key"),
        ("Ready/", "unknown key"),
        ("ready", "unknown key"),
        ("config/", "unknown key"),
        ("config/X/Y", "unknown key"),
        ("host//config/X", "unknown key"),
        ("host/h/endpoint", "unknown key"),
        ("host/h/endpoint/e/f", "unknown key"),
        ("policy/tier/t", "unknown key"),
        ("policy/profile/p/other", "unknown key"),
    ],
)
def test_other_paths(path: str, reason: str) -> None:
    assert v1_target(V1_ROOT + path) == reason


@pytest.mark.parametrize(
    ("raw", "flag"),
    [
        (b"true", ReadyFlag(ready=True, text="true")),
        (b"True", ReadyFlag(ready=False, text="True")),
        (b" true", ReadyFlag(ready=False, text=" true")),
        (b"true\n", ReadyFlag(ready=False, text="true\n")),
        (b"", ReadyFlag(ready=False, text="")),
        (b"\xff", ReadyFlag(ready=False, text="\ufffd")),
    ],
)
def test_only_exactly_true_is_ready(raw: bytes, flag: ReadyFlag) -> None:
    target = v1_target(V1_ROOT + "Ready")

    assert isinstance(target, Target)
    assert target.read(raw) == (flag,)


@pytest.mark.parametrize(("path", "host"), [("config/X", None), ("host/h/config/X", "h")])
def test_parameters_are_kept_as_text(path: str, host: str | None) -> None:
    target = v1_target(V1_ROOT + path)

    assert isinstance(target, Target)
    assert target.read(b" 22 ") == (ConfigurationValues(host, {"X": " 22 "}),)
    with pytest.raises(InvalidObjectError, match="Not UTF-8 text"):
        target.read(b"\xff")
