"""Reads a range of keys as it was at one revision, in pages that no message limit refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catflap.store.api import StoreUnavailableError
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.connection import LOAD_TIMEOUT
from catflap.store.etcd3.errors import MessageTooLargeError
from catflap.store.supervisor import ResyncNeededError

if TYPE_CHECKING:
    from catflap.store.etcd3.connection import Connection

PAGE = 5000  # keys; each page makes the server walk the index, so small pages cost it dearly
ATTEMPTS = 3


async def read_range(
    connection: Connection, start: bytes, end: bytes, page: int = PAGE
) -> tuple[int, list[pb.KeyValue]]:
    """The keys from ``start`` up to before ``end``, and the revision that they are of.

    Raises:
        StoreUnavailableError: history is compacted faster than the range can be read.
        StoreError: the member is unavailable or refuses.
    """
    for _ in range(ATTEMPTS):
        try:
            return await _read_once(connection, start, end, page)
        except ResyncNeededError as error:  # compacted between two pages
            reason = error
    raise StoreUnavailableError(f"{reason}, {ATTEMPTS} times while reading: compact less often") from reason


async def _read_once(
    connection: Connection, start: bytes, end: bytes, page: int
) -> tuple[int, list[pb.KeyValue]]:
    found: list[pb.KeyValue] = []
    revision = 0  # that is: the latest one
    while True:
        request = pb.RangeRequest(key=start, range_end=end, limit=page, revision=revision)
        try:
            answer = await connection.range(request, LOAD_TIMEOUT)
        except MessageTooLargeError:
            if page == 1:
                raise
            page //= 2
            continue
        revision = revision or answer.header.revision
        found.extend(answer.kvs)
        if not answer.more:
            return revision, found
        start = answer.kvs[-1].key + b"\0"
