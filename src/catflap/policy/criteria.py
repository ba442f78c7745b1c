"""What selects the members of a set: a selector, a tag, or a named port; and the names that sets have.

One index serves all three, because what is no label stands beside the labels under a name that no label can have. Only
this module knows those names. It must never say that labels match which `requirements` rules out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from catflap.model.resources import PROTOCOL_NUMBERS, EndpointPort
from catflap.model.selector import Selector
from catflap.model.selector_analysis import Requirement

_RESERVED = "\0"  # label names cannot hold a NUL
_TAG = f"{_RESERVED}tag:"
_PORT = f"{_RESERVED}port:"
_PROTOCOL_NAMES = {number: name for name, number in PROTOCOL_NUMBERS.items()}


class TagCriterion(msgspec.Struct, frozen=True):
    """Matches the endpoints that have a tag through one of their profiles."""

    tag: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the tag stands beside the labels."""
        return _TAG + self.tag in labels

    def requirements(self) -> tuple[Requirement, ...]:
        """The tag itself."""
        return (frozenset({(_TAG + self.tag, None)}),)

    def __str__(self) -> str:
        return f"tag {self.tag}"


class PortCriterion(msgspec.Struct, frozen=True):
    """Matches the endpoints that have a port of one of these names, and match the selector and the tag, where given.

    ``names`` are sorted: all those of one rule make one set, since the kernel takes no rule with dozens of look-ups.
    ``protocol`` says which of the ports of a name count: an endpoint may have several, or one of another protocol.
    """

    names: tuple[str, ...]
    protocol: int | None = None
    selector: Selector | None = None
    tag: TagCriterion | None = None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a port of such a name stands beside the labels, and all else matches."""
        return any(_PORT + name in labels for name in self.names) and all(
            part.matches(labels) for part in self._others()
        )

    def requirements(self) -> tuple[Requirement, ...]:
        """One of the ports, and all that the selector and the tag require."""
        port: Requirement = frozenset((_PORT + name, None) for name in self.names)
        return (port, *(found for part in self._others() for found in part.requirements()))

    def picks(self, port: EndpointPort) -> bool:
        """Whether a port of a matching endpoint is meant."""
        return port.name in self.names and self.protocol in {None, port.protocol}

    def _others(self) -> Iterable[Selector | TagCriterion]:
        return (part for part in (self.selector, self.tag) if part is not None)

    def __str__(self) -> str:
        protocol = "any" if self.protocol is None else _PROTOCOL_NAMES.get(self.protocol, self.protocol)
        return " and ".join((f"port {', '.join(self.names)} ({protocol})", *map(str, self._others())))


SetCriterion: TypeAlias = Selector | TagCriterion | PortCriterion

_ID_PREFIX: Mapping[type, str] = {Selector: "sel", TagCriterion: "tag", PortCriterion: "port"}


def set_id(criterion: SetCriterion) -> str:
    """A short stable name: the same selector has the same set in every policy, after every restart."""
    digest = hashlib.blake2b(str(criterion).encode(errors="surrogatepass"), digest_size=12)
    return f"{_ID_PREFIX[type(criterion)]}-{digest.hexdigest()}"


def tag_markers(tags: Iterable[str]) -> dict[str, str]:
    """What stands for tags beside labels."""
    return {_TAG + tag: "" for tag in tags}


def port_markers(ports: Iterable[EndpointPort]) -> dict[str, str]:
    """What stands for named ports beside labels."""
    return {_PORT + port.name: "" for port in ports}


def without_markers(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels alone."""
    return {name: value for name, value in labels.items() if not name.startswith(_RESERVED)}
