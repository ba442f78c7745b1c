"""One set that rules refer to: who is in it now, and the immutable value of it.

An address leaves a set only when the last matching object that brought it has left: objects may share addresses. The
carriers of an address tell that, so nothing is counted per set. The value is made anew only when members have changed
and it is asked for: this copy is the one cost that grows with the set (measured: 0.8 ms for 50,000 members, 2 µs for
1,000).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Iterator
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Generic, TypeVar

from catflap.model.resources import ResourceKey
from catflap.model.selector import Selector
from catflap.policy.carriers import Carriers
from catflap.policy.criteria import PortCriterion, TagCriterion, set_id
from catflap.policy.host_policy import IpSet, PortSet, SocketAddress

_Member = TypeVar("_Member", bound=Hashable)


class FollowedSet(ABC, Generic[_Member]):
    """The members of a set, kept up to date as objects begin and cease to match.

    Args:
        carriers: what the objects bring; that of an object must not change while it matches.
        matching: the objects that match (a live view).
    """

    def __init__(self, carriers: Carriers, matching: AbstractSet[ResourceKey]) -> None:
        self._carriers = carriers
        self._matching = matching
        self._value = frozenset(chain.from_iterable(map(self._contribution, matching)))
        self._toggled: set[_Member] = set()  # members that are not in the value yet, or still are

    @abstractmethod
    def _contribution(self, key: ResourceKey) -> Collection[_Member]:
        """What a matching object brings."""

    @abstractmethod
    def _address(self, member: _Member) -> str:
        """The address of a member."""

    def enter(self, key: ResourceKey) -> None:
        """An object matches from now on."""
        self._toggled ^= {member for member in self._contribution(key) if not self._has(member)}

    def leave(self, key: ResourceKey) -> None:
        """An object matches no longer: it is out of ``matching``, and what it carries is still known."""
        self._toggled ^= {member for member in self._contribution(key) if not self._has_owner(member)}

    def _has(self, member: _Member) -> bool:
        return (member in self._value) != (member in self._toggled)

    def _has_owner(self, member: _Member) -> bool:
        return any(member in self._contribution(key) for key in self.owners(self._address(member)))

    def owners(self, address: str) -> Iterator[ResourceKey]:
        """The matching objects that carry exactly this address or network, and bring it into the set."""
        for key in self._carriers.of(address):
            if key in self._matching and self._contribution(key):
                yield key

    def _frozen(self) -> frozenset[_Member]:
        """The members now; the same object as before where they have not changed."""
        gone = self._toggled & self._value
        new = self._toggled - gone
        if gone:
            self._value -= gone
        if new:
            self._value |= new
        self._toggled.clear()
        return self._value


class FollowedAddresses(FollowedSet[str]):
    """The set of a selector or tag: addresses and networks."""

    def __init__(
        self, carriers: Carriers, matching: AbstractSet[ResourceKey], criterion: Selector | TagCriterion
    ) -> None:
        super().__init__(carriers, matching)
        self._set = IpSet(set_id(criterion), str(criterion), frozenset())

    def _contribution(self, key: ResourceKey) -> tuple[str, ...]:
        return self._carriers.addresses(key)

    def _address(self, member: str) -> str:
        return member

    @property
    def id(self) -> str:
        """The id of the set."""
        return self._set.id

    def value(self) -> IpSet:
        """The set now; the same object as before where its members have not changed."""
        members = self._frozen()
        if members is not self._set.members:
            self._set = IpSet(self._set.id, self._set.description, members)
        return self._set


class FollowedPorts(FollowedSet[SocketAddress]):
    """The set of a named port."""

    def __init__(
        self, carriers: Carriers, matching: AbstractSet[ResourceKey], criterion: PortCriterion
    ) -> None:
        self._criterion = criterion
        super().__init__(carriers, matching)
        self._set = PortSet(set_id(criterion), str(criterion), frozenset())

    def _contribution(self, key: ResourceKey) -> list[SocketAddress]:
        return [
            SocketAddress(address, port.protocol, port.port)
            for port in self._carriers.ports(key)
            if self._criterion.picks(port)
            for address in self._carriers.addresses(key)
        ]

    def _address(self, member: SocketAddress) -> str:
        return member.address

    @property
    def id(self) -> str:
        """The id of the set."""
        return self._set.id

    def value(self) -> PortSet:
        """The set now; the same object as before where its members have not changed."""
        members = self._frozen()
        if members is not self._set.members:
            self._set = PortSet(self._set.id, self._set.description, members)
        return self._set
