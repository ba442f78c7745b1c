"""What the store says to agents, as far as one must know it to tell who is behind, and which hosts there should be."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from catflap.model import V1_ROOT, V3_ROOT, Selector, SelectorError, parse_selector
from catflap.objects.trees import trees_of
from catflap.store import Listing, Store

_V1_HOSTS: Final = f"{V1_ROOT}host/"
_V3_ENDPOINTS: Final = f"{V3_ROOT}hostendpoints/"
_V3_NODES: Final = f"{V3_ROOT}nodes/"


class Policy(msgspec.Struct, frozen=True):
    """All that agents follow.

    Attributes:
        revision: of the store when it was read; None where the store has no numbers that can be compared.
        versions: the revision of each entry's last change, sorted.
        hosts: how many host endpoints each host has.
    """

    revision: int | None
    versions: Sequence[int] = ()
    hosts: Mapping[str, int] = {}

    def behind(self, revision: int | None, entries: int | None) -> int | None:
        """How many changes whoever enforces a revision lacks; None where that cannot be told.

        Args:
            revision: that is enforced.
            entries: how many the store had then.
        """
        if self.revision is None or revision is None:
            return None
        if revision >= self.revision:
            return 0
        newer = len(self.versions) - bisect.bisect_right(self.versions, revision)
        if newer or entries is None:
            return newer
        # All that is there was there then, with the same values. So it is the same if it is as much; otherwise the
        # rest was deleted since.
        return abs(entries - len(self.versions))


async def read_policy(store: Store) -> Policy:
    """Read all that agents follow.

    Raises:
        StoreError: the store is unavailable or refuses.
    """
    listings = [await store.read(str(tree) + "/") for tree in trees_of(store)]
    hosts = expected_hosts(listings)
    if store.driver == "directory":  # its versions are no revisions
        return Policy(None, hosts=hosts)
    versions = sorted(entry.version for listing in listings for entry in listing.entries.values())
    return Policy(listings[0].revision, versions, hosts)


def expected_hosts(listings: Iterable[Listing]) -> Mapping[str, int]:
    """The hosts that have host endpoints, and how many, whether or not these are valid."""
    found: Counter[str] = Counter()
    selectors: list[Selector] = []
    nodes: list[_Object] = []
    for listing in listings:
        for path, entry in listing.entries.items():
            if path.startswith(_V1_HOSTS):
                host, *rest = path.removeprefix(_V1_HOSTS).split("/")
                if len(rest) == 2 and rest[0] == "endpoint":  # noqa: PLR2004  # endpoint/NAME
                    found[host] += 1
            elif path.startswith((_V3_ENDPOINTS, _V3_NODES)) and (item := _read(entry.value)) is not None:
                if path.startswith(_V3_NODES):
                    nodes.append(item)
                elif item.spec.node:
                    found[item.spec.node] += 1
                else:
                    selectors += _selectors(item.spec.node_selector)
    # Whom a node selector means is known of hosts that have Node objects only.
    found.update(
        each.metadata.name
        for selector in selectors
        for each in nodes
        if selector.matches(each.metadata.labels or {})
    )
    return found


class _Metadata(msgspec.Struct, frozen=True):
    name: str = ""
    labels: dict[str, str] | None = None


class _Spec(msgspec.Struct, frozen=True):
    node: str | None = None
    node_selector: str | None = msgspec.field(name="nodeSelector", default=None)


class _Object(msgspec.Struct, frozen=True):
    """What tells of hosts in a document. To validate all of a fleet's endpoints would take seconds."""

    metadata: _Metadata = _Metadata()
    spec: _Spec = _Spec()


_DECODER = msgspec.json.Decoder(_Object)


def _read(value: bytes) -> _Object | None:
    try:
        return _DECODER.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _selectors(text: str | None) -> Iterator[Selector]:
    with suppress(SelectorError):
        if text:
            yield parse_selector(text)
