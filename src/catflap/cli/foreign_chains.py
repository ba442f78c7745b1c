"""Base chains of other tables on a packet's way, which keep their say whatever Catflap allows. Only listed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from catflap.doctor import ChainView, Host, foreign_chains
from catflap.model.resources import IpVersion
from catflap.verdict.packet import Path

_HOOKS: Final[Mapping[Path, frozenset[str]]] = {
    Path.IN: frozenset({"ingress", "prerouting", "input"}),
    Path.OUT: frozenset({"output", "postrouting", "egress"}),
    Path.FORWARD: frozenset({"ingress", "prerouting", "forward", "postrouting", "egress"}),
}
_FAMILIES: Final[Mapping[IpVersion, frozenset[str]]] = {
    4: frozenset({"ip", "inet", "netdev"}),
    6: frozenset({"ip6", "inet", "netdev"}),
}


def on_the_way(host: Host, path: Path, version: IpVersion) -> list[str]:
    """The base chains of others that may drop or change a packet: with rules, or with another policy than accept.

    Each is described as ``ip filter INPUT (policy drop, 3 rules)``.

    Raises:
        ProgramError: the kernel's tables cannot be listed.
    """
    return [
        f"{chain.title} (policy {chain.policy}, {_rules(chain)})"
        for chain in foreign_chains(host)
        if chain.hook in _HOOKS[path] and chain.family in _FAMILIES[version]
        if chain.rules != 0 or chain.policy != "accept"
    ]


def _rules(chain: ChainView) -> str:
    if chain.rules is None:
        return "rules unknown"
    return "1 rule" if chain.rules == 1 else f"{chain.rules} rules"
