"""HTTP requests to one etcd member's v2 API. One client is one set of connections to one member.

It must never use ``stream=true``: etcd drops events from such a stream without a sign.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from catflap.store.api import StoreError, StoreUnavailableError
from catflap.store.etcd2.faults import denied, reason_of
from catflap.store.etcd2.nesting import without_deep_parts
from catflap.store.etcd2.tree import Answer, Failure
from catflap.store.tls import client_context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from catflap.store.api import StoreOptions

# Error codes of the v2 API.
KEY_NOT_FOUND = 100
COMPARE_FAILED = 101
NOT_A_DIRECTORY = 104  # a value stands where the path wants a directory
KEY_EXISTS = 105
UNAUTHORIZED = 110
HISTORY_CLEARED = frozenset({400, 401})

LONGEST_BODY = 256 << 20  # bytes; a tree of 100,000 keys takes 50 MB

_MISSING = frozenset({KEY_NOT_FOUND, NOT_A_DIRECTORY})
_REFUSING = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_NO_QUERY: Final[Mapping[str, str]] = {}


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long a member may take, in seconds. etcd itself gives up a request that finds no quorum after 7 s."""

    connect: float = 3.0  # with the TLS handshake
    answer: float = 4.0  # to a read of a single key, connecting included
    write: float = 8.0
    load: float = 120.0  # of a whole tree
    load_silence: float = 8.0  # between two parts of it


DEFAULT_TIMEOUTS = Timeouts()


class Reply(msgspec.Struct, frozen=True):
    """What a member answered: index, cluster and term (0: not told) from the headers, and one of the two bodies."""

    index: int
    cluster_id: str
    raft_term: int
    body: Answer | Failure

    @property
    def missing(self) -> bool:
        """Whether the answer is that there is no such key."""
        return isinstance(self.body, Failure) and self.body.error_code in _MISSING


