"""Addresses as numbers, and sets of networks that can say whether they cover one.

Text is parsed once, when a policy is prepared or a packet arrives. Nothing here knows what the addresses are for.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from catflap.model.resources import IpVersion, ip_version_of


class Address(NamedTuple):
    """An address: its IP version, its value, and the text that people know it by."""

    version: IpVersion
    number: int
    text: str


def parse_address(text: str) -> Address:
    """An address from its text.

    Raises:
        ValueError: it is not an address.
    """
    return Address(ip_version_of(text), int(ipaddress.ip_address(text)), text)


class Networks:
    """Addresses and networks of both IP versions, in any order; they may overlap.

    An address is covered by a network of its own IP version only.
    """

    def __init__(self, members: Iterable[str]) -> None:
        prefixes: dict[IpVersion, dict[int, set[int]]] = {
            4: {},
            6: {},
        }  # by the number of bits behind the prefix
        for member in members:
            network = ipaddress.ip_network(member)
            rest = network.max_prefixlen - network.prefixlen
            prefixes[network.version].setdefault(rest, set()).add(int(network.network_address) >> rest)
        self._prefixes = {version: tuple(found.items()) for version, found in prefixes.items()}

    def cover(self, address: Address) -> bool:
        """Whether the address is one of the members or lies in one."""
        number = address.number
        for rest, prefixes in self._prefixes[address.version]:  # noqa: SIM110 - any() takes twice as long
            if number >> rest in prefixes:
                return True
        return False
