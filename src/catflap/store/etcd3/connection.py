"""One channel to one etcd member, with the few methods that Catflap uses.

Method paths are written by hand, since generated stubs tie the program to one release of gRPC. A call is
repeated only if it was refused for an old token: after any other error its owner opens another connection, to this or
another member, so that no fault is hidden.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self, TypeAlias, TypeVar, cast

import grpc
from grpc import StatusCode
from grpc.aio import AioRpcError

from catflap.store.api import StoreUnavailableError
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.errors import (
    LoginNotNeededError,
    PermissionMissingError,
    TokenInvalidError,
    translate,
    unreadable,
)
from catflap.store.etcd3.handshake import explain
from catflap.store.etcd3.permissions import Permission, needed, refusal
from catflap.store.etcd3.stream import WatchStream
from catflap.store.lease import LeaseLostError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from google.protobuf.message import Message
    from grpc.aio import StreamStreamMultiCallable, UnaryUnaryMultiCallable

    from catflap.store.api import StoreDeniedError, StoreError
    from catflap.store.etcd3.credentials import Login, TlsCredentials

Metadata: TypeAlias = tuple[tuple[str, str], ...]
Request = TypeVar("Request", bound="Message")
Response = TypeVar("Response", bound="Message")

CONNECT_TIMEOUT = 3.0  # seconds
CALL_TIMEOUT = 5.0
LOGIN_TIMEOUT = 15.0  # a login costs etcd 0.1 s, and after a restart a whole fleet logs in
LOAD_TIMEOUT = 60.0  # a page can wait behind many others when a whole fleet loads at once
MAX_MESSAGE = 64 << 20  # bytes; etcd's grpc-proxy does not cut watch answers into fragments
CONNECT_FAILURE = "failed to connect"  # in gRPC's words
HAS_LEADER = ("hasleader", "true")  # lets a member without quorum refuse instead of staying silent

# Frozen servers and dropped packets are noticed within 9 s. All five are needed: without the third and the fifth a
# frozen server goes unnoticed for over a minute. etcd does not accept pings more often than every 5 s, and none at all
# where no call goes on: it closes such a connection (measured: that of leases, every 20 s). gRPC's own probes for the
# way's bandwidth cost half of what an idle agent takes, and help to notice (measured): they stay.
_KEEPALIVE = (
    ("grpc.keepalive_time_ms", 6_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.ping_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
)
_CHANNEL = (
    *_KEEPALIVE,
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.enable_retries", 0),  # a repeated write could undo somebody else's
    ("grpc.use_local_subchannel_pool", 1),  # a new connection is really a new one
    ("grpc.enable_http_proxy", 0),
)


class Connection:
    """A channel to one member; as a context manager it is closed at the end."""

    def __init__(self, endpoint: str, login: Login, credentials: TlsCredentials | None) -> None:
        self.endpoint = endpoint
        self._login = login
        self._tls = credentials
        self._channel = (
            grpc.aio.insecure_channel(endpoint, options=_CHANNEL)
            if credentials is None
            else grpc.aio.secure_channel(endpoint, credentials.channel, options=_CHANNEL)
        )
        self._range = self._method("/etcdserverpb.KV/Range", pb.RangeRequest, pb.RangeResponse)
        self._txn = self._method("/etcdserverpb.KV/Txn", pb.TxnRequest, pb.TxnResponse)
        self._login_method = self._method(
            "/etcdserverpb.Auth/Authenticate", pb.AuthenticateRequest, pb.AuthenticateResponse
        )
        self._grant = self._method(
            "/etcdserverpb.Lease/LeaseGrant", pb.LeaseGrantRequest, pb.LeaseGrantResponse
        )
        self._revoke = self._method(
            "/etcdserverpb.Lease/LeaseRevoke", pb.LeaseRevokeRequest, pb.LeaseRevokeResponse
        )
        self._keep_alive: StreamStreamMultiCallable[pb.LeaseKeepAliveRequest, pb.LeaseKeepAliveResponse] = (
            self._channel.stream_stream(
                "/etcdserverpb.Lease/LeaseKeepAlive",
                request_serializer=pb.LeaseKeepAliveRequest.SerializeToString,
                response_deserializer=pb.LeaseKeepAliveResponse.FromString,
            )
        )
        self._watch: StreamStreamMultiCallable[pb.WatchRequest, pb.WatchResponse] = (
            self._channel.stream_stream(
                "/etcdserverpb.Watch/Watch",
                request_serializer=pb.WatchRequest.SerializeToString,
                response_deserializer=pb.WatchResponse.FromString,
            )
        )

    async def ready(self, key: bytes, permission: Permission | None = None) -> pb.ResponseHeader:
        """Connect, log in if need be, and prove by a linearizable read of ``key`` that the member has a quorum.

        If that is refused, the error asks for ``permission``.

        A call that does not wait for readiness fails at the channel's first failure, with the reason; asking for
        the channel's state would wait through a refused connection and never learn why.

        Raises:
            StoreError: this member cannot be used now.
        """
        request = pb.RangeRequest(key=key, count_only=True)
        return (await self._call(self._range, request, CONNECT_TIMEOUT, permission)).header

    async def range(
        self, request: pb.RangeRequest, seconds: float = CALL_TIMEOUT, permission: Permission | None = None
    ) -> pb.RangeResponse:
        """Read keys, for at most so many seconds. If that is refused, the error asks for ``permission``."""
        return await self._call(self._range, request, seconds, permission)

    def refusal(self, permission: Permission) -> StoreDeniedError:
        """The error for what this member refuses for want of ``permission``."""
        return refusal(self.endpoint, self._login.user, [permission])

    async def transact(
        self, request: pb.TxnRequest, seconds: float = CALL_TIMEOUT, permission: Permission | None = None
    ) -> pb.TxnResponse:
        """Run a transaction, as `range` does.

        Raises:
            StoreUnavailableError: it may or may not have been done.
        """
        return await self._call(self._txn, request, seconds, permission)

    async def grant_lease(self, seconds: int) -> int:
        """A new lease's id; etcd lets it live for so many seconds, or for its own minimum."""
        return (await self._call(self._grant, pb.LeaseGrantRequest(TTL=seconds), CALL_TIMEOUT)).ID

    async def keep_lease(self, lease: int) -> None:
        """Let a lease begin its time anew.

        A stream of its own for one answer: it cannot stall unseen, as one that stays open can. Half-closing it
        early, as a plain call would, makes etcd's grpc-proxy cancel the request.

        Raises:
            LeaseLostError: there is no such lease any more.
        """
        try:
            with self._not_closed_meanwhile():
                answer = await self._ask_to_keep(lease)
        except TimeoutError as error:
            raise self._no_answer(CALL_TIMEOUT) from error
        except AioRpcError as error:
            raise translate(error, self.endpoint) from error
        if answer is grpc.aio.EOF:
            raise StoreUnavailableError(f"etcd {self.endpoint}: the server did not answer for a lease")
        if answer is None:
            raise unreadable(self.endpoint)
        if cast("pb.LeaseKeepAliveResponse", answer).TTL <= 0:  # that is how etcd says it
            raise LeaseLostError(f"etcd {self.endpoint}: the lease has expired")

    async def revoke_lease(self, lease: int) -> None:
        """End a lease, and with it its keys.

        Raises:
            LeaseLostError: there is no such lease any more.
        """
        await self._call(self._revoke, pb.LeaseRevokeRequest(ID=lease), CALL_TIMEOUT)

    async def watch(self, request: pb.WatchCreateRequest) -> WatchStream:
        """Begin one watch. Call `aclose` of what is returned."""
        watch = WatchStream(self._watch(metadata=self._metadata()), self.endpoint)
        await watch.send(pb.WatchRequest(create_request=request))
        return watch

    async def close(self) -> None:
        """Drop the channel and whatever runs on it."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _method(
        self, path: str, request: type[Request], response: type[Response]
    ) -> UnaryUnaryMultiCallable[Request, Response]:
        return self._channel.unary_unary(
            path, request_serializer=request.SerializeToString, response_deserializer=response.FromString
        )

    def _metadata(self) -> Metadata:
        token = self._login.token
        return (HAS_LEADER,) if token is None else (HAS_LEADER, ("token", token))

    async def _call(
        self,
        method: UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        seconds: float,
        permission: Permission | None = None,
    ) -> Response:
        """Call, and say which permission is missing if one is: ``permission``, or else what the request needs."""
        try:
            return await self._call_with_token(method, request, seconds)
        except PermissionMissingError as error:
            permissions = needed(request) if permission is None else [permission]
            raise refusal(self.endpoint, self._login.user, permissions) from error

    async def _call_with_token(
        self, method: UnaryUnaryMultiCallable[Request, Response], request: Request, seconds: float
    ) -> Response:
        """Call, and once more with a new token if the old one is refused: etcd checks that before it acts."""
        if self._login.due:
            await self._log_in()
        token = self._login.token
        try:
            return await self._call_once(method, request, seconds, self._metadata())
        except TokenInvalidError:
            if self._login.user is None:
                raise
        if self._login.token == token:  # else another connection has logged in meanwhile
            await self._log_in()
        return await self._call_once(method, request, seconds, self._metadata())

    async def _log_in(self) -> None:
        """Get a new token. With an old one in its metadata even this call would be refused."""
        try:
            answer = await self._call_once(
                self._login_method, self._login.request(), LOGIN_TIMEOUT, (HAS_LEADER,)
            )
        except LoginNotNeededError:
            self._login.not_needed(self.endpoint)
        else:
            self._login.succeeded(answer.token)

    async def _call_once(
        self,
        method: UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        seconds: float,
        metadata: Metadata,
    ) -> Response:
        try:
            with self._not_closed_meanwhile():
                answer: Response | None = await method(request, timeout=seconds, metadata=metadata)
        except AioRpcError as error:
            raise await self._explained(error, seconds) from error
        if answer is None:
            raise unreadable(self.endpoint)
        return answer

    async def _ask_to_keep(self, lease: int) -> object:
        """The one answer. gRPC's own time limit would not end a write whose channel is closed before it has begun."""
        call = self._keep_alive(metadata=self._metadata())
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                await call.write(pb.LeaseKeepAliveRequest(ID=lease))
                return await call.read()
        finally:
            call.cancel()

    @contextmanager
    def _not_closed_meanwhile(self) -> Iterator[None]:
        """Make an ordinary fault of it when somebody else who shares this connection closes it.

        gRPC takes a call that runs then for cancelled, which would end the caller's task, and the next one for misuse.

        Raises:
            StoreUnavailableError: that has happened; the call may or may not have been done.
        """
        try:
            yield
        except (asyncio.CancelledError, grpc.aio.UsageError) as error:
            if _being_cancelled():
                raise
            raise StoreUnavailableError(f"etcd {self.endpoint}: the connection was given up") from error

    async def _explained(self, error: AioRpcError, seconds: float) -> StoreError:
        """The store's error for a failed call, with a reason where gRPC tells none that helps."""
        if error.code() is StatusCode.DEADLINE_EXCEEDED:
            return self._no_answer(seconds)
        if error.code() is StatusCode.UNAVAILABLE and CONNECT_FAILURE in (error.details() or ""):
            reason = await self._reason_of_no_connection(error.details() or "")
            if reason is not None:
                return StoreUnavailableError(f"etcd {self.endpoint}: {reason}")
        return translate(error, self.endpoint)

    def _no_answer(self, seconds: float) -> StoreUnavailableError:
        return StoreUnavailableError(f"etcd {self.endpoint}: no answer within {seconds:g} s")

    async def _reason_of_no_connection(self, details: str) -> str | None:
        if self._tls is not None:
            reason = await explain(self.endpoint, self._tls.options)
            return None if reason is None else f"TLS: {reason}"
        if "Socket closed" in details:
            return "the server closed the connection at once (if it serves TLS, use a URL with etcds://)"
        return None


def _being_cancelled() -> bool:
    """Whether somebody cancels this task; closing a channel cancels its calls, and that looks the same."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
