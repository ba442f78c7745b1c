from __future__ import annotations

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata

from catflap.store.api import StoreDeniedError, StoreError, StoreUnavailableError
from catflap.store.etcd3.errors import MessageTooLargeError, TokenInvalidError, translate
from catflap.store.supervisor import ResyncNeededError


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        (StatusCode.UNAVAILABLE, "connection refused", StoreUnavailableError),
        (StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", StoreUnavailableError),
        (StatusCode.UNKNOWN, "what?", StoreUnavailableError),
        (StatusCode.RESOURCE_EXHAUSTED, "etcdserver: too many requests", StoreUnavailableError),
        (StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (9 vs. 8)", MessageTooLargeError),
        (StatusCode.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", StoreError),
        (StatusCode.OUT_OF_RANGE, "required revision has been compacted", ResyncNeededError),
        (StatusCode.UNAUTHENTICATED, "etcdserver: invalid auth token", TokenInvalidError),
        (StatusCode.INVALID_ARGUMENT, "etcdserver: revision of auth store is old", TokenInvalidError),
        (StatusCode.PERMISSION_DENIED, "etcdserver: permission denied", StoreDeniedError),
        (StatusCode.INVALID_ARGUMENT, "etcdserver: user name is empty", StoreDeniedError),
        (StatusCode.INVALID_ARGUMENT, "etcdserver: request is too large", StoreError),
    ],
)
def test_status_means(code: StatusCode, details: str, kind: type[StoreError]) -> None:
    error = translate(AioRpcError(code, Metadata(), Metadata(), details), "host:2379")
    assert type(error) is kind
    assert str(error).startswith(f"etcd host:2379: {details}")


def test_a_missing_user_name_says_what_to_do() -> None:
    error = AioRpcError(StatusCode.INVALID_ARGUMENT, Metadata(), Metadata(), "etcdserver: user name is empty")
    assert "give a user name and password" in str(translate(error, "host:2379"))


def test_an_error_without_details_names_its_status() -> None:
    assert "UNKNOWN" in str(translate(AioRpcError(StatusCode.UNKNOWN, Metadata(), Metadata()), "host:2379"))
