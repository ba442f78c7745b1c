"""Which host endpoint polices which interface.

One decision for both IP versions. Of several endpoints for one interface an exact name beats an expected address,
then the lowest id wins; the loser is reported, and takes over when the winner goes. (The old system decided for each
IP version apart and did not see conflicts by name: deleting one of two endpoints left the interface open.)
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from catflap.model.resources import HostEndpoint, ResourceKey


class Resolution:
    """The winner of each interface, and what users should know about the losers."""

    def __init__(self) -> None:
        self.winners: dict[str, ResourceKey] = {}
        self.notices: list[str] = []


def resolve_interfaces(
    endpoints: Mapping[ResourceKey, HostEndpoint],
    addresses: Mapping[str, AbstractSet[str]],
    workload_prefixes: tuple[str, ...],
) -> Resolution:
    """Decide for every interface that an endpoint names, or that carries an expected address.

    Args:
        endpoints: the endpoints of this host only.
        addresses: the addresses of each existing interface, by interface name.
        workload_prefixes: names that begin so are workload interfaces; host endpoints never police them.

    Returns:
        A named interface is decided at once, whether or not it exists yet.
    """
    resolution = Resolution()
    candidates: dict[str, list[tuple[int, str, ResourceKey]]] = {}
    for key, endpoint in endpoints.items():
        for rank, interface in _claims(endpoint, addresses):
            if interface.startswith(workload_prefixes):
                resolution.notices.append(
                    f"Host endpoint {endpoint.name} matches the workload interface {interface} and does not police"
                    " it: rename the interface, or change InterfacePrefix"
                )
                continue
            if interface not in addresses:
                resolution.notices.append(
                    f"Host endpoint {endpoint.name} names the interface {interface}, which does not exist (yet)"
                )
            candidates.setdefault(interface, []).append((rank, endpoint.name, key))
    for interface, claims in sorted(candidates.items()):
        claims.sort()
        resolution.winners[interface] = claims[0][2]
        if len(claims) > 1:
            losers = ", ".join(name for _, name, _ in claims[1:])
            resolution.notices.append(
                f"Interface {interface} matched with multiple entries in datamodel; using {claims[0][1]},"
                f" not {losers}"
            )
    return resolution


def _claims(endpoint: HostEndpoint, addresses: Mapping[str, AbstractSet[str]]) -> list[tuple[int, str]]:
    """The interfaces that an endpoint asks for, with the rank of its claim: 0 by name, 1 by address."""
    if endpoint.interface_name is not None:
        return [(0, endpoint.interface_name)]
    expected = set(endpoint.expected_ips)
    return [(1, interface) for interface, present in addresses.items() if not expected.isdisjoint(present)]
