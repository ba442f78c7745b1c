from __future__ import annotations

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata

from catflap.store.api import StoreDeniedError, StoreError, StoreUnavailableError
from catflap.store.etcd3.errors import (
    LoginNotNeededError,
    MessageTooLargeError,
    PermissionMissingError,
    TokenInvalidError,
    translate,
)
from catflap.store.lease import LeaseLostError
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
        (StatusCode.PERMISSION_DENIED, "etcdserver: permission denied", PermissionMissingError),
        (StatusCode.UNAUTHENTICATED, "who are you?", StoreDeniedError),
        (StatusCode.INVALID_ARGUMENT, "etcdserver: user name is empty", TokenInvalidError),
        (StatusCode.FAILED_PRECONDITION, "etcdserver: authentication is not enabled", LoginNotNeededError),
        (StatusCode.INVALID_ARGUMENT, "etcdserver: request is too large", StoreError),
        (StatusCode.UNAVAILABLE, "etcdserver: rpc not supported for learner", StoreUnavailableError),
        (StatusCode.FAILED_PRECONDITION, "etcdserver: rpc not supported for learner", StoreUnavailableError),
    ],
)
def test_status_means(code: StatusCode, details: str, kind: type[StoreError]) -> None:
    error = translate(AioRpcError(code, Metadata(), Metadata(), details), "host:2379")
    assert type(error) is kind
    assert str(error).startswith(f"etcd host:2379: {details}")


@pytest.mark.parametrize(
    ("details", "kind"),
    [
        ("etcdserver: permission denied", PermissionMissingError),
        ("etcdserver: invalid auth token", TokenInvalidError),
        ("etcdserver: mvcc: required revision has been compacted", ResyncNeededError),
        ("etcdserver: mvcc: required revision is a future revision", ResyncNeededError),
        ("etcdserver: requested lease not found", LeaseLostError),
    ],
)
def test_words_are_enough_since_a_proxy_does_not_pass_the_code_on(
    details: str, kind: type[StoreError]
) -> None:
    error = AioRpcError(StatusCode.UNKNOWN, Metadata(), Metadata(), f"rpc error: desc = {details}")
    assert type(translate(error, "host:2379")) is kind


def test_a_full_store_says_how_it_becomes_writable_again() -> None:
    details = "etcdserver: mvcc: database space exceeded"
    error = AioRpcError(StatusCode.RESOURCE_EXHAUSTED, Metadata(), Metadata(), details)
    assert "etcdctl alarm disarm" in str(translate(error, "host:2379"))


def test_a_missing_user_name_says_what_to_do() -> None:
    error = AioRpcError(StatusCode.INVALID_ARGUMENT, Metadata(), Metadata(), "etcdserver: user name is empty")
    assert "give a user name and password" in str(translate(error, "host:2379"))


def test_an_error_without_details_names_its_status() -> None:
    assert "UNKNOWN" in str(translate(AioRpcError(StatusCode.UNKNOWN, Metadata(), Metadata()), "host:2379"))
