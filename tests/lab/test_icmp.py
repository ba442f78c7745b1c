from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from catflap.lab.icmp import _checksum, echo_request, is_echo_reply

BODY = b"\x12\x34\x00\x01" + b"0123456789ab"
IP_HEADER = b"\x46" + bytes(23)  # 24 bytes: with one option


def test_requests_are_of_the_type_of_their_ip_version() -> None:
    assert echo_request(4, BODY)[:2] == b"\x08\x00"
    assert echo_request(6, BODY)[:2] == b"\x80\x00"
    assert echo_request(4, BODY)[4:] == BODY


@given(st.binary(min_size=4, max_size=64).filter(lambda body: len(body) % 2 == 0))
def test_a_request_with_its_checksum_sums_up_to_zero(body: bytes) -> None:
    assert _checksum(echo_request(4, body)) == 0


def test_the_checksum_is_the_one_of_rfc_1071() -> None:
    assert _checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


def test_the_answer_is_known_by_type_and_body() -> None:
    assert is_echo_reply(4, BODY, IP_HEADER + b"\x00\x00\xab\xcd" + BODY)
    assert is_echo_reply(6, BODY, b"\x81\x00\xab\xcd" + BODY)


def test_requests_and_answers_to_others_are_no_answer() -> None:
    assert not is_echo_reply(4, BODY, IP_HEADER + echo_request(4, BODY))
    assert not is_echo_reply(6, BODY, echo_request(6, BODY))
    assert not is_echo_reply(4, BODY, IP_HEADER + b"\x00\x00\xab\xcd" + BODY[::-1])
    assert not is_echo_reply(6, BODY, b"\x81\x00\xab\xcd" + BODY[::-1])
