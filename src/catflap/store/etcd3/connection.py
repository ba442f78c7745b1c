"""One channel to one etcd member, with the four methods that Catflap uses.

Method paths are written by hand, since generated stubs tie the program to one release of gRPC. A connection does
not heal itself: after an error its owner opens another one, to this or another member, so that no fault is hidden.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar, cast

import grpc
from grpc.aio import AioRpcError

from catflap.store.api import StoreError, StoreUnavailableError
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.errors import TokenInvalidError, translate

if TYPE_CHECKING:
    from types import TracebackType

    from google.protobuf.message import Message
    from grpc.aio import StreamStreamCall, StreamStreamMultiCallable, UnaryUnaryMultiCallable

    from catflap.store.api import StoreOptions

Request = TypeVar("Request", bound="Message")
Response = TypeVar("Response", bound="Message")

CONNECT_TIMEOUT = 3.0  # seconds
CALL_TIMEOUT = 5.0
LOAD_TIMEOUT = 60.0  # a page can wait behind many others when a whole fleet loads at once
MAX_MESSAGE = 64 << 20  # bytes; etcd's grpc-proxy does not cut watch answers into fragments
HAS_LEADER = ("hasleader", "true")  # lets a member without quorum refuse instead of staying silent

# An unanswered ping is noticed after 14 s, dropped packets after 11 s. All five are needed: without the third and
# the fifth a frozen server goes unnoticed for over a minute. etcd does not accept pings more often than every 5 s.
_KEEPALIVE = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 4_000),
    ("grpc.http2.ping_timeout_ms", 4_000),
    ("grpc.keepalive_permit_without_calls", 1),
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


class Login:
    """A user's credentials and the latest token, shared by a store's connections: logging in costs etcd 0.1 s."""

    def __init__(self, options: StoreOptions) -> None:
        self._username = options.username
        self._password = options.password or ""
        self.token: str | None = None

    @property
    def wanted(self) -> bool:
        """Whether there is a user to log in as."""
        return self._username is not None

    def request(self) -> pb.AuthenticateRequest:
        """The message that asks for a token."""
        return pb.AuthenticateRequest(name=self._username, password=self._password)


class Connection:
    """A channel to one member; as a context manager it is closed at the end."""

    def __init__(self, endpoint: str, login: Login, credentials: grpc.ChannelCredentials | None) -> None:
        self.endpoint = endpoint
        self._login = login
        self._channel = (
            grpc.aio.insecure_channel(endpoint, options=_CHANNEL)
            if credentials is None
            else grpc.aio.secure_channel(endpoint, credentials, options=_CHANNEL)
        )
        self._range = self._method("/etcdserverpb.KV/Range", pb.RangeRequest, pb.RangeResponse)
        self._txn = self._method("/etcdserverpb.KV/Txn", pb.TxnRequest, pb.TxnResponse)
        self._login_method = self._method(
            "/etcdserverpb.Auth/Authenticate", pb.AuthenticateRequest, pb.AuthenticateResponse
        )

        self._watch: StreamStreamMultiCallable[pb.WatchRequest, pb.WatchResponse] = (
            self._channel.stream_stream(
                "/etcdserverpb.Watch/Watch",
                request_serializer=pb.WatchRequest.SerializeToString,
                response_deserializer=pb.WatchResponse.FromString,
            )
        )

    async def ready(self, key: bytes) -> pb.ResponseHeader:
        """Connect, log in if need be, and prove by a linearizable read of ``key`` that the member has a quorum.

        A call that does not wait for readiness fails at the channel's first failure, with the reason; asking for
        the channel's state would wait through a refused connection and never learn why.

        Raises:
            StoreError: this member cannot be used now.
        """
        request = pb.RangeRequest(key=key, count_only=True)
        return (await self._call(self._range, request, CONNECT_TIMEOUT)).header

    async def range(self, request: pb.RangeRequest, seconds: float = CALL_TIMEOUT) -> pb.RangeResponse:
        """Read keys, for at most so many seconds."""
        return await self._call(self._range, request, seconds)

    async def transact(self, request: pb.TxnRequest) -> pb.TxnResponse:
        """Run a transaction.

        Raises:
            StoreUnavailableError: it may or may not have been done.
        """
        return await self._call(self._txn, request, CALL_TIMEOUT)

    async def watch(self, request: pb.WatchCreateRequest) -> Watch:
        """Begin one watch. Call `aclose` of what is returned."""
        watch = Watch(self._watch(metadata=self._metadata()), self.endpoint)
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

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        token = self._login.token
        return (HAS_LEADER,) if token is None else (HAS_LEADER, ("token", token))

    async def _call(
        self, method: UnaryUnaryMultiCallable[Request, Response], request: Request, seconds: float
    ) -> Response:
        """Call, and once more with a new token if the old one is refused: etcd checks that before it acts."""
        if self._login.wanted and self._login.token is None:
            await self._log_in()
        try:
            return await self._call_once(method, request, seconds)
        except TokenInvalidError:
            if not self._login.wanted:
                raise
        await self._log_in()
        return await self._call_once(method, request, seconds)

    async def _call_once(
        self, method: UnaryUnaryMultiCallable[Request, Response], request: Request, seconds: float
    ) -> Response:
        try:
            return await method(request, timeout=seconds, metadata=self._metadata())
        except AioRpcError as error:
            raise translate(error, self.endpoint) from error

    async def _log_in(self) -> None:
        self._login.token = None  # with the old token etcd would refuse even this call
        answer = await self._call_once(self._login_method, self._login.request(), CALL_TIMEOUT)
        self._login.token = answer.token


class Watch:
    """The answers to one watch request."""

    def __init__(self, call: StreamStreamCall[pb.WatchRequest, pb.WatchResponse], endpoint: str) -> None:
        self._call = call
        self._endpoint = endpoint
        self._reading: asyncio.Task[pb.WatchResponse] | None = None

    async def send(self, request: pb.WatchRequest) -> None:
        """Send the request that begins the watch."""
        try:
            await self._call.write(request)
        except AioRpcError as error:
            raise translate(error, self._endpoint) from error

    async def read(self, patience: float) -> pb.WatchResponse | None:
        """The next answer, or None after ``patience`` seconds of silence.

        Raises:
            StoreError: the stream has ended.
        """
        if self._reading is None:  # cancelling a read would end the call, so it stays across silences
            self._reading = asyncio.ensure_future(self._receive())
        done, _ = await asyncio.wait({self._reading}, timeout=patience)
        if not done:
            return None
        reading, self._reading = self._reading, None
        return reading.result()

    async def aclose(self) -> None:
        """Drop the stream."""
        self._call.cancel()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})
            if not self._reading.cancelled():
                self._reading.exception()  # seen: nobody waits for this answer any more

    async def _receive(self) -> pb.WatchResponse:
        try:
            answer = await self._call.read()
        except AioRpcError as error:
            raise translate(error, self._endpoint) from error
        if answer is grpc.aio.EOF:
            raise StoreUnavailableError(f"etcd {self._endpoint}: the server ended the watch")
        return cast("pb.WatchResponse", answer)


def channel_credentials(options: StoreOptions) -> grpc.ChannelCredentials:
    """TLS credentials from the files as they are now; without a CA file the system's authorities count.

    Raises:
        StoreError: a file cannot be read.
    """
    return grpc.ssl_channel_credentials(
        root_certificates=_read_pem(options.ca_file, "ca_file"),
        private_key=_read_pem(options.key_file, "key_file"),
        certificate_chain=_read_pem(options.cert_file, "cert_file"),
    )


def _read_pem(path: str | None, option: str) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {option} {path}: {error.strerror}") from error
