"""The members of one set that rules refer to: what they are now, and the immutable value that is given out.

An address leaves a set only when the last matching object that brought it has left: objects may share addresses. The
carriers of an address tell that, so nothing is counted per set. The value is made anew only when members have changed
and it is asked for, and shares all else with the one before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Iterator
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Generic, TypeVar

from catflap.model.persistent_set import PersistentSet
from catflap.model.resources import ResourceKey
from catflap.policy.carriers import Carriers
from catflap.policy.criteria import PortCriterion, SetCriterion, set_id
from catflap.policy.host_policy import IpSet, PortSet, SocketAddress

_Member = TypeVar("_Member", bound=Hashable)
_Value = TypeVar("_Value", IpSet, PortSet)


class Members(ABC, Generic[_Member, _Value]):
    """The members of a set, kept up to date as objects begin and cease to match.

    Args:
        carriers: what the objects bring; that of an object must not change while it matches.
        matching: the objects that match (a live view).
        criterion: what they match.
    """

    def __init__(
        self, carriers: Carriers, matching: AbstractSet[ResourceKey], criterion: SetCriterion
    ) -> None:
        self.id = set_id(criterion)
        self._description = str(criterion)
        self._carriers = carriers
        self._matching = matching
        self._members = PersistentSet(chain.from_iterable(map(self._contribution, matching)))
        self._toggled: set[_Member] = set()  # new since then, or gone
        self._value: _Value = self._make()

    @abstractmethod
    def _make(self) -> _Value:
        """The set of the members."""

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

    def brought(self, key: ResourceKey) -> Collection[_Member]:
        """What an object that matches brings, as it is known now."""
        return self._contribution(key)

    def moved(self, key: ResourceKey, before: Collection[_Member]) -> None:
        """A matching object brings something else than ``before``; what it carries now is known."""
        now = self._contribution(key)
        new, gone = set(now).difference(before), set(before).difference(now)
        self._toggled ^= {member for member in new if not self._has(member)}
        self._toggled ^= {member for member in gone if not self._has_owner(member)}

    def _has(self, member: _Member) -> bool:
        return (member in self._members) != (member in self._toggled)

    def _has_owner(self, member: _Member) -> bool:
        return any(member in self._contribution(key) for key in self.owners(self._address(member)))

    def owners(self, address: str) -> Iterator[ResourceKey]:
        """The matching objects that carry exactly this address or network, and bring it into the set."""
        for key in self._carriers.of(address):
            if key in self._matching and self._contribution(key):
                yield key

    def value(self) -> _Value:
        """The set now; the same object as before where its members have not changed."""
        if self._toggled:
            gone = {member for member in self._toggled if member in self._members}
            self._members = self._members.changed(self._toggled - gone, gone)
            self._toggled.clear()
            self._value = self._make()
        return self._value


class IpSetMembers(Members[str, IpSet]):
    """The addresses and networks that a selector or tag stands for."""

    def _make(self) -> IpSet:
        return IpSet(self.id, self._description, self._members)

    def _contribution(self, key: ResourceKey) -> tuple[str, ...]:
        return self._carriers.addresses(key)

    def _address(self, member: str) -> str:
        return member


class PortSetMembers(Members[SocketAddress, PortSet]):
    """The addresses, protocols and ports that named ports stand for."""

    def __init__(
        self, carriers: Carriers, matching: AbstractSet[ResourceKey], criterion: PortCriterion
    ) -> None:
        self._picks = criterion.picks
        super().__init__(carriers, matching, criterion)

    def _make(self) -> PortSet:
        return PortSet(self.id, self._description, self._members)

    def _contribution(self, key: ResourceKey) -> list[SocketAddress]:
        return [
            SocketAddress(address, port.protocol, port.port)
            for port in self._carriers.ports(key)
            if self._picks(port)
            for address in self._carriers.addresses(key)
        ]

    def _address(self, member: SocketAddress) -> str:
        return member.address
