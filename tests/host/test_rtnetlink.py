from __future__ import annotations

import socket
import struct

import pytest
from tests.host.netlink_kernel import Kernel, message

from catflap.host import rtnetlink
from catflap.host.api import Interface
from catflap.host.netlink import NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, attribute
from catflap.host.rtnetlink import (
    ADDRESS,
    IFA_ADDRESS,
    IFA_LOCAL,
    IFF_RUNNING,
    IFLA_CARRIER_CHANGES,
    IFLA_IFNAME,
    IFLA_MASTER,
    LINK,
)

NESTED_FLAG = 0x8000
RTM_NEWLINK, RTM_NEWADDR = 16, 20


def link_payload(name: bytes, flags: int = 0) -> bytes:
    other = attribute(99 | NESTED_FLAG, b"abcde")
    return LINK.pack(0, 1, 4, flags, 0) + other + attribute(IFLA_IFNAME, name + b"\0")


def address_payload(family: int, *attributes: bytes) -> bytes:
    return ADDRESS.pack(family, 24, 0, 0, 9) + b"".join(attributes)


def packed(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


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


DONE = message(NLMSG_DONE, bytes(4))
LINKS = [message(RTM_NEWLINK, link_payload(b"eth0")), DONE]


def kernel(monkeypatch: pytest.MonkeyPatch, *answers: list[bytes]) -> rtnetlink.Rtnetlink:
    reader = rtnetlink.Rtnetlink()
    reader.close()
    monkeypatch.setattr(reader._socket, "_socket", Kernel(*answers))
    return reader


def test_addresses_of_an_interface_that_is_not_listed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    stray = message(RTM_NEWADDR, address_payload(socket.AF_INET, attribute(IFA_LOCAL, packed("192.0.2.1"))))
    reader = kernel(monkeypatch, LINKS, [stray + DONE])
    assert reader.interfaces() == {"eth0": Interface(4, "eth0")}


def test_a_list_that_changed_meanwhile_is_read_to_its_end_and_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interrupted = message(RTM_NEWLINK, link_payload(b"eth1"), NLM_F_DUMP_INTR)
    reader = kernel(monkeypatch, [interrupted, DONE], LINKS, [DONE])
    with pytest.raises(rtnetlink.InterruptedDumpError):
        reader.interfaces()
    assert list(reader.interfaces()) == ["eth0"]


def test_an_error_of_the_kernel_is_raised_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = kernel(monkeypatch, [message(NLMSG_ERROR, struct.pack("=i", -16))])
    with pytest.raises(OSError, match="rtnetlink: Device or resource busy"):
        reader.interfaces()


def test_the_loopback_of_this_machine_is_read() -> None:
    reader = rtnetlink.Rtnetlink()
    assert reader.interfaces()["lo"].index == 1
    reader.close()
