from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.nft.nfnetlink import (
    NFNL_BATCH_GENID,
    NFNL_MSG_BATCH_BEGIN,
    NFNL_MSG_BATCH_END,
    NFNL_SUBSYS_NFTABLES,
    NFPROTO_INET,
    NFT_MSG_DELSETELEM,
    NFT_MSG_GETGEN,
    NFT_MSG_NEWSETELEM,
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_REQUEST,
    Generation,
    Request,
    attribute,
    attribute_list,
    attributes,
    batch,
    generation_of,
    message,
    messages,
    nested,
    read_number,
    read_text,
    text,
    u32,
    u64,
)

_attributes = st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=20)))


@given(_attributes)
def test_attributes_read_back(written: list[tuple[int, bytes]]) -> None:
    assert list(attribute_list(b"".join(attribute(*item) for item in written))) == written


@given(_attributes, st.integers(1, 0x3FFF))
def test_attributes_of_attributes_read_back(written: list[tuple[int, bytes]], kind: int) -> None:
    data = nested(kind, *(attribute(*item) for item in written))
    assert list(attribute_list(attributes(data)[kind])) == written


@given(st.binary(max_size=200))
def test_nothing_that_is_broken_is_an_error(data: bytes) -> None:
    list(attribute_list(data))
    list(messages(data))


def test_numbers_and_texts() -> None:
    found = attributes(u32(1, 0x01020304) + u64(2, 5) + text(3, "catflap"))
    assert (found[1], read_number(found[2]), read_text(found[3])) == (b"\1\2\3\4", 5, "catflap")
    assert (read_number(None), read_text(None)) == (0, "")


def test_a_message_reads_back_with_its_family() -> None:
    body = text(1, "catflap")
    (found,) = messages(message(Request(NFT_MSG_NEWSETELEM, NLM_F_REQUEST | NLM_F_CREATE, body), 7))
    assert found.subsystem == NFNL_SUBSYS_NFTABLES
    assert found.type == NFT_MSG_NEWSETELEM
    assert found.flags == NLM_F_REQUEST | NLM_F_CREATE
    assert (found.sequence, found.family, found.body) == (7, NFPROTO_INET, body)


def test_a_batch_asks_for_one_answer_to_its_last_request() -> None:
    requests = [Request(NFT_MSG_DELSETELEM, 0, text(1, "a")), Request(NFT_MSG_NEWSETELEM, 0, text(1, "abc"))]
    begin, first, second, end = messages(batch(requests))
    assert (begin.type, end.type) == (NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END)
    assert begin.body[4:] == b""
    assert (first.type, first.flags) == (NFT_MSG_DELSETELEM, NLM_F_REQUEST)
    assert (second.type, second.flags) == (NFT_MSG_NEWSETELEM, NLM_F_REQUEST | NLM_F_ACK)
    assert [item.sequence for item in (begin, first, second, end)] == [0, 1, 2, 3]


def test_a_batch_for_one_generation_names_it() -> None:
    begin, *_ = messages(batch([Request(NFT_MSG_DELSETELEM, 0, b"")], generation=77))
    assert attributes(begin.body[4:]) == {NFNL_BATCH_GENID: (77).to_bytes(4)}


@pytest.mark.parametrize("name", ["nft", "a b", ""])
def test_a_generation_tells_who_made_it(name: str) -> None:
    body = u32(1, 9) + u32(2, 1234) + text(3, name)
    (found,) = messages(message(Request(NFT_MSG_GETGEN, 0, body)))
    assert generation_of(found.body) == Generation(9, 1234, name)
