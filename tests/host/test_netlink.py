from __future__ import annotations

import socket
import struct

import pytest
from tests.host.netlink_kernel import Kernel, message

from catflap.host import netlink
from catflap.host.netlink import NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NetlinkSocket, Piece

DONE = message(NLMSG_DONE, bytes(4))


def answering(monkeypatch: pytest.MonkeyPatch, *answers: list[bytes]) -> NetlinkSocket:
    made = NetlinkSocket(socket.NETLINK_ROUTE, "test")
    made.close()
    monkeypatch.setattr(made, "_socket", Kernel(*answers))
    return made


def error(number: int) -> bytes:
    return message(NLMSG_ERROR, struct.pack("=i", -number))


def test_one_receive_call_gives_several_messages() -> None:
    data = message(16, b"abc", flags=2) + message(20, b"") + message(3, b"0123")
    assert list(netlink.messages(data)) == [(16, 2, b"abc"), (20, 0, b""), (3, 0, b"0123")]


def test_attributes_are_read_as_they_were_written() -> None:
    data = netlink.attribute(1, b"abcde") + netlink.nested(
        2, netlink.attribute(7, b""), netlink.attribute(8, b"x")
    )
    found = netlink.attributes(data)
    assert found[1] == b"abcde"
    assert netlink.attributes(found[2]) == {7: b"", 8: b"x"}


def test_a_list_comes_in_pieces_and_tells_when_it_is_not_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [message(16, b"a") + message(16, b"b"), message(16, b"c", NLM_F_DUMP_INTR), DONE]
    kernel = answering(monkeypatch, pieces)
    assert list(kernel.dump(1, b"")) == [
        Piece([b"a", b"b"], interrupted=False),
        Piece([b"c"], interrupted=True),
        Piece([], interrupted=False),
    ]


def test_refusals_are_raised_and_acknowledgements_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = answering(monkeypatch, [error(2)], [error(0)], [error(1)], [error(16)])
    with pytest.raises(FileNotFoundError, match="test: No such file"):
        kernel.get(1, b"")
    kernel.do(1, b"")
    with pytest.raises(PermissionError):
        kernel.do(1, b"")
    with pytest.raises(OSError, match="busy"):
        list(kernel.dump(1, b""))
