"""Whose an address is: the endpoints and network sets that have it, with the labels that selectors of rules see.

For the ends of a packet that no policy is asked about: a slip in a rule's selector shows where both stand side by side.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterator, Mapping
from typing import Final

import msgspec

from catflap.cli.hosts import Host
from catflap.cli.world import World
from catflap.model import HostEndpoint, ResourceKey
from catflap.model.resources import NetworkSet, WorkloadEndpoint
from catflap.policy.endpoints import describe

MOST_OWNERS: Final = 5


class Owner(msgspec.Struct, frozen=True):
    """An endpoint or network set that has an address; ``title`` names it for people."""

    address: str
    title: str
    labels: Mapping[str, str]


def owners(world: World, host: Host, address: str, known: Container[ResourceKey | None] = ()) -> list[Owner]:
    """Everything that has an address, endpoints first; of very many the first `MOST_OWNERS`.

    Args:
        world: where to look.
        host: any host of it, whose engine knows all labels.
        address: a canonical address.
        known: what is to be left out.
    """
    found: list[Owner] = []
    for key in (each for each in _keys(world, address) if each not in known):
        if len(found) == MOST_OWNERS:
            break
        labels = dict(sorted(host.engine.effective_labels(key).items()))
        found.append(Owner(address, describe(key), labels))
    return found


def _keys(world: World, address: str) -> Iterator[ResourceKey]:
    for key, host_endpoint in world.resources.of(HostEndpoint).items():
        if address in host_endpoint.expected_ips:
            yield key
    for key, workload in world.resources.of(WorkloadEndpoint).items():
        if address in workload.addresses:
            yield key
    looked_for = ipaddress.ip_address(address)
    for key, network_set in world.resources.of(NetworkSet).items():
        if any(looked_for in ipaddress.ip_network(net, strict=False) for net in network_set.nets):
            yield key
