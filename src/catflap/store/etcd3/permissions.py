"""Says which permission a refused request needed and how to grant it: etcd itself says no more than that it refuses.

Pure: no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.errors import PermissionMissingError
from catflap.store.etcd3.paths import decode_path

if TYPE_CHECKING:
    from google.protobuf.message import Message

SHOWN = 3  # permissions listed in a message
REMEDY = (
    "give it one of the roles of scripts/etcd-roles (agent, operator, observer; see docs/etcd-security.md)"
)


class Permission(msgspec.Struct, frozen=True):
    """A right that one of a user's roles must have: for one key, or for those up to before ``range_end``."""

    kind: Literal["read", "write"]
    key: bytes
    range_end: bytes = b""

    @property
    def keys(self) -> str:
        """What it is for, as a message names it."""
        start = decode_path(self.key)
        return f"{start} … {decode_path(self.range_end)}" if self.range_end else start


def needed(request: Message) -> list[Permission]:
    """What a request needs, each permission once; nothing is known of requests other than reads and transactions."""
    if isinstance(request, pb.RangeRequest):
        return [Permission("read", request.key, request.range_end)]
    if isinstance(request, pb.TxnRequest):
        compared = [Permission("read", compare.key) for compare in request.compare]
        operations = [_of_operation(operation) for operation in (*request.success, *request.failure)]
        return list(dict.fromkeys([*operations, *compared]))
    return []


def refusal(endpoint: str, user: str | None, permissions: Sequence[Permission]) -> PermissionMissingError:
    """The error for a request that was refused to ``user`` (None: who the client's certificate says)."""
    who = "the user that the client's certificate names" if user is None else f"user {user!r}"
    if not permissions:
        text = f"etcd {endpoint} refuses: {who} has no role with the permission"
    elif len(permissions) == 1:
        (only,) = permissions
        text = (
            f"etcd {endpoint} refuses to {only.kind} {only.keys}: {who} has no role with {only.kind} "
            "permission for it"
        )
    else:
        text = f"etcd {endpoint} refuses the transaction: {who} needs permission to {_listed(permissions)}"
    return PermissionMissingError(f"{text}; {REMEDY}")


def _of_operation(operation: pb.RequestOp) -> Permission:
    if operation.HasField("request_range"):
        return Permission("read", operation.request_range.key, operation.request_range.range_end)
    if operation.HasField("request_put"):
        return Permission("write", operation.request_put.key)
    return Permission("write", operation.request_delete_range.key, operation.request_delete_range.range_end)


def _listed(permissions: Iterable[Permission]) -> str:
    shown = [f"{permission.kind} {permission.keys}" for permission in permissions]
    rest = [f"{len(shown) - SHOWN} more"] if len(shown) > SHOWN else []
    return ", ".join([*shown[:SHOWN], *rest])
