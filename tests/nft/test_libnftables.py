"""What goes wrong before the kernel is reached; the rest needs root and is among the end-to-end tests."""

from __future__ import annotations

import ctypes
import socket
from typing import Any

import pytest

from catflap.nft.libnftables import LibNftables, was_committed
from catflap.nft.port import NftError


def _fails(error: OSError) -> Any:
    def fail(*_arguments: object) -> None:
        raise error

    return fail


def test_a_missing_library_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", _fails(OSError("libnftables.so.1: cannot open shared object file")))
    with pytest.raises(NftError, match="install the package libnftables1"):
        LibNftables()


def test_a_kernel_without_netfilter_names_the_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", _fails(OSError(93, "Protocol not supported")))
    with pytest.raises(
        NftError, match=r"\(Protocol not supported\): load the modules nfnetlink and nf_tables"
    ):
        LibNftables()


@pytest.mark.parametrize(
    ("failure", "before", "after", "committed"),
    [
        ("netlink: Error: Could not receive: No buffer space available", 7, 8, True),
        ("netlink: Error: Could not receive: No buffer space available", (1 << 32) - 1, 0, True),
        ("netlink: Error: Could not receive: No buffer space available", 7, 7, False),
        ("netlink: Error: Could not receive: No buffer space available", 7, 9, False),
        ("Error: Could not process rule: Message too long", 7, 8, False),
        ("Error: Could not process rule: No such file or directory", 7, 7, False),
    ],
)
def test_answers_that_were_lost_do_not_hide_a_commit(
    failure: str, before: int, after: int, *, committed: bool
) -> None:
    assert was_committed(failure, before, after) == committed
