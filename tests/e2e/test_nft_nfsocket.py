"""The socket to nf_tables against the real kernel, in a network namespace of the test's own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from tests.nft.namespace import Namespace

from catflap.nft.nfnetlink import (
    NFPROTO_INET,
    NFT_MSG_DELTABLE,
    NFT_MSG_GETRULE,
    NFT_MSG_GETTABLE,
    NFT_MSG_NEWGEN,
    NFT_MSG_NEWTABLE,
    NLM_F_CREATE,
    Request,
    attributes,
    generation_of,
    messages,
    read_text,
    text,
)
from catflap.nft.nfsocket import Nfnetlink, StaleGenerationError, netfilter_socket
from catflap.nft.port import NftError

_NAME = text(1, "catflap")
_ADD = Request(NFT_MSG_NEWTABLE, NLM_F_CREATE, _NAME)
_DELETE = Request(NFT_MSG_DELTABLE, 0, _NAME)


@pytest.fixture
def kernel(namespace: Namespace) -> Iterator[Nfnetlink]:
    kernel = namespace.call(Nfnetlink)
    yield kernel
    kernel.close()


def test_a_batch_is_one_generation(namespace: Namespace, kernel: Nfnetlink) -> None:
    before = kernel.generation().id
    kernel.commit([_ADD, Request(NFT_MSG_NEWTABLE, NLM_F_CREATE, text(1, "other"))])
    assert kernel.generation().id == before + 1
    assert namespace.nft("list", "tables") == "table inet catflap\ntable inet other\n"


def test_a_refused_request_undoes_the_batch(namespace: Namespace, kernel: Nfnetlink) -> None:
    with pytest.raises(NftError, match="No such file or directory"):
        kernel.commit([_ADD, Request(NFT_MSG_DELTABLE, 0, text(1, "other"))])
    assert namespace.nft("list", "tables") == ""
    kernel.commit([])
    kernel.commit([_ADD])


def test_a_batch_for_a_generation_that_is_past_changes_nothing(
    namespace: Namespace, kernel: Nfnetlink
) -> None:
    seen = kernel.generation().id
    kernel.commit([_ADD], generation=seen)
    with pytest.raises(StaleGenerationError):
        kernel.commit([_DELETE], generation=seen)
    assert namespace.nft("list", "tables") == "table inet catflap\n"
    kernel.commit([_DELETE], generation=seen + 1)


def test_more_refusals_than_fit_are_a_refusal(kernel: Nfnetlink) -> None:
    kernel._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    with pytest.raises(NftError, match="reasons were lost"):
        kernel.commit([_DELETE] * 1000)
    kernel.commit([_ADD])


def test_the_asker_of_a_generation_is_told_of_itself(namespace: Namespace, kernel: Nfnetlink) -> None:
    namespace.nft("add table inet catflap")
    found = namespace.call(kernel.generation)
    assert found.thread == namespace.call(threading.get_native_id)


def test_one_object_is_got_or_none(namespace: Namespace, kernel: Nfnetlink) -> None:
    assert kernel.get(NFT_MSG_GETTABLE, _NAME) is None
    namespace.nft("add table inet catflap")
    body = kernel.get(NFT_MSG_GETTABLE, _NAME)
    assert body is not None
    assert read_text(attributes(body)[1]) == "catflap"


def test_a_dump_has_everything_asked_for_and_nothing_else(namespace: Namespace, kernel: Nfnetlink) -> None:
    asked = _NAME + text(2, "c")
    assert kernel.dump(NFT_MSG_GETRULE, asked) == []
    rules = "".join(f"add rule inet catflap c tcp dport {port} drop\n" for port in range(1, 2001))
    namespace.nft("-f", "-", text="add table inet catflap\nadd chain inet catflap c\n" + rules)
    namespace.nft("add chain inet catflap d; add rule inet catflap d drop")
    assert len(kernel.dump(NFT_MSG_GETRULE, asked)) == 2000
    assert len(kernel.dump(NFT_MSG_GETRULE, _NAME)) == 2001


def test_events_name_the_thread_that_wrote(namespace: Namespace, kernel: Nfnetlink) -> None:
    events = namespace.call(lambda: netfilter_socket(events=True))
    with events:
        namespace.call(kernel.commit, [_ADD])
        namespace.nft("delete table inet catflap")
        found = [item for _ in range(4) for item in messages(events.recv(1 << 16))]
    (ours, theirs) = (generation_of(item.body) for item in found if item.type == NFT_MSG_NEWGEN)
    assert ours.thread == namespace.call(threading.get_native_id)
    assert (theirs.id, theirs.name) == (ours.id + 1, "nft")
    assert {item.family for item in found if item.type != NFT_MSG_NEWGEN} == {NFPROTO_INET}
