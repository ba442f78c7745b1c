from __future__ import annotations

from catflap.model.resources import ip_version_of
from catflap.prove.topology import (
    CABLES,
    LOCAL,
    LOOPBACK,
    REMOTE,
    ROUTES,
    TRANSLATIONS,
    addresses,
    mac_of,
    peer_mac_of,
)


def test_the_host_reaches_itself_over_loopback_and_others_over_their_cable() -> None:
    assert {ROUTES[address] for found in LOCAL.values() for address in found} == {LOOPBACK}
    assert all(ROUTES[address] == name for name, found in REMOTE.items() for address in found)


def test_every_cable_leads_to_somebody_of_either_ip_version() -> None:
    assert REMOTE.keys() == set(CABLES)
    assert all({ip_version_of(each) for each in found} == {4, 6} for found in REMOTE.values())


def test_translations_lead_to_where_there_is_a_route_and_to_no_further_translation() -> None:
    for old, new in TRANSLATIONS.items():
        assert old.address in ROUTES
        assert new.address in ROUTES
        assert new not in TRANSLATIONS
        assert ip_version_of(old.address) == ip_version_of(new.address)


def test_no_two_ends_of_cables_share_a_mac_address() -> None:
    macs = [end(name) for name in CABLES for end in (mac_of, peer_mac_of)]
    assert len(set(macs)) == len(macs)


def test_the_agent_is_told_what_the_interfaces_carry() -> None:
    assert addresses().keys() == {*CABLES, LOOPBACK}
    assert "10.0.1.1" in addresses()["eth1"]
