"""Says which permission a refused request needed and how to grant it: etcd itself says no more than that it refuses.

Pure: no I/O.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.errors import PermissionMissingError
from catflap.store.etcd3.paths import decode_path

if TYPE_CHECKING:
    from google.protobuf.message import Message

SHOWN = 3  # permissions listed in a message
DOCUMENT = "docs/etcd-security.md"


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

    @property
    def command(self) -> str:
        """The command that grants it."""
        ends = [decode_path(key) for key in (self.key, self.range_end) if key]
        return f"etcdctl role grant-permission ROLE {self.kind} {shlex.join(ends)}"


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
    who = "this client" if user is None else f"user {user!r}"
    if not permissions:
        return PermissionMissingError(
            f"etcd {endpoint} refuses: {who} has no role with the permission (see {DOCUMENT})"
        )
    first, *others = permissions
    if not others:
        return PermissionMissingError(
            f"etcd {endpoint} refuses to {first.kind} {first.keys}: {who} has no role with {first.kind} "
            f"permission for it (grant it with: {first.command}; see {DOCUMENT})"
        )
    return PermissionMissingError(
        f"etcd {endpoint} refuses the transaction: {who} needs permission to {_listed(permissions)} "
        f"(grant what is missing with commands such as: {first.command}; see {DOCUMENT})"
    )


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
