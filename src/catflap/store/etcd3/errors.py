"""What a gRPC error means, as one of the store's errors: nobody else looks at status codes."""

from __future__ import annotations

from grpc import StatusCode
from grpc.aio import AioRpcError

from catflap.store.api import StoreDeniedError, StoreError, StoreUnavailableError
from catflap.store.lease import LeaseLostError
from catflap.store.supervisor import ResyncNeededError


class MessageTooLargeError(StoreError):
    """An answer exceeds what this client accepts: ask for less at once."""


class TokenInvalidError(StoreDeniedError):
    """The token is missing or has expired, or the users changed since: log in (again)."""


class LoginNotNeededError(StoreDeniedError):
    """Authentication is switched off: there is nobody to log in as."""


class PermissionMissingError(StoreDeniedError):
    """No role of the user allows what was asked for."""


_REMEDIES: dict[str, tuple[type[StoreError], str]] = {
    "user name is empty": (TokenInvalidError, "give a user name and password"),
    "invalid user ID or password": (StoreDeniedError, "check user name and password"),
    "authentication is not enabled": (LoginNotNeededError, "give no user name and password"),
    "request is too large": (
        StoreError,
        "write fewer or smaller objects at once, or raise etcd's --max-request-bytes",
    ),
    "too many operations in txn request": (
        StoreError,
        "write fewer objects at once, or raise etcd's --max-txn-ops",
    ),
    "database space exceeded": (
        StoreError,
        "compact and defragment etcd, or raise its --quota-backend-bytes; then run `etcdctl alarm disarm`",
    ),
    "requested lease not found": (LeaseLostError, "its keys have to be written again"),
}
_STALE_TOKENS = ("invalid auth token", "revision of auth store is old")
_LOST_HISTORY = ("required revision has been compacted", "required revision is a future revision")
_LEARNER = "not supported for learner"
_REFUSED_FOR_GOOD = (StatusCode.INVALID_ARGUMENT, StatusCode.FAILED_PRECONDITION, StatusCode.UNIMPLEMENTED)


def unreadable(endpoint: str) -> StoreUnavailableError:
    """The error for an answer that is no message of its kind, in whose place gRPC gives None."""
    return StoreUnavailableError(
        f"etcd {endpoint}: an answer cannot be decoded (is something else between us?)"
    )


def translate(error: AioRpcError, endpoint: str) -> StoreError:
    """The store's error for a failed call to ``endpoint``.

    The words decide where they can: etcd's grpc-proxy does not pass its codes on. Everything that is not known to be
    an answer of a working member counts as unavailable.
    """
    code = error.code()
    details = error.details() or code.name
    text = f"etcd {endpoint}: {details}"
    for words, (kind, remedy) in _REMEDIES.items():
        if words in details:
            return kind(f"{text} ({remedy})")
    if any(words in details for words in _STALE_TOKENS):
        return TokenInvalidError(text)
    if code is StatusCode.PERMISSION_DENIED or "permission denied" in details:
        return PermissionMissingError(text)
    if code is StatusCode.UNAUTHENTICATED:
        return StoreDeniedError(text)
    if code is StatusCode.OUT_OF_RANGE or any(words in details for words in _LOST_HISTORY):
        return ResyncNeededError(text)
    if code is StatusCode.RESOURCE_EXHAUSTED and "larger than max" in details:
        return MessageTooLargeError(text)
    if code in _REFUSED_FOR_GOOD and _LEARNER not in details:
        return StoreError(text)
    return StoreUnavailableError(text)
