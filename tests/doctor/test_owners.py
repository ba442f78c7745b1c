from __future__ import annotations

import pytest

from catflap.doctor.owners import OWNERS, owners


@pytest.mark.parametrize(
    ("family", "table", "chains", "names"),
    [
        ("ip", "filter", ["INPUT", "DOCKER-USER"], ["docker"]),
        ("ip", "filter", ["INPUT", "DOCKER", "ufw-user-input"], ["docker", "ufw"]),
        ("ip", "docker-bridges", ["filter-FORWARD"], ["docker"]),
        ("inet", "firewalld", ["filter_INPUT"], ["firewalld"]),
        ("ip", "filter", ["INPUT", "INPUT_ZONES"], ["firewalld"]),
        ("ip", "kube-proxy", [], ["kube-proxy"]),
        ("ip", "filter", ["KUBE-FIREWALL"], ["kube-proxy"]),
        ("ip6", "filter", ["LIBVIRT_INP"], ["libvirt"]),
        ("ip", "calico", ["filter-INPUT"], ["Calico"]),
        ("ip", "filter", ["cali-INPUT"], ["Calico"]),
        ("ip", "filter", ["felix-INPUT"], ["Calico (Felix 1)"]),
        ("inet", "f2b-table", ["f2b-chain"], ["fail2ban"]),
        ("ip", "filter", ["INPUT"], ["iptables"]),
        ("inet", "filter", ["input"], ["nftables.service"]),
        ("ip", "mine", ["input"], ["unknown"]),
        ("inet", "mine", ["INPUT"], ["unknown"]),
    ],
)
def test_whose_a_table_is(family: str, table: str, chains: list[str], names: list[str]) -> None:
    configured = {("inet", "filter"): "/etc/nftables.conf"}
    assert [each.name for each in owners(family, table, chains, configured)] == names


def test_each_owner_can_be_known_and_helped() -> None:
    for each in OWNERS:
        assert each.remedy
        assert each.tables or each.chains


def test_the_file_that_makes_a_table_is_named() -> None:
    (owner,) = owners("inet", "filter", ["input"], {("inet", "filter"): "/etc/nftables.d/a.nft"})
    assert (
        owner.remedy
        == "allow it in /etc/nftables.d/a.nft too, and load it anew: nft -f /etc/nftables.d/a.nft"
    )
