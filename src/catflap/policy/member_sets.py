"""All sets that active rules refer to, kept up to date endpoint by endpoint.

A changed endpoint touches only the sets that it enters or leaves. Sets exist only while rules want them. Policies and
hosts are unknown here: whoever feeds this says what is wanted.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from catflap.model.resources import EndpointPort, ResourceKey
from catflap.policy.carriers import Carriers
from catflap.policy.criteria import PortCriterion, SetCriterion
from catflap.policy.host_policy import IpSet, PortSet
from catflap.policy.label_index import LabelIndex
from catflap.policy.members import IpSetMembers, PortSetMembers


class CurrentSets(msgspec.Struct, frozen=True):
    """All sets in use, by id and in the order of ids."""

    ip_sets: Mapping[str, IpSet] = {}
    port_sets: Mapping[str, PortSet] = {}


class MemberSets:
    """The sets in use, fed with all that carries labels and told which criteria are wanted."""

    def __init__(self) -> None:
        self._index: LabelIndex[ResourceKey, SetCriterion] = LabelIndex()
        self._carriers = Carriers()
        self._members: dict[SetCriterion, IpSetMembers | PortSetMembers] = {}
        self._current: CurrentSets | None = CurrentSets()

    def set_object(
        self,
        key: ResourceKey,
        labels: Mapping[str, str],
        addresses: tuple[str, ...],
        ports: tuple[EndpointPort, ...] = (),
    ) -> None:
        """Add an object or change it. ``labels`` have tags and ports beside them, see `catflap.policy.criteria`."""
        if not self._carriers.carries(key, addresses, ports):
            if self._index.has(key, labels) and self._carriers.ports(key) == ports:
                self._move_object(key, addresses)
                return
            self.remove_object(key)
            self._carriers.add(key, addresses, ports)
        for criterion in self._index.set_item(key, labels):
            self._current = None
            members = self._members[criterion]
            if key in self._index.items(criterion):
                members.enter(key)
            else:
                members.leave(key)

    def _move_object(self, key: ResourceKey, addresses: tuple[str, ...]) -> None:
        """Give a known object other addresses: of a long list, only what is different is work."""
        concerned: list[IpSetMembers | PortSetMembers] = [
            self._members[criterion] for criterion in self._index.criteria_of(key)
        ]
        before = [members.brought(key) for members in concerned]
        self._carriers.change(key, addresses)
        for members, brought in zip(concerned, before, strict=True):
            self._current = None
            members.moved(key, brought)  # type: ignore[arg-type]  # its own

    def remove_object(self, key: ResourceKey) -> None:
        """Forget an object and its addresses. Removing one that is not known changes nothing."""
        for criterion in self._index.remove_item(key):
            self._current = None
            self._members[criterion].leave(key)
        self._carriers.remove(key)

    def want(self, criteria: Iterable[SetCriterion]) -> None:
        """From now on there are sets for exactly these criteria."""
        wanted = set(criteria)
        # New ones first: what they share with old ones is in the index already.
        for criterion in wanted - self._members.keys():
            self._current = None
            self._index.add_criterion(criterion)
            self._members[criterion] = self._members_of(criterion)
        for criterion in self._members.keys() - wanted:
            self._current = None
            self._index.remove_criterion(criterion)
            del self._members[criterion]

    def _members_of(self, criterion: SetCriterion) -> IpSetMembers | PortSetMembers:
        matching = self._index.items(criterion)
        if isinstance(criterion, PortCriterion):
            return PortSetMembers(self._carriers, matching, criterion)
        return IpSetMembers(self._carriers, matching, criterion)

    def current(self) -> CurrentSets:
        """The wanted sets; what has not changed since the last call is the same object as then."""
        if self._current is None:
            values = [members.value() for members in sorted(self._members.values(), key=lambda item: item.id)]
            self._current = CurrentSets(
                {item.id: item for item in values if isinstance(item, IpSet)},
                {item.id: item for item in values if isinstance(item, PortSet)},
            )
        return self._current

    def owners(self, set_id: str, address: str) -> tuple[ResourceKey, ...]:
        """The objects through which an address is in a set: those that carry it, then those of networks that hold it.

        An object may bring several such networks; it stands where the smallest does.

        Raises:
            KeyError: no rule uses such a set.
            ValueError: this is no address.
        """
        members = next((item for item in self._members.values() if item.id == set_id), None)
        if members is None:
            raise KeyError(set_id)
        found = (key for place in _around(address) for key in sorted(members.owners(place)))
        return tuple(dict.fromkeys(found))


def _around(address: str) -> Iterator[str]:
    """The address, then every network that holds it, the smallest first, as the model writes them."""
    parsed = ipaddress.ip_address(address)
    yield str(parsed)
    for length in reversed(range(parsed.max_prefixlen)):
        yield str(ipaddress.ip_network((parsed, length), strict=False))
