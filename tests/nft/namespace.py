"""A network namespace of a test's own, which goes away with the thread that is in it."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from catflap.nft.content import CounterValue, Outline
from catflap.nft.libnftables import LibNftables
from catflap.nft.nfnetlink import Generation
from catflap.nft.port import ElementChange
from catflap.nft.ruleset import SetOrMap

_Result = TypeVar("_Result")
_CLONE_NEWNET = 0x40000000
_OWN = Path("/proc/thread-self/ns/net")


class Namespace:
    """Everything that `call` runs, and every process that it starts, is in a fresh network namespace.

    Raises:
        PermissionError: namespaces may not be made here.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, initializer=_leave)
        if self.call(_OWN.readlink) == _OWN.readlink():
            raise RuntimeError("the thread did not leave the machine's network namespace")

    def call(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        return self._thread.submit(function, *arguments).result()

    def nft(self, *arguments: str, text: str = "") -> str:
        """What the program nft prints; a failure is an error with its message."""
        done = self.call(
            lambda: subprocess.run(
                ["nft", *arguments], input=text, capture_output=True, text=True, check=False
            )
        )
        assert done.returncode == 0, f"nft {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def close(self) -> None:
        self._thread.shutdown()


class NamespaceNft:
    """`LibNftables` in a namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._nft = namespace.call(LibNftables)

    def run(self, commands: str) -> None:
        self._namespace.call(self._nft.run, commands)

    def check(self, commands: str) -> None:
        self._namespace.call(self._nft.check, commands)

    def change_elements(self, changes: Sequence[ElementChange]) -> None:
        self._namespace.call(self._nft.change_elements, changes)

    def list_table(self) -> Mapping[str, Any] | None:
        return self._namespace.call(self._nft.list_table)

    def generation(self) -> Generation:
        return self._namespace.call(self._nft.generation)

    def outline(self) -> Outline | None:
        return self._namespace.call(self._nft.outline)

    def counters(self) -> Mapping[str, CounterValue]:
        return self._namespace.call(self._nft.counters)

    def chain_digests(self, names: Collection[str] | None = None) -> Mapping[str, str]:
        return self._namespace.call(self._nft.chain_digests, names)

    def elements(self, item: SetOrMap) -> Mapping[str, str]:
        return self._namespace.call(self._nft.elements, item)

    def close(self) -> None:
        self._namespace.call(self._nft.close)


def _leave() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
        raise PermissionError(
            f"cannot make a network namespace ({os.strerror(ctypes.get_errno())}): these tests need root"
        )
