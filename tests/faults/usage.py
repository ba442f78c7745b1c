"""What a process uses, and whether that grows."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

WARM_UP: Final = 0.2  # of all samples: caches fill, history is read for the first time
MEMORY_SLACK: Final = 8 << 20  # bytes
COUNT_SLACK: Final = 4


class Usage(msgspec.Struct, frozen=True):
    """``memory`` in bytes (resident), open files, threads."""

    memory: int
    files: int
    threads: int


def usage_of(pid: int) -> Usage:
    """What a process uses now."""
    process = Path("/proc") / str(pid)
    fields = dict(
        line.split(":", 1) for line in (process / "status").read_text(encoding="ascii").splitlines()
    )
    memory = int(fields["VmRSS"].split()[0]) << 10
    return Usage(memory, len(list((process / "fd").iterdir())), int(fields["Threads"]))


def growth(samples: Sequence[Usage]) -> list[str]:
    """What has grown from the first quarter after warming up to the last, and by how much; nothing if too few."""
    warm = samples[int(len(samples) * WARM_UP) :]
    quarter = len(warm) // 4
    if not quarter:
        return []
    aspects: tuple[tuple[str, Callable[[Usage], int], int], ...] = (
        ("memory", lambda usage: usage.memory, MEMORY_SLACK),
        ("open files", lambda usage: usage.files, COUNT_SLACK),
        ("threads", lambda usage: usage.threads, COUNT_SLACK),
    )
    found = []
    for name, of, slack in aspects:
        first = statistics.median(map(of, warm[:quarter]))
        last = statistics.median(map(of, warm[-quarter:]))
        if last > first + slack:
            found.append(f"{name} grew from {first:.0f} to {last:.0f}")
    return found
