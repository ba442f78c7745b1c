"""A small web server in threads of its own, which begins, moves and ends as the configuration says.

A port that cannot be had is said loudly and tried again, and changes nothing else. Nothing wakes up while nobody asks.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import threading
from collections.abc import Callable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import msgspec

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

log = logging.getLogger(__name__)

RETRY: Final = 30.0  # seconds until a port is tried again that could not be had
PATIENCE: Final = 10.0  # seconds that a client may be silent


class Address(msgspec.Struct, frozen=True):
    """Where to serve."""

    host: str
    port: int


class Serving:
    """Serves one application where it is wanted, if it is.

    Args:
        what: is served, for the log, such as ``metrics``.
        parameters: of the configuration that say where, such as ``HealthHost or HealthPort``, for the log.
        make: makes the application, in a thread, when it is wanted for the first time.
    """

    def __init__(self, what: str, parameters: str, make: Callable[[], WSGIApplication]) -> None:
        self._what, self._parameters = what, parameters
        self._make = make
        self._app: WSGIApplication | None = None
        self._wanted: Address | None = None
        self._changed = asyncio.Event()
        self._served: Address | None = None
        self._server: _Server | None = None
        self._told: str | None = None  # why it cannot be served

    def want(self, address: Address | None) -> None:
        """Begin, end or move, soon."""
        self._wanted = address
        self._changed.set()

    async def run(self) -> None:
        """Serve until cancelled. What waits for the network or loads a library does so in a thread."""
        try:
            while True:
                self._changed.clear()
                if self._wanted != self._served:
                    await asyncio.to_thread(self._move, self._wanted)
                failed = self._wanted != self._served
                try:
                    async with asyncio.timeout(RETRY if failed else None):
                        await self._changed.wait()
                except TimeoutError:
                    pass  # try again
        finally:
            await asyncio.to_thread(self._stop)

    def _move(self, address: Address | None) -> None:
        self._stop()
        if address is not None:
            self._start(address)

    def _start(self, address: Address) -> None:
        try:
            self._app = self._app or self._make()
            self._server = _Server(address, self._app)
        except (OSError, UnicodeError) as error:  # a name may be none at all
            reason = getattr(error, "strerror", None) or str(error)
            if reason != self._told:
                log.error(  # noqa: TRY400  # no traceback for users
                    "No %s: cannot serve on %s port %d: %s; change %s, or free the port: it is tried again",
                    self._what,
                    address.host,
                    address.port,
                    reason,
                    self._parameters,
                )
            self._told = reason
        else:
            self._served, self._told = address, None
            log.info("Serving %s on http://%s:%d/", self._what, address.host, address.port)

    def _stop(self) -> None:
        server, self._server, self._served = self._server, None, None
        if server is not None:
            server.stop()


class _Handler(WSGIRequestHandler):
    """Answers without a word in the log, and not for ever to a client that is silent."""

    timeout = PATIENCE

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the standard library's name
        """Say nothing."""


class _Server(ThreadingMixIn, WSGIServer):
    """Serves from the beginning. It waits for the next client without a time limit: nothing wakes up in between."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: Address, app: WSGIApplication) -> None:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        self.address_family = found[0][0]
        super().__init__((address.host, address.port), _Handler)
        self.set_app(app)
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name="serve", daemon=True)
        self._thread.start()

    def server_bind(self) -> None:
        """Bind without asking anybody for the host's name, as the standard library would."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def handle_error(self, _request: Any, _client: Any) -> None:
        """A client that went away, or sent nonsense, concerns nobody."""
        log.debug("A client could not be answered: %s", sys.exception())

    def stop(self) -> None:
        """Serve no more."""
        self._stopping = True
        self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._thread.join()
        self.server_close()

    def _serve(self) -> None:
        while not self._stopping:
            self.handle_request()
