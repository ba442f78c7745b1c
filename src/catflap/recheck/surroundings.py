"""What is known of the ways by which a connection's packets come and go, and what is not: the careful part.

Connection tracking does not say to which interface an entry belongs. What is told here is every interface that it may
be; no interface at all stands for "nobody knows".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from ipaddress import ip_address
from typing import Final, NamedTuple, TypeAlias

from catflap.host.api import Interfaces
from catflap.host.routes import Route
from catflap.host.sockets import Listener

Names: TypeAlias = frozenset[str]

LOOPBACK: Final = "lo"
NOBODY_KNOWS: Final = Names()


class Question(NamedTuple):
    """A question about a route, see `host.routes.Routes.route`."""

    destination: str
    source: str | None = None
    arriving: int | None = None
    leaving: int | None = None


class Passage(NamedTuple):
    """The interfaces by which a forwarded packet arrives and leaves."""

    arriving: str
    leaving: str


class Surroundings:
    """The host as it is for the length of one run.

    Args:
        interfaces: of the host, with their addresses.
        listeners: where TCP servers of the host wait.
        ask: answers questions about routes; each is asked once.
    """

    def __init__(
        self,
        interfaces: Interfaces,
        listeners: Collection[Listener],
        ask: Callable[[Question], Route | None],
    ) -> None:
        self._interfaces = interfaces
        self._names = {interface.index: name for name, interface in interfaces.items()}
        self._listeners = listeners
        self._ask = ask
        self._routes: dict[Question, Route | None] = {}
        self._carriers: defaultdict[str, set[str]] = defaultdict(set)
        for name, interface in interfaces.items():
            for address in interface.addresses:
                self._carriers[address].add(name)

    def is_here(self, address: str) -> bool:
        """Whether it is one of this host's own addresses."""
        return address in self._carriers or is_loopback(address)

    def serves(self, address: str, port: int | None) -> bool:
        """Whether a TCP server of this host waits there."""
        return port is not None and not self._listeners_at(address, port).isdisjoint(self._listeners)

    def index(self, name: str) -> int:
        """The number of an interface."""
        return self._interfaces[name].index

    def arriving(self, peer: str, addressed: str, local: str) -> Names:
        """The interfaces by which packets of a peer may reach this host.

        Args:
            peer: who sends.
            addressed: where the peer sends to.
            local: the address of this host that gets it: another one where it is translated.
        """
        if is_link_local(peer) or is_link_local(addressed):
            return self._plain(self._carriers.get(addressed, ()))
        others = self._links_with(addressed) or self._all_links()
        return self._towards(peer, local, others)

    def leaving(self, local: str, peer: str) -> Names:
        """The interfaces by which packets of this host may go to a peer."""
        if is_link_local(peer) or is_link_local(local):
            return self._plain(self._carriers.get(local, ()))
        return self._towards(peer, local, self._links_with(local))

    def passing(self, source: str, destination: str) -> frozenset[Passage]:
        """The interfaces between which packets may be forwarded; none unless answers go the same way back."""
        back = self._route(Question(source))
        if back is None:
            return frozenset()
        found = set()
        for arriving in back.interfaces:
            way = self._route(Question(destination, source, arriving))
            for leaving in way.interfaces if way else ():
                answers = self._route(Question(source, destination, leaving))
                if answers is not None and arriving in answers.interfaces:
                    found.add((arriving, leaving))
            if way is None or any((arriving, leaving) not in found for leaving in way.interfaces):
                return frozenset()
        names = {Passage(self._names.get(a, ""), self._names.get(b, "")) for a, b in found}
        return frozenset(names) if all(self._plain(each) for each in names) else frozenset()

    def _towards(self, peer: str, local: str, others: Names) -> Names:
        """The interfaces of the route to a peer, and those others that it may as well be."""
        route = self._route(Question(peer, local))
        if route is None:
            return NOBODY_KNOWS
        names = {self._names.get(index, "") for index in route.interfaces}
        if route.on_link:
            others = Names(name for name in others if self._is_neighbour(peer, local, name))
        return self._plain(names | others)

    def _is_neighbour(self, peer: str, local: str, name: str) -> bool:
        """Whether a peer may be on the link of an interface, whatever the best route to it is."""
        route = self._route(Question(peer, local, leaving=self._interfaces[name].index))
        return route is not None and route.on_link

    def _links_with(self, address: str) -> Names:
        return Names(self._carriers.get(address, ())) - {LOOPBACK}

    def _all_links(self) -> Names:
        """Where an address belongs to no link, its packets may come by any."""
        return Names(
            name
            for name, interface in self._interfaces.items()
            if interface.up and not interface.master and name != LOOPBACK
        )

    def _plain(self, names: Iterable[str]) -> Names:
        """Interfaces that IP sees as they are: not those that have just gone, nor parts of another one (VRF)."""
        found = Names(names)
        known = all(name in self._interfaces and not self._interfaces[name].master for name in found)
        return found if known else NOBODY_KNOWS

    def _route(self, question: Question) -> Route | None:
        if question not in self._routes:
            self._routes[question] = self._ask(question)
        return self._routes[question]

    @staticmethod
    def _listeners_at(address: str, port: int) -> frozenset[Listener]:
        return frozenset({Listener(address, port), Listener(None, port)})


def is_loopback(address: str) -> bool:
    """Whether packets with this address never leave their host."""
    return address.startswith("127.") or address == "::1"


def is_link_local(address: str) -> bool:
    """Whether an address means something on its own link only, so that routes say nothing about it."""
    return address.startswith("fe8") and ip_address(address).is_link_local
