"""What the paths of documents stand for."""

from __future__ import annotations

import pytest

from catflap.model.resources import Encoding, Kind, ResourceKey
from catflap.model.target import Target
from catflap.model.v3_documents import V3_ROOT
from catflap.model.v3_keys import v3_target


def v3_key(kind: Kind, name: str, scope: str = "") -> ResourceKey:
    return ResourceKey(kind, name, scope, Encoding.V3)


@pytest.mark.parametrize(
    ("path", "keys", "subject"),
    [
        ("hostendpoints/a", [v3_key(Kind.HOST_ENDPOINT, "a")], "HostEndpoint a"),
        ("globalnetworkpolicies/a.b", [v3_key(Kind.POLICY, "a.b")], "GlobalNetworkPolicy a.b"),
        ("networkpolicies/ns/a", [v3_key(Kind.POLICY, "a", "ns")], "NetworkPolicy ns/a"),
        ("globalnetworksets/a", [v3_key(Kind.NETWORK_SET, "a")], "GlobalNetworkSet a"),
        ("networksets/ns/a", [v3_key(Kind.NETWORK_SET, "a", "ns")], "NetworkSet ns/a"),
        ("workloadendpoints/ns/a", [v3_key(Kind.WORKLOAD_ENDPOINT, "a", "ns")], "WorkloadEndpoint ns/a"),
        ("nodes/a", [v3_key(Kind.NODE, "a")], "Node a"),
        (
            "stagedglobalnetworkpolicies/a",
            [v3_key(Kind.STAGED_POLICY, "a")],
            "StagedGlobalNetworkPolicy a",
        ),
        ("tiers/a", [v3_key(Kind.TIER, "a")], "Tier a"),
        ("profiles/a", [v3_key(Kind.PROFILE_RULES, "a"), v3_key(Kind.PROFILE_LABELS, "a")], "Profile a"),
        (
            "felixconfigurations/default",
            [v3_key(Kind.CONFIGURATION, "default")],
            "FelixConfiguration default",
        ),
        (
            "felixconfigurations/node.h",
            [v3_key(Kind.CONFIGURATION, "node.h", "h")],
            "FelixConfiguration node.h",
        ),
        ("felixconfigurations/other", [], "FelixConfiguration other"),
        ("clusterinformations/default", [v3_key(Kind.READY, "default")], "ClusterInformation default"),
        ("clusterinformations/other", [], "ClusterInformation other"),
    ],
)
def test_paths_of_ours(path: str, keys: list[ResourceKey], subject: str) -> None:
    target = v3_target(V3_ROOT + path)

    assert isinstance(target, Target)
    assert list(target.keys) == keys
    assert target.subject == subject


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("ippools/a", "IPPool is not supported"),
        ("stagednetworkpolicies/ns/a", "StagedNetworkPolicy is not supported"),
        ("tires/a", "kind 'tires' is not known. Did you mean 'tiers'?"),
        ("", "kind '' is not known."),
        ("networkpolicies/a", "unknown key"),
        ("networkpolicies//a", "unknown key"),
        ("networkpolicies/ns/a/b", "unknown key"),
        ("tiers", "unknown key"),
        ("tiers/", "unknown key"),
        ("tiers/a/b", "unknown key"),
    ],
)
def test_other_paths(path: str, reason: str) -> None:
    assert v3_target(V3_ROOT + path) == reason
