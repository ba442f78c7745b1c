"""Writes into an etcd without pause until SIGTERM, whatever becomes of the etcd; runs as a process of its own.

Every write has a number, which is in every value that it sets. With the v3 API a write is a transaction that sets all
keys below ``batch/`` to its number and puts or deletes a few others, so that a consumer can see a torn one. A write
whose answer was lost is never repeated: it counts as not acknowledged. Tells on stdout when it was acknowledged.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from typing import Final

import msgspec
from tests.faults import fleet
from tests.faults.etcd_http import Access, EtcdHttp, UnansweredError

ROOT: Final = "/calico/v1/fault/"
BATCH: Final = f"{ROOT}batch/"
LOOSE: Final = f"{ROOT}loose/"


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What to write: ``size`` is that of a value in bytes, ``pause`` in seconds between writes."""

    access: Access
    api: int = 3
    batch: int = 16
    loose: int = 4  # changes of other keys in each write
    loose_keys: int = 200
    size: int = 40
    pause: float = 0.01
    seed: int = 1
    policy: bool = False  # objects of a fleet instead, as `fleet` has them


class Acknowledged(msgspec.Struct, frozen=True):
    """A write that was done; ``at`` is of the monotonic clock."""

    number: int
    at: float


def value_of(number: int, size: int) -> bytes:
    """A value of (at least) ``size`` bytes that tells its number."""
    return b"%d " % number + b"." * (size - 11)


def number_of(value: bytes) -> int:
    """The number of the write that set a value."""
    return int(value.partition(b" ")[0])


class Writer:
    """One number after the other."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._http = EtcdHttp(work.access)
        self._random = random.Random(work.seed)
        self._stopped = False

    def stop(self) -> None:
        """End after the write that is being made."""
        self._stopped = True

    def run(self) -> None:
        """Write until told to stop."""
        number = 0
        while not self._stopped:
            number += 1
            try:
                (self._transact if self._work.api == 3 else self._set)(number)
            except UnansweredError as error:
                sys.stderr.write(f"{error}\n")
            else:
                told = Acknowledged(number, time.monotonic())
                sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
                sys.stdout.flush()
            time.sleep(self._work.pause)

    def _transact(self, number: int) -> None:
        work = self._work
        if work.policy:
            self._http.transact(fleet.changes(self._random))
            return
        changes: list[tuple[str, bytes | None]] = [
            (f"{BATCH}{key}", value_of(number, work.size)) for key in range(work.batch)
        ]
        for key in self._random.sample(range(work.loose_keys), work.loose):
            deletes = self._random.random() < 0.3
            changes.append((f"{LOOSE}{key}", None if deletes else value_of(number, work.size)))
        self._http.transact(changes)

    def _set(self, number: int) -> None:
        key = f"{LOOSE}{self._random.randrange(self._work.loose_keys)}"
        self._http.set2(key, value_of(number, self._work.size).decode())


def main() -> None:
    """Write as the first argument says."""
    writer = Writer(msgspec.json.decode(sys.argv[1], type=Work))
    signal.signal(signal.SIGTERM, lambda *_: writer.stop())
    writer.run()


if __name__ == "__main__":
    main()
