"""Whose a table probably is, by the names that other products give tables and chains, and what helps with each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec


class Owner(msgspec.Struct, frozen=True):
    """A product that programs the kernel's packet filter.

    Attributes:
        name: of the product.
        remedy: what lets a packet pass there that Catflap allows.
        tables: a pattern for the names of its tables in nf_tables.
        chains: a pattern for the names of its chains, in tables that several share.
    """

    name: str
    remedy: str
    tables: str = ""
    chains: str = ""


_KUBERNETES: Final = "these rules serve Kubernetes services: leave them to it"

OWNERS: Final = (
    Owner(
        "docker",
        "let forwarded packets pass in its chain DOCKER-USER: iptables -I DOCKER-USER -i IN -o OUT -j ACCEPT",
        "docker-bridges",
        r"DOCKER.*",
    ),
    Owner(
        "firewalld",
        "allow it there too (firewall-cmd --permanent --add-service=NAME, or --zone=trusted --add-interface=NAME, then "
        "firewall-cmd --reload), or disable firewalld",
        r"firewalld(_.*)?",
        r"(INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING)_(direct|ZONES|IN_ZONES|OUT_ZONES)",
    ),
    Owner("ufw", "allow it there too (ufw allow PORT/PROTOCOL), or disable it: ufw disable", "", r"ufw6?-.+"),
    Owner("kube-proxy", _KUBERNETES, "kube-proxy", r"KUBE-.+"),
    Owner("CNI plugins", _KUBERNETES, "cni_hostport|cni-plugins", r"CNI-.+"),
    Owner(
        "libvirt",
        "allow it in the network of libvirt (virsh net-edit NAME), or in a hook script of libvirt",
        "libvirt_network",
        r"LIBVIRT_.+",
    ),
    Owner(
        "Calico", "stop Calico's agent, then: catflap doctor --remove-leftovers", r"calico(-arp)?", r"cali-.+"
    ),
    Owner("Calico (Felix 1)", "stop calico-felix, then: catflap doctor --remove-leftovers", "", r"felix-.+"),
    Owner(
        "fail2ban",
        "look whether it has banned the address: fail2ban-client status",
        r"f2b-table",
        r"f2b-.+|fail2ban-.+",
    ),
    Owner(
        "CrowdSec",
        "look whether it has banned the address: cscli decisions list",
        r"crowdsec6?",
        "CROWDSEC.*",
    ),
    Owner("podman", "allow it in the network of podman", "netavark", r"NETAVARK.*"),
    Owner("Incus/LXD", "allow it in the network of that product, or in its security.acls", "incus|lxd", ""),
    Owner(
        "Tailscale",
        "allow it in the policy of the tailnet, or: tailscale up --netfilter-mode=off",
        "",
        r"ts-.+",
    ),
    Owner(
        "Proxmox VE",
        "allow it there too, or disable the firewall of this node",
        r"proxmox-firewall.*",
        r"PVEFW-.+",
    ),
    Owner("foomuuri", "allow it there too, or disable foomuuri", "foomuuri", ""),
    Owner("Shorewall", "allow it there too, or: shorewall clear", "", r"sha-lh-.+|shorewall"),
    Owner("Cilium", _KUBERNETES, "cilium.*", r"CILIUM_.+"),
)

_BUILT_IN: Final = frozenset({"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"})
_CONFIGURED: Final = Owner("nftables.service", "allow it in {path} too, and load it anew: nft -f {path}")
IPTABLES: Final = Owner(
    "iptables",
    "allow it there too: {program} -I {chain} …; or, if nobody needs these rules, {program} -P {chain} ACCEPT",
)
UNKNOWN: Final = Owner("unknown", "allow it there too, or find out who makes this table: nft monitor ruleset")


def owners(
    family: str, table: str, chains: Iterable[str], configured: Mapping[tuple[str, str], str]
) -> tuple[Owner, ...]:
    """Whose a table is; several where products share one of iptables' tables.

    Args:
        family: of the table.
        table: its name.
        chains: the names of its chains.
        configured: the files that define tables at boot, by family and name.
    """
    listed = list(chains)
    found = [each for each in OWNERS if _is_of(each, table, listed)]
    if found:
        return tuple(found)
    if (family, table) in configured:
        return (
            msgspec.structs.replace(
                _CONFIGURED, remedy=_CONFIGURED.remedy.replace("{path}", configured[family, table])
            ),
        )
    is_iptables = family in ("ip", "ip6") and not _BUILT_IN.isdisjoint(listed)
    return (IPTABLES,) if is_iptables else (UNKNOWN,)


def _is_of(owner: Owner, table: str, chains: list[str]) -> bool:
    by_table = owner.tables and re.fullmatch(owner.tables, table)
    return bool(by_table or (owner.chains and any(re.fullmatch(owner.chains, chain) for chain in chains)))
