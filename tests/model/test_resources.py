"""The few things that resources can do by themselves."""

from __future__ import annotations

import pytest

from catflap.model.resources import Encoding, Kind, PortRange, ResourceKey, ip_version_of


@pytest.mark.parametrize(
    ("address", "version"), [("192.0.2.1", 4), ("10.0.0.0/8", 4), ("::/0", 6), ("2001:db8::1", 6)]
)
def test_a_colon_tells_ipv6(address: str, version: int) -> None:
    assert ip_version_of(address) == version


@pytest.mark.parametrize(("ports", "text"), [(PortRange(80, 80), "80"), (PortRange(1, 9), "1-9")])
def test_ports_as_text(ports: PortRange, text: str) -> None:
    assert str(ports) == text


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (ResourceKey(Kind.HOST_ENDPOINT, "eth0", "h"), "HostEndpoint h/eth0"),
        (ResourceKey(Kind.TIER, "t"), "Tier t"),
    ],
)
def test_keys_as_text(key: ResourceKey, text: str) -> None:
    assert str(key) == text


@pytest.mark.parametrize(
    ("key", "namespace"),
    [
        (ResourceKey(Kind.POLICY, "p", "shop", Encoding.V3), "shop"),
        (ResourceKey(Kind.POLICY, "p", "", Encoding.V3), ""),
        (ResourceKey(Kind.POLICY, "p", "default", Encoding.V1), ""),
        (ResourceKey(Kind.WORKLOAD_ENDPOINT, "w", "shop", Encoding.V3), "shop"),
        (ResourceKey(Kind.CONFIGURATION, "node.web1", "web1", Encoding.V3), ""),
        (ResourceKey(Kind.HOST_ENDPOINT, "e", "web1", Encoding.V3), ""),
    ],
)
def test_a_scope_is_a_namespace_where_the_kind_has_one(key: ResourceKey, namespace: str) -> None:
    assert key.namespace == namespace
