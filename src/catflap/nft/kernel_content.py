"""Reads from the kernel what it really holds of our table, over a socket of its own. See `content` for what that is."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping

from catflap.nft.content import (
    OF_COUNTERS,
    CounterValue,
    Outline,
    chain_digests,
    counter_values,
    outline_of,
)
from catflap.nft.elements import Element, element_texts, elements_of
from catflap.nft.nfnetlink import (
    NFT_MSG_GETCHAIN,
    NFT_MSG_GETOBJ,
    NFT_MSG_GETRULE,
    NFT_MSG_GETSET,
    NFT_MSG_GETSETELEM,
    NFT_MSG_GETTABLE,
    Generation,
    text,
)
from catflap.nft.nfsocket import Nfnetlink
from catflap.nft.ruleset import TABLE_NAME, SetOrMap

_TABLE = text(
    1, TABLE_NAME
)  # NFTA_TABLE_NAME, and NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE, NFTA_OBJ_TABLE
# A hash set that has just grown is moved to a larger table in the background. A dump meanwhile lists some elements
# twice and others not at all (measured: of 100,000 elements 20,000 were missing right after they had been added).
_TRIES = 20
_REHASH = 0.01  # seconds
_FEW = 50  # chains that are asked for one by one: the kernel looks through all of them for each


class KernelContent:
    """The table of the namespace that the creating thread is in. Implements `NftContent`; safe in several threads.

    Raises:
        NftError: the kernel has no netfilter sockets.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kernel = Nfnetlink()

    def generation(self) -> Generation:
        """See `NftContent.generation`."""
        with self._lock:
            return self._kernel.generation()

    def outline(self) -> Outline | None:
        """See `NftContent.outline`."""
        with self._lock:
            table = self._kernel.get(NFT_MSG_GETTABLE, _TABLE)
            if table is None:
                return None
            # Whatever table is asked for, the kernel lists the chains of all (measured).
            chains = [body for body in self._kernel.dump(NFT_MSG_GETCHAIN, _TABLE) if body.startswith(_TABLE)]
            return outline_of(table, chains, self._kernel.dump(NFT_MSG_GETSET, _TABLE), self._counters())

    def chain_digests(self, names: Collection[str] | None = None) -> Mapping[str, str]:
        """See `NftContent.chain_digests`."""
        with self._lock:
            if names is None or len(names) > _FEW:
                return chain_digests(self._kernel.dump(NFT_MSG_GETRULE, _TABLE))
            asked = (_TABLE + text(2, name) for name in names)
            return chain_digests(body for each in asked for body in self._kernel.dump(NFT_MSG_GETRULE, each))

    def elements(self, item: SetOrMap) -> Mapping[str, str]:
        """See `NftContent.elements`."""
        found: list[Element] = []
        for _ in range(_TRIES):
            with self._lock:
                found = list(elements_of(self._kernel.dump(NFT_MSG_GETSETELEM, _TABLE + text(2, item.name))))
            if len(set(found)) == len(found):
                break
            time.sleep(_REHASH)
        return element_texts(item.type, item.flags, found)

    def counters(self) -> Mapping[str, CounterValue]:
        """See `NftContent.counters`."""
        with self._lock:
            return self._counters()

    def _counters(self) -> Mapping[str, CounterValue]:
        return counter_values(self._kernel.dump(NFT_MSG_GETOBJ, _TABLE + OF_COUNTERS))

    def close(self) -> None:
        """Give the socket back."""
        with self._lock:
            self._kernel.close()
