"""Reads a range of keys as it was at one revision, in pages that no message limit refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catflap.store.api import StoreUnavailableError
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.connection import LOAD_TIMEOUT
from catflap.store.etcd3.errors import MessageTooLargeError
from catflap.store.supervisor import ResyncNeededError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from catflap.store.etcd3.connection import Connection
    from catflap.store.etcd3.permissions import Permission

LATEST = 0  # as the revision to read at
PAGE = 5000  # keys; each page makes the server walk the index, so small pages cost it dearly
ATTEMPTS = 3


async def pages(
    connection: Connection,
    start: bytes,
    end: bytes,
    revision: int = LATEST,
    *,
    page: int = PAGE,
    permission: Permission | None = None,
) -> AsyncGenerator[pb.RangeResponse, None]:
    """The keys from ``start`` up to before ``end``, at most ``page`` of them at once, all as they were at ``revision``.

    With `LATEST` that is the one in the first answer's header. If a page is refused, the error asks for ``permission``.

    Raises:
        ResyncNeededError: the revision was compacted between two pages.
        MessageTooLargeError: a single key is too large to be received.
        StoreError: the member is unavailable or refuses.
    """
    while True:
        request = pb.RangeRequest(key=start, range_end=end, limit=page, revision=revision)
        try:
            answer = await connection.range(request, LOAD_TIMEOUT, permission)
        except MessageTooLargeError:
            if page == 1:
                raise
            page //= 2
            continue
        yield answer
        if not answer.more:
            return
        if not answer.kvs or answer.kvs[-1].key < start:  # nobody may be kept asking for ever
            raise StoreUnavailableError(f"etcd {connection.endpoint}: strange answer: its pages do not go on")
        revision = revision or answer.header.revision
        start = answer.kvs[-1].key + b"\0"


async def read_range(
    connection: Connection, start: bytes, end: bytes, page: int = PAGE
) -> tuple[int, list[pb.KeyValue]]:
    """All keys from ``start`` up to before ``end``, and the revision that they are of.

    Raises:
        StoreUnavailableError: history is compacted faster than the range can be read.
        StoreError: the member is unavailable or refuses.
    """
    for _ in range(ATTEMPTS):
        try:
            answers = [answer async for answer in pages(connection, start, end, page=page)]
        except ResyncNeededError as error:  # compacted between two pages
            reason = error
        else:
            return answers[0].header.revision, [kv for answer in answers for kv in answer.kvs]
    raise StoreUnavailableError(f"{reason}, {ATTEMPTS} times while reading: compact less often") from reason
