from __future__ import annotations

import struct

import pytest

from catflap.prove import conntrack
from catflap.prove.sample import Flow


def flow(protocol: int, version: int = 4) -> Flow:
    source, destination = {4: ("10.0.0.1", "10.0.0.2"), 6: ("2001:db8::1", "2001:db8::2")}[version]
    return Flow(
        protocol=protocol, source=source, destination=destination, source_port=5, destination_port=0x1234
    )


@pytest.mark.parametrize(("protocol", "version"), [(6, 4), (6, 6), (17, 4), (1, 4), (58, 6), (99, 4)])
def test_an_entry_is_one_whole_netlink_message(protocol: int, version: int) -> None:
    message = conntrack._entry(flow(protocol, version))
    length, kind = struct.unpack_from("=IH", message)
    assert length == len(message)
    assert kind == 0x100
    assert len(message) % 4 == 0


def test_an_entry_names_both_ends_in_both_directions() -> None:
    message = conntrack._entry(flow(17))
    assert message.count(bytes((10, 0, 0, 1))) == message.count(bytes((10, 0, 0, 2))) == 2
    assert message.count(b"\x12\x34") == 2


def test_only_tcp_has_a_state_of_its_own() -> None:
    assert len(conntrack._entry(flow(6))) > len(conntrack._entry(flow(17)))


def test_an_answer_without_error_counts_and_an_existing_entry_is_fine() -> None:
    answers = b"".join(struct.pack("=IHHIIi", 20, 2, 0, 0, 0, code) for code in (0, -17))
    assert conntrack._check_answers(answers) == 2


def test_any_other_error_is_raised() -> None:
    with pytest.raises(OSError, match="conntrack"):
        conntrack._check_answers(struct.pack("=IHHIIi", 20, 2, 0, 0, 0, -22))
