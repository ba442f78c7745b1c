"""What goes wrong before the kernel is reached; the rest needs root and is among the end-to-end tests."""

from __future__ import annotations

import ctypes
import socket
from typing import Any

import pytest

from catflap.nft.libnftables import LibNftables
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
