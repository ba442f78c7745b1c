"""What both encoders share: noting what an encoding cannot say, and values that both write alike.

An encoder must never leave out what means something: it is noted here as a gap, and then nothing is written at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from typing import Any, Final

from catflap.model.resources import PortRange

USE_ETCD3: Final = "use etcd:// for it"  # what helps against nearly everything that /calico/v1 cannot say

_EXACT_INTEGERS: Final = 2**53  # below it every integer is a float, too


class NotRepresentableError(Exception):
    """A resource means something that an encoding cannot say, for all these reasons."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


class Gaps:
    """Collects every field that an encoding cannot say, each with the remedy."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, field: str, why: str, remedy: str) -> None:
        """Note a field by the place where its author finds it (``spec.ingress[0].metadata``)."""
        self._found.append(f"{field}: {why}; {remedy}.")

    def raise_if_any(self) -> None:
        """Give the resource up if anything of it cannot be said.

        Raises:
            NotRepresentableError: with every reason.
        """
        if self._found:
            raise NotRepresentableError(tuple(self._found))


def stated(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that say something: not those that are None, false or empty, which is what a missing one means."""
    return {name: value for name, value in fields.items() if not _says_nothing(value)}


def _says_nothing(value: object) -> bool:
    return value is None or value is False or (isinstance(value, Sized) and not value)


def number(value: float) -> float:
    """A finite number as people write it: ``100``, not ``100.0``."""
    return int(value) if value.is_integer() and abs(value) < _EXACT_INTEGERS else value


def ports(ranges: Sequence[PortRange], names: Sequence[str]) -> list[int | str]:
    """Numbers, ranges as ``first:last``, and names."""
    numbers = [each.first if each.first == each.last else f"{each.first}:{each.last}" for each in ranges]
    return [*numbers, *names]


def host_networks(addresses: Iterable[str]) -> list[str]:
    """Addresses as networks of one address each."""
    return [f"{address}/{128 if ':' in address else 32}" for address in addresses]
