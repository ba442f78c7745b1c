"""The least networks that cover a list of networks, kept up to date as the list changes.

A list of 50,000 networks of which 200 change is not sorted and collapsed anew: that alone would take longer than the
kernel takes for the change. The result is always that of `sets.collapse`.
"""

from __future__ import annotations

import ipaddress
import socket
from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable
from typing import Final

from catflap.model.persistent_set import PersistentSet
from catflap.model.resources import IpVersion

_BITS: Final = {4: 32, 6: 128}
_LENGTH_BITS: Final = (
    8  # of a key, which is the first address and then the length: the largest of equals comes first
)
_LONGEST: Final = (1 << _LENGTH_BITS) - 1


class NetworkCover:
    """Networks of one IP version, and those that cover them.

    Args:
        version: of IP.
        nets: as the model writes them, each with a length.
        cover: what `sets.collapse` makes of them.

    Attributes:
        elements: the cover now.
    """

    def __init__(self, version: IpVersion, nets: Iterable[str], cover: PersistentSet[str]) -> None:
        self._version = version
        self._bits = _BITS[version]
        self._nets = sorted(map(self._key, nets))
        self._cover = sorted(map(self._key, cover))
        self.elements = cover
        self._toggled: set[int] = set()

    def change(self, added: Collection[str], removed: Collection[str]) -> None:
        """Take networks that were not there, and drop some that were."""
        self._toggled.clear()
        self._remove([self._key(net) for net in removed])
        for net in added:
            self._add(self._key(net))
        texts = {key: self._text(key) for key in self._toggled}
        gone = [text for text in texts.values() if text in self.elements]
        self.elements = self.elements.changed(set(texts.values()).difference(gone), gone)

    def _add(self, key: int) -> None:
        insort(self._nets, key)
        if self._block_around(key) is not None:
            return
        self._replace(key, [key])
        while (length := key & _LONGEST) and (half := key ^ self._size(key) << _LENGTH_BITS) in self:
            self._replace(half, [])
            self._replace(key, [])
            key = (min(key, half) >> _LENGTH_BITS << _LENGTH_BITS) | length - 1
            self._replace(key, [key])

    def _remove(self, keys: list[int]) -> None:
        """What is left of a block that loses some of its networks lies within it, so nothing else changes."""
        blocks = {block for key in keys if (block := self._block_around(key)) is not None}
        for key in keys:
            del self._nets[bisect_left(self._nets, key)]
        for block in blocks:
            self._replace(block, self._collapse(self._nets[self._within(self._nets, block)]))

    def _collapse(self, keys: Iterable[int]) -> list[int]:
        """The cover of sorted networks."""
        found: list[int] = []
        for key in keys:
            if found and self._last(found[-1]) >= key >> _LENGTH_BITS:
                continue
            found.append(key)
            while len(found) > 1 and found[-2] ^ found[-1] == self._size(found[-1]) << _LENGTH_BITS:
                found.pop()
                found[-1] -= 1
        return found

    def _replace(self, block: int, keys: list[int]) -> None:
        """Let other networks cover what is within a block."""
        place = self._within(self._cover, block)
        self._toggled.symmetric_difference_update(self._cover[place])
        self._toggled.symmetric_difference_update(keys)
        self._cover[place] = keys

    def __contains__(self, key: int) -> bool:
        place = bisect_left(self._cover, key)
        return place < len(self._cover) and self._cover[place] == key

    def _block_around(self, key: int) -> int | None:
        """The network of the cover that this one lies in."""
        place = bisect_right(self._cover, key) - 1
        if place >= 0 and self._last(self._cover[place]) >= self._last(key):
            return self._cover[place]
        return None

    def _within(self, keys: list[int], block: int) -> slice:
        """Where the networks stand that lie in a block."""
        return slice(
            bisect_left(keys, block), bisect_right(keys, self._last(block) << _LENGTH_BITS | _LONGEST)
        )

    def _size(self, key: int) -> int:
        return 1 << self._bits - (key & _LONGEST)

    def _last(self, key: int) -> int:
        return (key >> _LENGTH_BITS) + self._size(key) - 1

    def _key(self, net: str) -> int:
        address, _, length = net.partition("/")
        packed = socket.inet_pton(socket.AF_INET if self._version == 4 else socket.AF_INET6, address)  # noqa: PLR2004
        return int.from_bytes(packed) << _LENGTH_BITS | int(length or self._bits)

    def _text(self, key: int) -> str:
        address: object = (
            ipaddress.IPv4Address(key >> _LENGTH_BITS)
            if self._version == 4  # noqa: PLR2004  # the IP version
            else ipaddress.IPv6Address(key >> _LENGTH_BITS)
        )
        length = key & _LONGEST
        return str(address) if length == self._bits else f"{address}/{length}"
