"""Proves that the proof can fail: every mutant must be found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from catflap.prove.kernel import KernelHost
from catflap.prove.mutants import MUTANTS
from catflap.prove.proof import prove_series

PATIENCE: Final = 200  # series


class Discovery(msgspec.Struct, frozen=True):
    """After how many series of worlds a mutant was found, and by what; None where it was not."""

    mutant: str
    series: int | None
    difference: str = ""


def discoveries(
    host: KernelHost, seed: str, mutants: Iterable[str] = tuple(MUTANTS), *, patience: int = PATIENCE
) -> Iterator[Discovery]:
    """Look for mutants, one after the other."""
    for name in mutants:
        yield _discover(host, seed, name, patience)


def _discover(host: KernelHost, seed: str, name: str, patience: int) -> Discovery:
    for index in range(patience):
        result = prove_series(host, f"{seed}/{index}", mutant=MUTANTS[name])
        if result.case:
            return Discovery(name, index + 1, result.case.difference)
    return Discovery(name, None)
