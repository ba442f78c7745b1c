"""From what a test calls its ends to the places that packets are sent from and to.

Whatever cannot be found is an error with a reason: nothing that a test names may silently be nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from catflap.check.inventory import Inventory
from catflap.check.policytest.document import AddressEnd, End, EndpointEnd, InterfaceEnd, SelectorEnd
from catflap.check.policytest.hosts import Hosts
from catflap.model.names import suggestion
from catflap.model.resources import ResourceKey, WorkloadEndpoint
from catflap.policy.endpoints import addresses_of


class UnresolvedError(Exception):
    """An end of a test stands for nothing. The text says why."""


class Station(msgspec.Struct, frozen=True):
    """One place that packets come from or go to. Outside of all endpoints there is neither host nor interface."""

    title: str
    addresses: tuple[str, ...]
    host: str | None = None
    interface: str = ""
    key: ResourceKey | None = None
    is_workload: bool = False


class Resolver:
    """Finds the stations of ends among the endpoints of some files."""

    def __init__(self, inventory: Inventory, hosts: Hosts) -> None:
        self._hosts = hosts
        self._labels = {
            each.key: labels
            for each, labels in zip(inventory.endpoints, inventory.endpoint_labels, strict=True)
        }
        self._endpoints = dict(hosts.endpoints())

    def stations(self, end: End) -> list[Station]:
        """All stations that an end stands for, one at least.

        Raises:
            UnresolvedError: there are none, or one has no address.
        """
        match end:
            case AddressEnd():
                return [Station(end.address, (end.address,))]
            case EndpointEnd():
                return self._at(self._named(end.name), end.address)
            case InterfaceEnd():
                return [self._at_interface(end)]
            case SelectorEnd():
                keys = [key for key, labels in self._labels.items() if end.selector.matches(labels)]
                if not keys:
                    raise UnresolvedError(f"{end.selector} matches no endpoint")
                return [station for key in keys for station in self._at(key, None)]

    def having(self, address: str) -> str:
        """A hint that names the endpoint that has an address; empty if none has it."""
        for key, endpoint in self._endpoints.items():
            if address in addresses_of(endpoint):
                return f" {address} is an address of {key.name}: name the endpoint."
        return ""

    def _named(self, name: str) -> ResourceKey:
        found = [key for key in self._endpoints if name in _names(key)]
        if not found:
            known = [each for key in self._endpoints for each in _names(key)]
            raise UnresolvedError(f"there is no endpoint {name!r}.{suggestion(name, known)}")
        if len(found) > 1:
            raise UnresolvedError(
                f"{name!r} may be {' or '.join(map(str, found))}; write host and interface instead"
            )
        return found[0]

    def _at(self, key: ResourceKey, address: str | None) -> list[Station]:
        """The stations of an endpoint: each of its interfaces on each of its hosts."""
        endpoint = self._endpoints[key]
        hosts = self._hosts.of_endpoint(endpoint)
        if not hosts:
            raise UnresolvedError(f"no known Node matches the node selector of {key.name}")
        stations = [
            self._station(key, host, interface, address)
            for host in hosts
            for interface in self._hosts.interfaces(host, key)
        ]
        if not stations:
            raise UnresolvedError(
                f"{key.name} polices no interface: another endpoint does, or it is not active"
            )
        return stations

    def _at_interface(self, end: InterfaceEnd) -> Station:
        key = self._hosts.covering(end.host, end.interface)
        if key is None:
            known = {host for each in self._endpoints.values() for host in self._hosts.of_endpoint(each)}
            hint = "" if end.host in known else suggestion(end.host, known)
            raise UnresolvedError(f"no endpoint polices {end.interface} on {end.host}.{hint}")
        return self._station(key, end.host, end.interface, end.address)

    def _station(self, key: ResourceKey, host: str, interface: str, address: str | None) -> Station:
        endpoint = self._endpoints[key]
        own = addresses_of(endpoint) or self._hosts.addresses(host, interface)
        addresses = (address,) if address else own
        if not addresses:
            raise UnresolvedError(
                f"{key.name} has no addresses: give it some, or write {{endpoint: {key.name}, address: …}}"
            )
        return Station(key.name, addresses, host, interface, key, isinstance(endpoint, WorkloadEndpoint))


def _names(key: ResourceKey) -> Iterable[str]:
    return (key.name, f"{key.scope}/{key.name}") if key.scope else (key.name,)
