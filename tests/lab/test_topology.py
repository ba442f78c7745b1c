from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from catflap.lab.topology import HOST_MANAGEMENT, HOST_PUBLIC, MGMT, STORE, STRANGER, WEB, DualStack

DOCUMENTATION = [ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32")]
ALL = (HOST_MANAGEMENT, MGMT, STORE, HOST_PUBLIC, WEB, STRANGER)


@pytest.mark.parametrize("addresses", ALL)
def test_addresses_are_from_documentation_ranges(addresses: DualStack) -> None:
    for address in addresses:
        assert any(ip_address(address) in net for net in DOCUMENTATION)


def test_no_address_is_used_twice() -> None:
    assert len({address for addresses in ALL for address in addresses}) == 2 * len(ALL)


def test_prefix_lengths_are_those_of_the_networks() -> None:
    assert MGMT.with_prefix == ("192.0.2.10/24", "2001:db8:1::10/64")
