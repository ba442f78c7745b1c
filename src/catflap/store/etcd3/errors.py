"""What a gRPC error means, as one of the store's errors: nobody else looks at status codes."""

from __future__ import annotations

from grpc import StatusCode
from grpc.aio import AioRpcError

from catflap.store.api import StoreDeniedError, StoreError, StoreUnavailableError
from catflap.store.supervisor import ResyncNeededError


class MessageTooLargeError(StoreError):
    """An answer exceeds what this client accepts: ask for less at once."""


class TokenInvalidError(StoreDeniedError):
    """The token has expired, or the users changed since: log in again."""


_REMEDIES = {
    "user name is empty": "give a user name and password",
    "invalid user ID or password": "check user name and password",
    "authentication is not enabled": "give no user name and password",
}
_REFUSALS = (StatusCode.PERMISSION_DENIED, StatusCode.UNAUTHENTICATED)
_STALE_TOKENS = ("invalid auth token", "revision of auth store is old")
_REFUSED_FOR_GOOD = (StatusCode.INVALID_ARGUMENT, StatusCode.FAILED_PRECONDITION, StatusCode.UNIMPLEMENTED)


def translate(error: AioRpcError, endpoint: str) -> StoreError:
    """The store's error for a failed call to ``endpoint``.

    Everything that is not known to be an answer of a working member counts as unavailable.
    """
    code = error.code()
    details = error.details() or code.name
    text = f"etcd {endpoint}: {details}"
    if any(words in details for words in _STALE_TOKENS):
        return TokenInvalidError(text)
    for words, remedy in _REMEDIES.items():
        if words in details:
            return StoreDeniedError(f"{text} ({remedy})")
    if code in _REFUSALS:
        return StoreDeniedError(text)
    if code is StatusCode.OUT_OF_RANGE:
        return ResyncNeededError(text)
    if code is StatusCode.RESOURCE_EXHAUSTED and "larger than max" in details:
        return MessageTooLargeError(text)
    if code in _REFUSED_FOR_GOOD or "database space exceeded" in details:
        return StoreError(text)
    return StoreUnavailableError(text)
