"""Which objects carry which addresses and named ports, in both directions.

Nearly every address has one carrier only: a set is kept for the few that have more. It knows nothing of labels.
"""

from __future__ import annotations

from collections.abc import Iterable

from catflap.model.resources import EndpointPort, ResourceKey


class Carriers:
    """The addresses (or networks) and ports of all endpoints and network sets."""

    def __init__(self) -> None:
        self._addresses: dict[ResourceKey, tuple[str, ...]] = {}
        self._ports: dict[ResourceKey, tuple[EndpointPort, ...]] = {}  # of those that have any
        self._first: dict[str, ResourceKey] = {}
        self._others: dict[
            str, set[ResourceKey]
        ] = {}  # of addresses with several carriers, all but the first

    def carries(self, key: ResourceKey, addresses: tuple[str, ...], ports: tuple[EndpointPort, ...]) -> bool:
        """Whether the object is known and carries exactly this."""
        return self._addresses.get(key) == addresses and self.ports(key) == ports

    def addresses(self, key: ResourceKey) -> tuple[str, ...]:
        """The addresses of a known object."""
        return self._addresses[key]

    def ports(self, key: ResourceKey) -> tuple[EndpointPort, ...]:
        """The named ports of an object."""
        return self._ports.get(key, ())

    def of(self, address: str) -> Iterable[ResourceKey]:
        """The objects that carry exactly this address or network."""
        first = self._first.get(address)
        if first is not None:
            yield first
            yield from self._others.get(address, ())

    def add(self, key: ResourceKey, addresses: tuple[str, ...], ports: tuple[EndpointPort, ...]) -> None:
        """Add an object that is not known yet; no address stands twice."""
        self._addresses[key] = addresses
        if ports:
            self._ports[key] = ports
        self._take(key, addresses)

    def change(self, key: ResourceKey, addresses: tuple[str, ...]) -> None:
        """Let a known object carry other addresses; its ports stay."""
        old = self._addresses[key]
        self._addresses[key] = addresses
        self._drop(key, set(old).difference(addresses))
        self._take(key, set(addresses).difference(old))

    def remove(self, key: ResourceKey) -> None:
        """Forget an object. Removing one that is not known changes nothing."""
        self._ports.pop(key, None)
        self._drop(key, self._addresses.pop(key, ()))

    def _take(self, key: ResourceKey, addresses: Iterable[str]) -> None:
        for address in addresses:
            if self._first.setdefault(address, key) is not key:
                self._others.setdefault(address, set()).add(key)

    def _drop(self, key: ResourceKey, addresses: Iterable[str]) -> None:
        for address in addresses:
            others = self._others.get(address)
            if others is None:
                del self._first[address]
                continue
            if self._first[address] == key:
                self._first[address] = others.pop()
            else:
                others.remove(key)
            if not others:
                del self._others[address]
