"""nf_tables through libnftables, in this process: 0.1 ms a small transaction, where starting ``nft`` costs 3 ms.

The library acts on the network namespace that the process was in when `LibNftables` was made. It ends the process when
the kernel has no netfilter sockets at all, so that is looked at first. Text from outside must never reach it unchecked.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from catflap.nft.content import CounterValue, Outline
from catflap.nft.element_messages import requests
from catflap.nft.kernel_content import KernelContent
from catflap.nft.nfnetlink import Generation
from catflap.nft.nfsocket import Nfnetlink
from catflap.nft.port import ElementChange, NftError
from catflap.nft.ruleset import TABLE, SetOrMap

_LIBRARY: Final = "libnftables.so.1"
_OUTPUT_JSON: Final = 1 << 4
_CONTEXT = ctypes.c_void_p

_HINTS: Final = {
    "Operation not permitted": "programming nf_tables needs CAP_NET_ADMIN in the network namespace: run as root",
    "Message too long": "the transaction exceeds the socket buffer, which only root of the host may enlarge: "
    "do not run in a user namespace",
    "Operation not supported": "the kernel may lack a part of nf_tables: load the module or build it in",
    "cache initialization failed: Invalid argument": "the kernel lacks nf_tables: load the module or build it in",
}

_MAX_LINE: Final = 300  # characters of a line of an error: the library quotes the command, however long


class LibNftables:
    """The kernel's nf_tables, seen through libnftables. Safe to use from several threads; close it after use.

    Raises:
        NftError: the library or the kernel's netfilter sockets are missing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._library = _load()
        self._content = KernelContent()  # the library ends the process where there are no netfilter sockets
        self._netlink = Nfnetlink()
        self._context: int | None = self._library.nft_ctx_new(0)
        if self._context is None:
            raise NftError("libnftables cannot make a context: out of memory")
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def run(self, commands: str) -> None:
        """Run nft text as one transaction. See `Nft.run`."""
        with self._lock:
            self._live_context()
            before = self._netlink.generation().id
            failure = self._run(commands)[1]
            if failure is not None and not was_committed(failure, before, self._netlink.generation().id):
                raise NftError(_explain(failure))

    def check(self, commands: str) -> None:
        """Let the kernel validate text without acting on it. See `Nft.check`."""
        with self._lock:
            self._library.nft_ctx_set_dry_run(self._live_context(), True)  # noqa: FBT003  # a C function
            try:
                failure = self._run(commands)[1]
            finally:
                self._library.nft_ctx_set_dry_run(self._live_context(), False)  # noqa: FBT003  # a C function
        if failure is not None:
            raise NftError(_explain(failure))

    def change_elements(self, changes: Sequence[ElementChange]) -> None:
        """Change elements over netlink, without the library. See `Nft.change_elements`."""
        with self._lock:
            self._live_context()
            try:
                self._netlink.commit(list(requests(changes)))
            except ValueError as error:
                raise NftError(f"elements cannot be written: {error}") from error

    def list_table(self) -> Mapping[str, Any] | None:
        """Our table as a document, or None. See `Nft.list_table`."""
        output, failure = self._execute(f"list table {TABLE}", flags=_OUTPUT_JSON)
        if failure is not None:
            if "No such file or directory" in failure:
                return None
            raise NftError(_explain(failure))
        try:
            return msgspec.json.decode(output, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise NftError(
                f"libnftables lists table {TABLE} in a form that cannot be read: {error}"
            ) from error

    def generation(self) -> Generation:
        """See `NftContent.generation`."""
        return self._content.generation()

    def outline(self) -> Outline | None:
        """See `NftContent.outline`."""
        return self._content.outline()

    def counters(self) -> Mapping[str, CounterValue]:
        """See `NftContent.counters`."""
        return self._content.counters()

    def chain_digests(self, names: Collection[str] | None = None) -> Mapping[str, str]:
        """See `NftContent.chain_digests`."""
        return self._content.chain_digests(names)

    def elements(self, item: SetOrMap) -> Mapping[str, str]:
        """See `NftContent.elements`."""
        return self._content.elements(item)

    def close(self) -> None:
        """Free the context; the object cannot be used afterwards."""
        with self._lock:
            context, self._context = self._context, None
            if context is not None:
                self._library.nft_ctx_free(context)
                self._netlink.close()
                self._content.close()

    def _execute(self, commands: str, flags: int = 0) -> tuple[bytes, str | None]:
        """The output, and the error text if it failed."""
        with self._lock:
            return self._run(commands, flags)

    def _run(self, commands: str, flags: int = 0) -> tuple[bytes, str | None]:
        """`_execute` for one who holds the lock."""
        library, context = self._library, self._live_context()
        library.nft_ctx_output_set_flags(context, flags)
        code = library.nft_run_cmd_from_buffer(context, commands.encode())
        output: bytes = library.nft_ctx_get_output_buffer(context)
        error: bytes = library.nft_ctx_get_error_buffer(context)
        return output, error.decode(errors="replace") if code else None

    def _live_context(self) -> int:
        if self._context is None:
            raise NftError("libnftables was closed")
        return self._context


def was_committed(failure: str, before: int, after: int) -> bool:
    """Whether a transaction took effect although the library reports a failure.

    Where the kernel's answers overran the socket, nobody knows them. One commit makes the next generation; had somebody
    else committed as well, it would not be the next one.
    """
    return "No buffer space available" in failure and after == (before + 1) % (1 << 32)


def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise NftError(
            f"{_LIBRARY} cannot be loaded ({error}): install the package libnftables1 (Debian, Ubuntu) or nftables"
        ) from error
    library.nft_ctx_new.argtypes, library.nft_ctx_new.restype = [ctypes.c_uint32], _CONTEXT
    library.nft_ctx_free.argtypes, library.nft_ctx_free.restype = [_CONTEXT], None
    library.nft_ctx_output_set_flags.argtypes = [_CONTEXT, ctypes.c_uint]
    library.nft_ctx_output_set_flags.restype = None
    library.nft_ctx_set_dry_run.argtypes = [_CONTEXT, ctypes.c_bool]
    library.nft_ctx_set_dry_run.restype = None
    library.nft_run_cmd_from_buffer.argtypes = [_CONTEXT, ctypes.c_char_p]
    for function in (library.nft_ctx_buffer_output, library.nft_ctx_buffer_error):
        function.argtypes = [_CONTEXT]
    for function in (library.nft_ctx_get_output_buffer, library.nft_ctx_get_error_buffer):
        function.argtypes, function.restype = [_CONTEXT], ctypes.c_char_p
    return library


def _explain(failure: str) -> str:
    """The library's own words, long lines cut, and what helps where that is known."""
    text = "\n".join(line[:_MAX_LINE] for line in failure.strip().splitlines())
    return "\n".join([text, *(hint for symptom, hint in _HINTS.items() if symptom in failure)])
