"""The few things that resources can do by themselves."""

from __future__ import annotations

import pytest

from catflap.model.resources import Kind, PortRange, ResourceKey, ip_version_of


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
