from __future__ import annotations

import ipaddress
import struct

import pytest

from catflap.prove.frames import checksum_of, crc32c, frame, packed, packets
from catflap.prove.sample import TCP_FIN, TCP_SYN, Fault, Flow, Sample


def sample(version: int, protocol: int, **fields: object) -> Sample:
    source, destination = {4: ("10.0.0.1", "10.0.0.2"), 6: ("2001:db8::1", "2001:db8::2")}[version]
    return Sample(interface="eth0", source=source, destination=destination, protocol=protocol, **fields)  # type: ignore[arg-type]  # tests name the fields that matter


def packet(made: Sample, number: int) -> bytes:
    """The only packet of a sample."""
    (whole,) = packets(made, number)
    return whole


def sums_up(data: bytes) -> bool:
    """Whether data with its checksum inside is right (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    words: tuple[int, ...] = struct.unpack(f"!{len(padded) // 2}H", padded)
    return sum(words) % 0xFFFF == 0


def pseudo_header(made: Sample, payload: bytes) -> bytes:
    return packed(made.source) + packed(made.destination) + struct.pack("!II", len(payload), made.protocol)


@pytest.mark.parametrize("options", [False, True])
def test_an_ipv4_header_is_right(options: bool) -> None:
    made = packet(sample(4, 47, extension=options), 0x1234)
    header = made[: (made[0] & 0xF) * 4]
    assert len(header) == (24 if options else 20)
    assert sums_up(header)
    assert struct.unpack_from("!HH", made, 2) == (len(made), 0x1234)
    assert ipaddress.ip_address(made[12:16]) == ipaddress.ip_address("10.0.0.1")


@pytest.mark.parametrize("options", [False, True])
def test_an_ipv6_header_is_right(options: bool) -> None:
    made = packet(sample(6, 17, source_port=1, destination_port=2, extension=options), 0x1234)
    first, length, following, hops = struct.unpack_from("!IHBB", made)
    assert (first, length, hops) == (0x6000_1234, len(made) - 40, 64)
    assert following == (60 if options else 17)
    assert not options or made[40] == 17
    assert ipaddress.ip_address(made[24:40]) == ipaddress.ip_address("2001:db8::2")


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", [6, 17, 33])
@pytest.mark.parametrize("fault", [None, Fault.CHECKSUM])
def test_the_checksum_covers_the_pseudo_header_and_can_be_wrong(
    version: int, protocol: int, fault: Fault | None
) -> None:
    made = sample(version, protocol, source_port=1000, destination_port=2000, fault=fault)
    payload = packet(made, 7)[20 if version == 4 else 40 :]
    assert struct.unpack_from("!HH", payload) == (1000, 2000)
    assert sums_up(pseudo_header(made, payload) + payload) == (fault is None)


@pytest.mark.parametrize("fault", [None, Fault.CHECKSUM])
def test_icmp_of_either_version_has_its_checksum(fault: Fault | None) -> None:
    icmp = packet(sample(4, 1, icmp_type=8, icmp_code=1, fault=fault), 7)[20:]
    icmpv6 = sample(6, 58, icmp_type=128, icmp_code=0, fault=fault)
    payload = packet(icmpv6, 7)[40:]
    assert icmp[:2] == b"\x08\x01"
    assert sums_up(icmp) == (fault is None)
    assert sums_up(pseudo_header(icmpv6, payload) + payload) == (fault is None)


def test_an_icmp_error_quotes_the_packet_of_the_known_connection() -> None:
    flow = Flow(protocol=17, source="10.0.0.2", destination="8.8.8.8", source_port=5, destination_port=53)
    error = packet(sample(4, 1, icmp_type=3, icmp_code=1, known=flow, quotes=True), 9)[20:]
    assert ipaddress.ip_address(error[8 + 12 : 8 + 16]) == ipaddress.ip_address("10.0.0.2")
    assert struct.unpack_from("!HH", error, 8 + 20) == (5, 53)


def test_tcp_flags_are_those_of_the_sample_or_contradict_each_other() -> None:
    assert packet(sample(4, 6, tcp_flags=0x10), 1)[20 + 13] == 0x10
    assert packet(sample(4, 6, tcp_flags=0x10, fault=Fault.FLAGS), 1)[20 + 13] == TCP_SYN | TCP_FIN


def test_a_frame_has_the_samples_mac_address_or_the_cables() -> None:
    cable = ("02:00:00:00:02:01", "02:00:00:00:01:01")
    made = frame(sample(6, 47), b"packet", *cable)
    assert made[:14].hex() == "02000000010102000000020186dd"
    spoofed = frame(sample(4, 47, source_mac="02:aa:aa:aa:aa:aa"), b"packet", *cable)
    assert spoofed[6:14].hex() == "02aaaaaaaaaa0800"


def test_crc32c_of_the_check_value() -> None:
    assert crc32c(b"123456789") == 0xE306_9283  # RFC 3720, appendix B.4, and every catalogue of such sums


def test_a_checksum_is_never_that_of_none() -> None:
    assert checksum_of(b"\xff\xff") == 0xFFFF
    assert checksum_of(b"\x00\x01") == 0xFFFE


def test_ipv4_fragments_make_up_the_packet() -> None:
    whole = packet(sample(4, 17), 7)
    first, second = packets(sample(4, 17, fragmented=True), 7)
    assert first[20:] + second[20:] == whole[20:]
    assert struct.unpack_from("!HH", first, 4) == (7, 0x2000)
    assert struct.unpack_from("!HH", second, 4) == (7, len(first[20:]) // 8)
    assert sums_up(first[:20])
    assert sums_up(second[:20])


def test_ipv6_fragments_make_up_the_packet() -> None:
    whole = packet(sample(6, 132), 7)
    first, second = packets(sample(6, 132, fragmented=True), 7)
    assert first[48:] + second[48:] == whole[40:]
    assert struct.unpack_from("!BBHI", first, 40) == (132, 0, 1, 7)
    assert struct.unpack_from("!BBHI", second, 40) == (132, 0, len(first[48:]), 7)


def test_what_is_too_short_is_not_fragmented() -> None:
    assert len(packets(sample(4, 99, fragmented=True), 7)) == 1


@pytest.mark.parametrize(("protocol", "header"), [(6, 20), (17, 8), (132, 12), (58, 8)])
def test_the_first_fragment_has_the_whole_header(protocol: int, header: int) -> None:
    first, _ = packets(sample(6, protocol, fragmented=True, icmp_type=128), 7)
    assert len(first[48:]) >= header
