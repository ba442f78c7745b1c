"""Listings as the programs print them, and hosts that have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from catflap.doctor import MemoryHost, Process, ProgramError
from catflap.doctor.kernel import APART, TRY
from catflap.doctor.nft_listing import ALL_CHAINS

LIST = "nft --terse list table"

OWN = """\
table inet catflap {
	map ingress_interfaces {
		type ifname : verdict
	}

	chain in-eth0 {
		ct state established,related accept comment "established"
		drop comment "nothing has allowed it"
	}

	chain input {
		type filter hook input priority filter - 5; policy accept;
		iifname vmap @ingress_interfaces comment "interfaces known by name"
	}
}
"""
UFW = """\
table ip filter {
	chain ufw-user-input {
		tcp dport 80 counter packets 0 bytes 0 accept
	}

	chain INPUT {
		type filter hook input priority filter; policy drop;
		counter packets 9 bytes 540 jump ufw-user-input
	}
}
"""
AGENT = Process(71, ("/opt/catflap/bin/python3", "/opt/catflap/bin/catflap", "agent"))


def chain(
    family: str, table: str, name: str, hook: str = "", priority: int = 0, policy: str = "accept"
) -> dict[str, Any]:
    base = {"type": "filter", "hook": hook, "prio": priority, "policy": policy} if hook else {}
    return {"chain": {"family": family, "table": table, "name": name, **base}}


OWN_CHAINS = (chain("inet", "catflap", "in-eth0"), chain("inet", "catflap", "input", "input", -5))
UFW_CHAINS = (chain("ip", "filter", "ufw-user-input"), chain("ip", "filter", "INPUT", "input", 0, "drop"))


def host(
    *chains: Mapping[str, Any],
    programs: Mapping[str, str | ProgramError] | None = None,
    files: Mapping[str, str] | None = None,
    running: tuple[Process, ...] = (AGENT,),
) -> MemoryHost:
    """A host on which our agent runs and all is well, but for what is given."""
    objects = [{"metainfo": {"version": "1.0.6"}}, *OWN_CHAINS, *chains]
    installed: dict[str, str | ProgramError] = {
        " ".join(ALL_CHAINS): json.dumps({"nftables": objects}),
        f"{LIST} inet catflap": OWN,
        f"{LIST} ip filter": UFW,
        "nft --version": "nftables v1.0.6 (Lester Gooch #5)\n",
        f"{' '.join(APART)} true": "",
        " ".join(TRY): "",
    }
    return MemoryHost({**installed, **(programs or {})}, files, running)