class Etcd2Client:
    """Connections to one member; as an async context manager they are closed at the end.

    Paths of directories end with ``/``: etcd wants permission for what is below a directory exactly then.

    Args:
        endpoint: host and port.
        options: TLS files (read now) and credentials.
        tls: whether to use https.
        timeouts: when to give a request up.
    """

    def __init__(
        self, endpoint: str, options: StoreOptions, *, tls: bool, timeouts: Timeouts = DEFAULT_TIMEOUTS
    ) -> None:
        self.endpoint = endpoint
        self.timeouts = timeouts
        self._options = options
        self._tls = tls
        self._base = f"{'https' if tls else 'http'}://{endpoint}/v2/keys"
        self._session = aiohttp.ClientSession(
            headers={"Accept-Encoding": "identity", **_authorization(options)},
            auto_decompress=False,  # a short body could be an endless one
            connector=aiohttp.TCPConnector(ssl=client_context(options) if tls else True),
            trust_env=False,
            middlewares=(self._send_once,),
        )

    async def read(self, path: str) -> Reply:
        """Read a key or directory with a quorum, so that the answer is the newest state, or that there is none.

        Raises:
            StoreUnavailableError: the member does not serve; such an answer says nothing about the state.
            StoreDeniedError: it refuses.
        """
        timeout = self._timeout(self.timeouts.answer)
        return self._state(await self._call("GET", path, {"quorum": "true"}, timeout))

    async def load(self, path: str) -> Reply:
        """Read all that is below a directory; otherwise as `read`."""
        timeout = self._timeout(self.timeouts.load, self.timeouts.load_silence)
        return self._state(await self._call("GET", path, {"quorum": "true", "recursive": "true"}, timeout))

    async def put(
        self, path: str, value: str | None, conditions: Mapping[str, str] = _NO_QUERY, ttl: int | None = None
    ) -> Reply:
        """Set a key, for ``ttl`` seconds; without value prolong its life, of which etcd tells no follower.

        Raises:
            StoreUnavailableError: there was no answer; it may be done or not.
            StoreDeniedError: the member refuses.
        """
        form = {} if value is None else {"value": value}
        query = {**conditions, **({} if ttl is None else {"ttl": str(ttl)})}
        if value is None:
            query |= {"refresh": "true", "prevExist": "true"}
        return await self._call("PUT", path, query, self._timeout(self.timeouts.write), form)

    async def delete(self, path: str, conditions: Mapping[str, str] = _NO_QUERY) -> Reply:
        """Delete a key; errors as for `put`."""
        return await self._call("DELETE", path, conditions, self._timeout(self.timeouts.write))

    async def poll(self, path: str, index: int) -> Poll:
        """Ask for the first event below ``path`` from ``index`` on; the answer's headers come at once.

        Raises:
            StoreUnavailableError: the member does not answer, or its answer's headers make no sense.
        """
        query = {"wait": "true", "recursive": "true", "waitIndex": str(index)}
        request = self._session.get(
            self._url(path, query), timeout=self._timeout(None), allow_redirects=False
        )
        try:
            async with asyncio.timeout(self.timeouts.answer):
                response = await request
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unavailable(error) from error
        try:
            begun = self._number(response, "X-Etcd-Index") if response.status == HTTPStatus.OK else 0
        except StoreUnavailableError:
            response.close()
            raise
        return Poll(response, begun, partial(self._receive, path, response))

    async def close(self) -> None:
        """Drop all connections."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own, which knows more than one time
        form: dict[str, str] | None = None,
    ) -> Reply:
        permission = "read" if method == "GET" else "write"
        request = self._session.request(
            method, self._url(path, query), data=form, timeout=timeout, allow_redirects=False
        )
        try:
            async with request as response:
                return self._understand(permission, path, response, await self._read_all(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unavailable(error) from error

    async def _receive(self, path: str, response: aiohttp.ClientResponse, patience: float) -> Reply | None:
        """Read the body of a poll and understand it; see `Poll.answer`."""
        try:
            body = await self._read_all(response, patience)
        except TimeoutError:
            return None
        except (aiohttp.ClientError, OSError) as error:
            raise self._unavailable(error) from error
        if not body:
            raise StoreUnavailableError(
                f"etcd {self.endpoint}: ended a poll without an answer, as if shut down"
            )
        return self._understand("read", path, response, body)

    async def _read_all(self, response: aiohttp.ClientResponse, patience: float | None = None) -> bytes:
        """A body, which may not go on for ever.

        Raises:
            StoreUnavailableError: it is longer than any tree, or takes longer than one.
            TimeoutError: nothing (more of it) came for ``patience`` seconds.
        """
        parts: list[bytes] = []
        size, end = 0, float("inf")
        while size <= LONGEST_BODY and time.monotonic() < end:
            async with asyncio.timeout(patience):
                part = await response.content.readany()
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            end = min(end, time.monotonic() + self.timeouts.load)
        raise StoreUnavailableError(f"etcd {self.endpoint}: an answer does not end ({size} bytes so far)")

    async def _send_once(
        self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Keep aiohttp from sending a request again when the connection breaks: it may have been done."""
        try:
            return await send(request)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise self._unavailable(error) from error

    def _timeout(self, total: float | None, silence: float | None = None) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=total, connect=self.timeouts.connect, sock_read=silence, ceil_threshold=float("inf")
        )

    def _url(self, path: str, query: Mapping[str, str]) -> URL:
        return URL(f"{self._base}{quote(path)}", encoded=True).with_query(query)

    def _unavailable(self, error: Exception) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"etcd {self.endpoint}: {reason_of(error, self._options, tls=self._tls)}"
        )

    def _state(self, reply: Reply) -> Reply:
        """A reply to a read, if it tells the state."""
        if isinstance(reply.body, Failure) and not reply.missing:
            raise StoreUnavailableError(f"etcd {self.endpoint}: {reply.body.text}")
        return reply

    def _understand(self, permission: str, path: str, response: aiohttp.ClientResponse, body: bytes) -> Reply:
        kind: type[Answer | Failure] = (
            Answer if response.status in (HTTPStatus.OK, HTTPStatus.CREATED) else Failure
        )
        try:
            content = _decode(body, kind)
        except (ValueError, RecursionError) as error:
            raise self._strange(response.status, body) from error
        if isinstance(content, Failure):
            if response.status in _REFUSING and content.error_code in (0, UNAUTHORIZED):
                raise denied(self.endpoint, path, permission, self._options, content.text)
            if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise StoreUnavailableError(f"etcd {self.endpoint}: {content.text}")
        return Reply(
            self._number(response, "X-Etcd-Index"),
            response.headers.get("X-Etcd-Cluster-Id", ""),
            self._number(response, "X-Raft-Term", "0"),
            content,
        )

    def _number(self, response: aiohttp.ClientResponse, header: str, default: str = "") -> int:
        """The number in an answer's header.

        Raises:
            StoreUnavailableError: there is none; no working member answers so.
        """
        text = response.headers.get(header, default)
        try:
            return int(text)
        except ValueError as error:
            raise StoreUnavailableError(
                f"etcd {self.endpoint}: strange answer with status {response.status} and {header} {text[:200]!r}"
            ) from error

    def _strange(self, status: int, body: bytes) -> StoreError:
        if status == HTTPStatus.NOT_FOUND:
            return StoreUnavailableError(
                f"etcd {self.endpoint} has no v2 API: start etcd (up to 3.5) with --enable-v2, "
                "or use its v3 API (etcd://)"
            )
        text = body[:200].decode(errors="replace")
        return StoreUnavailableError(f"etcd {self.endpoint}: strange answer with status {status}: {text!r}")


class Poll:
    """A poll that the member has accepted or refused, and whose event may be yet to come.

    ``index`` is the member's when the poll began: up to it there is no event to come but the one answered.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        index: int,
        receive: Callable[[float], Awaitable[Reply | None]],
    ) -> None:
        self._response = response
        self._receive = receive
        self.index = index
        self.accepted = response.status == HTTPStatus.OK
        self.cluster_id = response.headers.get("X-Etcd-Cluster-Id", "")
        # Of the answer's connection, which goes back to the others with the end of the answer.
        self._transport = None if response.connection is None else response.connection.transport

    async def answer(self, patience: float) -> Reply | None:
        """The event or error; None when for ``patience`` seconds nothing (more of it) has come.

        Raises:
            StoreError: the member does not serve any more, or makes no sense.
        """
        reply = await self._receive(patience)
        if reply is not None:
            self._transport = None
        return reply

    async def aclose(self) -> None:
        """Drop the connection of a poll that is not answered, without a TLS farewell that nobody may return."""
        if self._transport is not None:
            self._transport.abort()
        self._response.close()


def _decode(body: bytes, kind: type[Answer | Failure]) -> Answer | Failure:
    try:
        return msgspec.json.decode(body, type=kind)
    except RecursionError:
        return msgspec.json.decode(without_deep_parts(body), type=kind)


def _authorization(options: StoreOptions) -> dict[str, str]:
    if options.username is None:
        return {}
    try:
        return {"Authorization": aiohttp.encode_basic_auth(options.username, options.password or "")}
    except ValueError as error:
        raise StoreError(f"the user name cannot be used with etcd's v2 API: {error}") from error
