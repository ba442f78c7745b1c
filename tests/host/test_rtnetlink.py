from __future__ import annotations

import socket
import struct

import pytest

from catflap.host import rtnetlink
from catflap.host.api import Interface
from catflap.host.rtnetlink import (
    ADDRESS,
    ATTRIBUTE,
    HEADER,
    IFA_ADDRESS,
    IFA_LOCAL,
    IFF_RUNNING,
    IFLA_CARRIER_CHANGES,
    IFLA_IFNAME,
    IFLA_MASTER,
    LINK,
)

NESTED_FLAG = 0x8000


def attribute(kind: int, value: bytes) -> bytes:
    padding = b"\xff" * (-len(value) % 4)
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(value), kind) + value + padding


def message(kind: int, payload: bytes, flags: int = 0) -> bytes:
    padding = b"\xff" * (-len(payload) % 4)
    return HEADER.pack(HEADER.size + len(payload), kind, flags, 7, 0) + payload + padding


def link_payload(name: bytes, flags: int = 0) -> bytes:
    other = attribute(99 | NESTED_FLAG, b"abcde")
    return LINK.pack(0, 1, 4, flags, 0) + other + attribute(IFLA_IFNAME, name + b"\0")


def address_payload(family: int, *attributes: bytes) -> bytes:
    return ADDRESS.pack(family, 24, 0, 0, 9) + b"".join(attributes)


def packed(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def test_one_receive_call_gives_several_messages() -> None:
    data = message(16, b"abc", flags=2) + message(20, b"") + message(3, b"0123")
    assert list(rtnetlink.messages(data)) == [(16, 2, b"abc"), (20, 0, b""), (3, 0, b"0123")]


def test_an_interface_is_told_by_index_and_name() -> None:
    assert rtnetlink.link(link_payload(b"eth0")) == Interface(4, "eth0")


@pytest.mark.parametrize(("flags", "up"), [(IFF_RUNNING, True), (0x11043, True), (0x1003, False), (0, False)])
def test_an_interface_is_up_when_it_runs(flags: int, up: bool) -> None:
    assert rtnetlink.link(link_payload(b"eth0", flags)).up is up


def test_a_port_knows_its_bridge() -> None:
    payload = link_payload(b"eth0") + attribute(IFLA_MASTER, struct.pack("=I", 7))
    assert rtnetlink.link(payload).master == 7


def test_an_interface_tells_how_often_its_carrier_has_changed() -> None:
    payload = link_payload(b"eth0") + attribute(IFLA_CARRIER_CHANGES, struct.pack("=I", 258))
    assert rtnetlink.link(payload).carrier_changes == 258


def test_a_name_need_not_be_utf8() -> None:
    name = rtnetlink.link(link_payload(b"eth\xff")).name
    assert name.encode(errors="surrogateescape") == b"eth\xff"


@pytest.mark.parametrize(
    ("family", "raw", "canonical"),
    [
        (socket.AF_INET, packed("192.0.2.1"), "192.0.2.1"),
        (socket.AF_INET6, packed("2001:DB8:0:0:0:0:0:1"), "2001:db8::1"),
        (socket.AF_INET6, packed("fe80::1"), "fe80::1"),
        (socket.AF_INET6, packed("::192.0.2.1"), "::c000:201"),
    ],
)
def test_addresses_are_canonical_text(family: int, raw: bytes, canonical: str) -> None:
    assert rtnetlink.address(address_payload(family, attribute(IFA_ADDRESS, raw))) == (9, canonical)


def test_the_local_end_of_a_point_to_point_link_counts() -> None:
    attributes = attribute(IFA_ADDRESS, packed("192.0.2.2")), attribute(IFA_LOCAL, packed("192.0.2.1"))
    assert rtnetlink.address(address_payload(socket.AF_INET, *attributes)) == (9, "192.0.2.1")
    assert rtnetlink.address(address_payload(socket.AF_INET, *reversed(attributes))) == (9, "192.0.2.1")


class Kernel:
    """Answers each request with the next of the prepared lists of datagrams."""

    def __init__(self, *answers: list[bytes]) -> None:
        self._answers = list(answers)
        self._datagrams: list[bytes] = []

    def send(self, request: bytes) -> int:
        assert not self._datagrams, "a request while the last list is not read to its end"
        self._datagrams = self._answers.pop(0).copy()
        return len(request)

    def recv(self, _size: int) -> bytes:
        return self._datagrams.pop(0)

    def close(self) -> None:
        assert not self._datagrams


DONE = message(rtnetlink.NLMSG_DONE, bytes(4))
LINKS = [message(rtnetlink.RTM_NEWLINK, link_payload(b"eth0")), DONE]


def kernel(monkeypatch: pytest.MonkeyPatch, *answers: list[bytes]) -> rtnetlink.Rtnetlink:
    reader = rtnetlink.Rtnetlink()
    reader.close()
    monkeypatch.setattr(reader, "_socket", Kernel(*answers))
    return reader


def test_addresses_of_an_interface_that_is_not_listed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    stray = message(20, address_payload(socket.AF_INET, attribute(IFA_LOCAL, packed("192.0.2.1"))))
    reader = kernel(monkeypatch, LINKS, [stray + DONE])
    assert reader.interfaces() == {"eth0": Interface(4, "eth0")}


def test_a_list_that_changed_meanwhile_is_read_to_its_end_and_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interrupted = message(16, link_payload(b"eth1"), rtnetlink.NLM_F_DUMP_INTR)
    reader = kernel(monkeypatch, [interrupted, DONE], LINKS, [DONE])
    with pytest.raises(rtnetlink.InterruptedDumpError):
        reader.interfaces()
    assert list(reader.interfaces()) == ["eth0"]


def test_an_error_of_the_kernel_is_raised_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = kernel(monkeypatch, [message(rtnetlink.NLMSG_ERROR, struct.pack("=i", -16))])
    with pytest.raises(OSError, match="rtnetlink: Device or resource busy"):
        reader.interfaces()


def test_the_loopback_of_this_machine_is_read() -> None:
    reader = rtnetlink.Rtnetlink()
    assert reader.interfaces()["lo"].index == 1
    reader.close()
