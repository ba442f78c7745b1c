"""From a store's URL to the store. Only the libraries that it needs are imported."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from catflap.store.api import StoreError, StoreOptions

if TYPE_CHECKING:
    from catflap.store.api import Store

DEFAULT_PORT = 2379
MAX_PORT = 65535
ACCEPTED = (
    "etcd://HOST[:PORT][,HOST[:PORT]…] (etcds:// with TLS), etcd2://… (etcd2s:// with TLS) for etcd's v2 API, "
    "or dir:/PATH"
)
_DIRECTORY = "dir:"
_ETCD = re.compile(r"(?P<driver>etcd2?)(?P<tls>s?)://(?P<members>.*?)/?")
_MEMBER = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(?::(?P<port>[0-9]{1,5}))?")

_NO_OPTIONS = StoreOptions()


def open_store(url: str, options: StoreOptions = _NO_OPTIONS) -> Store:
    """The store at ``url``; nothing is connected yet. TLS files count for URLs with TLS only.

    Raises:
        StoreError: the URL is none that is accepted, or the options do not fit together.
    """
    if url.startswith(_DIRECTORY):
        return _open_directory(url, options)
    match = _ETCD.fullmatch(url)
    if match is None:
        raise _refusal(url, "it is none of a store")
    endpoints = [_endpoint(url, member) for member in match["members"].split(",")]
    _check_options(options)
    tls = bool(match["tls"])
    if match["driver"] == "etcd":
        from catflap.store import etcd3  # noqa: PLC0415 - gRPC takes 0.1 s and starts threads

        return etcd3.Etcd3Store(
            endpoints, options, tls=tls, tuning=etcd3.Tuning(silence=options.check_interval)
        )
    from catflap.store import etcd2  # noqa: PLC0415 - aiohttp takes 0.2 s

    return etcd2.Etcd2Store(endpoints, options, tls=tls, tuning=etcd2.Tuning(silence=options.check_interval))


def _open_directory(url: str, options: StoreOptions) -> Store:
    path = url.removeprefix(_DIRECTORY).removeprefix("//")  # dir:///path is the same
    if not path.startswith("/"):
        raise _refusal(url, "the path must be absolute")
    from catflap.store.directory import DirectoryStore  # noqa: PLC0415 - YAML and inotify, for this store only

    return DirectoryStore(path, strict_modes=options.strict_modes)


def _endpoint(url: str, member: str) -> str:
    """Host and port of one member."""
    if "@" in member:
        raise _refusal(url.replace(member, "…"), "a URL is no place for a password; use the options for that")
    match = _MEMBER.fullmatch(member)
    if match is None:
        raise _refusal(url, f"{member!r} is no HOST[:PORT]; IPv6 addresses stand in brackets")
    port = int(match["port"] or DEFAULT_PORT)
    if not 0 < port <= MAX_PORT:
        raise _refusal(url, f"{port} is no port")
    return f"{match['host']}:{port}"


def _check_options(options: StoreOptions) -> None:
    if (options.cert_file is None) != (options.key_file is None):
        raise StoreError("a client's certificate and its key belong together: give both files or none")
    if options.password is not None and options.username is None:
        raise StoreError("a password was given, but no user name")


def _refusal(url: str, reason: str) -> StoreError:
    return StoreError(f"{url!r} cannot be used as a store: {reason}. Accepted are {ACCEPTED}")
