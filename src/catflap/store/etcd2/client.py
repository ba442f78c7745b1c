"""HTTP requests to one etcd member's v2 API. One client is one set of connections to one member.

It must never use ``stream=true``: etcd drops events from such a stream without a sign.
"""

from __future__ import annotations

import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from catflap.store.api import StoreDeniedError, StoreError, StoreUnavailableError
from catflap.store.etcd2.nesting import without_deep_parts
from catflap.store.etcd2.tree import Answer, Failure

if TYPE_CHECKING:
    from types import TracebackType

    from catflap.store.api import StoreOptions

CONNECT_TIMEOUT = 3.0  # seconds
CALL_TIMEOUT = 5.0
LOAD_TIMEOUT = 60.0
KEY_NOT_FOUND = 100  # error codes of the v2 API
HISTORY_CLEARED = frozenset({400, 401})


class Reply(msgspec.Struct, frozen=True):
    """What a member answered: its index and cluster from the headers, and one of the two bodies."""

    index: int
    cluster_id: str
    body: Answer | Failure

    @property
    def missing(self) -> bool:
        """Whether the answer is that there is no such key."""
        return isinstance(self.body, Failure) and self.body.error_code == KEY_NOT_FOUND


class Etcd2Client:
    """Connections to one member; as an async context manager they are closed at the end.

    Args:
        endpoint: host and port.
        options: TLS files (read now) and credentials.
        tls: whether to use https.
    """

    def __init__(self, endpoint: str, options: StoreOptions, *, tls: bool) -> None:
        self.endpoint = endpoint
        self._base = f"{'https' if tls else 'http'}://{endpoint}/v2/keys"
        self._session = aiohttp.ClientSession(
            headers=_authorization(options),
            connector=aiohttp.TCPConnector(ssl=tls_context(options) if tls else True),
            trust_env=False,
        )

    async def read(self, path: str, *, recursive: bool = False, seconds: float = CALL_TIMEOUT) -> Reply:
        """Read a key or directory with a quorum, so that the answer is the newest state, or that there is none.

        Raises:
            StoreUnavailableError: the member does not serve; such an answer says nothing about the state.
        """
        query = {"quorum": "true", "recursive": "true"} if recursive else {"quorum": "true"}
        reply = await self._call("GET", path, query, seconds=seconds)
        if isinstance(reply.body, Failure) and not reply.missing:
            raise StoreUnavailableError(f"etcd {self.endpoint}: {reply.body.message} {reply.body.cause}")
        return reply

    async def write(self, path: str, value: str) -> Reply:
        """Set a key."""
        return await self._call("PUT", path, {}, form={"value": value})

    async def delete(self, path: str) -> Reply:
        """Delete a key."""
        return await self._call("DELETE", path, {})

    async def poll(self, path: str, index: int, patience: float) -> Poll:
        """Ask for the first event below ``path`` from ``index`` on; the answer's headers come at once.

        Raises:
            StoreUnavailableError: the member does not answer, or its answer's headers make no sense.
        """
        query = {"wait": "true", "recursive": "true", "waitIndex": str(index)}
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT, sock_read=patience)
        try:
            response = await self._session.get(self._url(path, query), timeout=timeout)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unavailable(error) from error
        try:
            return Poll(self, response, self._index_of(response))
        except StoreUnavailableError:
            response.close()
            raise

    async def close(self) -> None:
        """Drop all connections."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def receive(self, response: aiohttp.ClientResponse) -> Reply | None:
        """Read the body of a poll and understand it; None if there is none, or not within the poll's patience.

        Raises:
            StoreError: the answer is none that a working member with the v2 API gives.
        """
        try:
            body = await response.read()
        except TimeoutError:
            return None
        except (aiohttp.ClientError, OSError) as error:
            raise self._unavailable(error) from error
        return self._understand(response, body) if body else None  # a member that shuts down may send nothing

    async def _call(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        *,
        form: dict[str, str] | None = None,
        seconds: float = CALL_TIMEOUT,
    ) -> Reply:
        timeout = aiohttp.ClientTimeout(total=seconds, connect=CONNECT_TIMEOUT)
        url = self._url(path, query)
        try:
            async with self._session.request(method, url, data=form, timeout=timeout) as response:
                return self._understand(response, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unavailable(error) from error

    def _url(self, path: str, query: dict[str, str]) -> URL:
        return URL(f"{self._base}{quote(path)}", encoded=True).with_query(query)

    def _unavailable(self, error: Exception) -> StoreUnavailableError:
        reason = str(error) or "no answer in time"
        return StoreUnavailableError(f"etcd {self.endpoint}: {reason}")

    def _understand(self, response: aiohttp.ClientResponse, body: bytes) -> Reply:
        if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise StoreDeniedError(
                f"etcd {self.endpoint}: {body[:200].decode(errors='replace').strip()} (check user name and password)"
            )
        kind: type[Answer | Failure] = (
            Answer if response.status in (HTTPStatus.OK, HTTPStatus.CREATED) else Failure
        )
        try:
            content = _decode(body, kind)
        except (ValueError, RecursionError) as error:
            raise self._strange(response.status, body) from error
        return Reply(self._index_of(response), response.headers.get("X-Etcd-Cluster-Id", ""), content)

    def _index_of(self, response: aiohttp.ClientResponse) -> int:
        text = response.headers.get("X-Etcd-Index", "0")
        try:
            return int(text)
        except ValueError as error:
            raise StoreUnavailableError(
                f"etcd {self.endpoint}: strange answer with X-Etcd-Index {text[:200]!r}"
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

    def __init__(self, client: Etcd2Client, response: aiohttp.ClientResponse, index: int) -> None:
        self._client = client
        self._response = response
        self.index = index
        self.accepted = response.status == HTTPStatus.OK
        self.cluster_id = response.headers.get("X-Etcd-Cluster-Id", "")
        # Of the answer's connection, which goes back to the others with the end of the answer.
        self._transport = None if response.connection is None else response.connection.transport

    async def answer(self) -> Reply | None:
        """The event or error, None after the poll's patience."""
        reply = await self._client.receive(self._response)
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


def tls_context(options: StoreOptions) -> ssl.SSLContext:
    """A TLS context from the files as they are now; without a CA file the system's authorities count.

    Raises:
        StoreError: a file cannot be read or is not what it should be.
    """
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
        if options.cert_file is not None:
            context.load_cert_chain(options.cert_file, options.key_file)
    except OSError as error:  # SSLError is one
        files = ", ".join(filter(None, (options.ca_file, options.cert_file, options.key_file)))
        raise StoreError(f"cannot use the TLS files {files}: {error}") from error
    return context
