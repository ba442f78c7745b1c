"""Builds etcd's transactions and understands their answers. Pure: no I/O.

A transaction compares the versions (modification revisions) of keys; where one differs it changes nothing and reads
those keys instead, so that a conflict can name them. A missing key has revision 0 in comparisons, which is `ABSENT`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from catflap.store.api import ABSENT, StoreConflictError, StoreError
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.paths import encode_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MAX_OPERATIONS = 128  # etcd's default limit, for changes and for comparisons separately
NAMED = 5  # as many paths an error lists


def check(changes: Sequence[tuple[str, bytes | None]], expected: Mapping[str, int]) -> None:
    """Check that changes and expectations fit into one transaction.

    Raises:
        StoreError: they do not.
    """
    for count, what in ((len(changes), "changes"), (len(expected), "expected versions")):
        if count > MAX_OPERATIONS:
            raise StoreError(
                f"{count} {what} are too many for one transaction: etcd takes {MAX_OPERATIONS} at once; "
                "write them in several steps"
            )
    paths: set[str] = set()
    for path, _ in changes:
        if path in paths:
            raise StoreError(f"{path} is changed twice in one transaction: give its last value only")
        paths.add(path)


def transaction(
    changes: Iterable[tuple[str, bytes | None]], expected: Mapping[str, int], lease: int = 0
) -> pb.TxnRequest:
    """Make all changes if every path has its expected version, else read those. Keys go to ``lease`` (0: none)."""
    return pb.TxnRequest(
        compare=[
            pb.Compare(target=pb.Compare.MOD, key=encode_path(path), mod_revision=version)
            for path, version in expected.items()
        ],
        success=[_operation(encode_path(path), value, lease) for path, value in changes],
        failure=[_reading(path, keys_only=True) for path in expected],
    )


def reading(paths: Iterable[str]) -> pb.TxnRequest:
    """Read paths, all at one revision."""
    return pb.TxnRequest(success=[_reading(path) for path in paths])


def found(answer: pb.TxnResponse) -> list[pb.KeyValue | None]:
    """What each reading operation of a transaction found."""
    ranges = (part.response_range.kvs for part in answer.responses)
    return [kvs[0] if kvs else None for kvs in ranges]


def conflict(answer: pb.TxnResponse, expected: Mapping[str, int]) -> StoreConflictError:
    """The error for a transaction that was answered with what is there instead of what was expected."""
    differences = {
        path: _difference(version, kv)
        for (path, version), kv in zip(expected.items(), found(answer), strict=True)
        if version != (ABSENT if kv is None else kv.mod_revision)
    }
    told = listing(f"{path} {difference}" for path, difference in differences.items())
    return StoreConflictError(f"nothing was written: {told}; read again and decide anew", tuple(differences))


def written_at(
    changes: Sequence[tuple[str, bytes | None]], there: Sequence[pb.KeyValue | None], before: int
) -> int | None:
    """The revision of the transaction that made ``changes``, judged by what its paths hold; 0 if it only deleted.

    None if it was not done after revision ``before``, or others have changed its paths since.
    """
    values = [None if kv is None else kv.value for kv in there]
    revisions = {kv.mod_revision for kv in there if kv is not None}
    if values != [value for _, value in changes] or len(revisions) > 1:  # one transaction has one revision
        return None
    revision = max(revisions, default=0)
    return None if 0 < revision <= before else revision


def listing(items: Iterable[str]) -> str:
    """The first few of many, for an error message."""
    every = list(items)
    more = len(every) - NAMED
    return ", ".join(every[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _operation(key: bytes, value: bytes | None, lease: int) -> pb.RequestOp:
    if value is None:
        return pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=key))
    return pb.RequestOp(request_put=pb.PutRequest(key=key, value=value, lease=lease))


def _reading(path: str, *, keys_only: bool = False) -> pb.RequestOp:
    return pb.RequestOp(request_range=pb.RangeRequest(key=encode_path(path), keys_only=keys_only))


def _difference(expected: int, kv: pb.KeyValue | None) -> str:
    if kv is None:
        return "does not exist any more"
    if expected == ABSENT:
        return f"exists already, since revision {kv.create_revision}"
    return f"changed at revision {kv.mod_revision}, after revision {expected} was read"
