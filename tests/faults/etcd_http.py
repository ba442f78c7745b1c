"""A client of etcd for both APIs over plain HTTP: what judges the product must not be the product.

The v3 API is spoken through etcd's JSON gateway. After `UnansweredError` the next call goes to the next endpoint.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

RANGE: Final = ("/calico/resources/v3/", "/calico/v10")  # what agents follow: up to the end of /calico/v1/
JSON_HEADERS: Final = {"Content-Type": "application/json"}
FORM_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded"}
OK: Final = range(200, 300)
UNAUTHENTICATED: Final = 401


class UnansweredError(Exception):
    """A call failed, or its answer was lost: a write may or may not have been done."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Where and as whom: ``endpoints`` are host and port each; the files are PEM files for TLS."""

    endpoints: tuple[str, ...]
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    username: str | None = None
    password: str | None = None


class EtcdHttp:
    """Calls one endpoint after the other, each as long as it answers."""

    def __init__(self, access: Access, timeout: float = 1.5) -> None:
        self._access = access
        self._timeout = timeout
        self._position = 0
        self._connection: http.client.HTTPConnection | None = None
        self._token: str | None = None

    def transact(self, changes: Sequence[tuple[str | bytes, bytes | None]]) -> None:
        """Put, or with None delete, keys: one transaction of the v3 API."""
        operations = [
            _operation(key.encode() if isinstance(key, str) else key, value) for key, value in changes
        ]
        self._call3("/v3/kv/txn", {"success": operations})

    def delete_range(self, start: str, end: str) -> None:
        """Delete all keys from ``start`` to before ``end`` at once (v3)."""
        self._call3("/v3/kv/deleterange", {"key": _text(start.encode()), "range_end": _text(end.encode())})

    def read(self) -> dict[bytes, bytes]:
        """Everything that agents follow in the v3 API: a linearizable read."""
        start, end = RANGE
        answer = self._call3("/v3/kv/range", {"key": _text(start.encode()), "range_end": _text(end.encode())})
        decode = base64.b64decode
        return {decode(kv["key"]): decode(kv.get("value", "")) for kv in answer.get("kvs", [])}

    def revision(self) -> int:
        """The store's revision (v3)."""
        answer = self._call3("/v3/kv/range", {"key": _text(b"/"), "count_only": True})
        return int(answer["header"]["revision"])

    def set2(self, key: str, value: str, seconds: int | None = None) -> None:
        """Set a key with the v2 API, for at most so many seconds."""
        fields = {"value": value} if seconds is None else {"value": value, "ttl": str(seconds)}
        self._call("PUT", f"/v2/keys{urllib.parse.quote(key)}", urllib.parse.urlencode(fields), FORM_HEADERS)

    def delete2(self, key: str, *, recursive: bool = False) -> None:
        """Delete a key or a tree with the v2 API."""
        self._call("DELETE", f"/v2/keys{urllib.parse.quote(key)}?recursive={str(recursive).lower()}", "", {})

    def read2(self) -> dict[bytes, bytes]:
        """Everything that agents follow in the v2 API: a quorum read."""
        answer = self._call("GET", "/v2/keys/calico/v1?recursive=true&quorum=true", "", {})
        return {key.encode(): value.encode() for key, value in _leaves(answer["node"])}

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _call3(self, path: str, body: Mapping[str, Any]) -> Any:
        if self._access.username is not None and self._token is None:
            self._log_in()
        headers = JSON_HEADERS if self._token is None else {**JSON_HEADERS, "Authorization": self._token}
        return self._call("POST", path, json.dumps(body), headers)

    def _log_in(self) -> None:
        credentials = {"name": self._access.username, "password": self._access.password}
        answer = self._call("POST", "/v3/auth/authenticate", json.dumps(credentials), JSON_HEADERS)
        self._token = answer["token"]

    def _call(self, method: str, path: str, body: str, headers: Mapping[str, str]) -> Any:
        try:
            connection = self._connection = self._connection or self._connect()
            connection.request(method, path, body.encode(), dict(headers))
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._next()
            raise UnansweredError(f"{method} {path}: {error!r}") from error
        if answer.status not in OK:
            self._token = None
            with contextlib.suppress(OSError):
                self._next()
            raise UnansweredError(f"{method} {path}: status {answer.status}: {content[:200]!r}")
        return json.loads(content)

    def _connect(self) -> http.client.HTTPConnection:
        access = self._access
        endpoint = access.endpoints[self._position % len(access.endpoints)]
        if access.ca_file is None:
            return http.client.HTTPConnection(endpoint, timeout=self._timeout)
        context = ssl.create_default_context(cafile=access.ca_file)
        if access.cert_file is not None:
            context.load_cert_chain(access.cert_file, access.key_file)
        return http.client.HTTPSConnection(endpoint, timeout=self._timeout, context=context)

    def _next(self) -> None:
        self.close()
        self._position += 1


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _operation(key: bytes, value: bytes | None) -> dict[str, Any]:
    if value is None:
        return {"request_delete_range": {"key": _text(key)}}
    return {"request_put": {"key": _text(key), "value": _text(value)}}


def _leaves(node: Mapping[str, Any]) -> list[tuple[str, str]]:
    if not node.get("dir"):
        return [(node["key"], node["value"])]
    return [leaf for child in node.get("nodes", []) for leaf in _leaves(child)]
