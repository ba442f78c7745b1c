from __future__ import annotations

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from catflap.nft.damage import Touched
from catflap.nft.events import LARGE, Commit, CommitReader
from catflap.nft.nfnetlink import (
    HEADER,
    NFPROTO_INET,
    NFT_MSG_DELCHAIN,
    NFT_MSG_DELRULE,
    NFT_MSG_DELSETELEM,
    NFT_MSG_DELTABLE,
    NFT_MSG_NEWCHAIN,
    NFT_MSG_NEWGEN,
    NFT_MSG_NEWRULE,
    NFT_MSG_NEWSET,
    NFT_MSG_NEWSETELEM,
    NFT_MSG_NEWTABLE,
    Generation,
    Request,
    message,
    text,
    u32,
)

OURS, THEIRS = 100, 200  # threads
OUR_PORT, THEIR_PORT = 7, 8


def event(
    kind: int, *body: bytes, table: str = "catflap", family: int = NFPROTO_INET, port: int = THEIR_PORT
) -> bytes:
    made = message(Request(kind, 0, text(1, table) + b"".join(body), family))
    return made[: HEADER.size - 4] + port.to_bytes(4, "little") + made[HEADER.size :]


def generation(thread: int = THEIRS) -> bytes:
    body = u32(1, 5) + u32(2, thread) + text(3, "nft")
    port = OUR_PORT if thread == OURS else THEIR_PORT
    made = message(Request(NFT_MSG_NEWGEN, 0, body, 0))
    return made[: HEADER.size - 4] + port.to_bytes(4, "little") + made[HEADER.size :]


def reader() -> CommitReader:
    return CommitReader(lambda found: found.thread == OURS)


def read(*pieces: bytes) -> list[Commit]:
    made = reader()
    return [commit for piece in pieces for commit in made.feed(piece)]


def foreign(chains: Collection[str] = (), sets: Collection[str] = ()) -> Commit:
    return Commit(Generation(5, THEIRS, "nft"), Touched(frozenset(chains), frozenset(sets)))


def test_a_foreign_commit_tells_what_it_touched() -> None:
    pieces = (
        event(NFT_MSG_NEWCHAIN, text(3, "a"))
        + event(NFT_MSG_DELCHAIN, text(3, "b"))
        + event(NFT_MSG_NEWRULE, text(2, "c"))
        + event(NFT_MSG_DELRULE, text(2, "d")),
        event(NFT_MSG_NEWSET, text(2, "s")) + event(NFT_MSG_NEWSETELEM, text(2, "t")),
        event(NFT_MSG_DELSETELEM, text(2, "u")),
    )
    assert read(*pieces) == []
    assert read(*pieces, generation()) == [foreign({"a", "b", "c", "d"}, {"s", "t", "u"})]


def test_the_table_itself_may_be_all_that_is_touched() -> None:
    for kind in (NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE):
        assert read(event(kind), generation()) == [foreign()]


def test_other_tables_and_families_are_nothing() -> None:
    elsewhere = event(NFT_MSG_NEWRULE, text(2, "c"), table="other")
    longer = event(NFT_MSG_NEWRULE, text(2, "c"), table="catflap2")
    ip = event(NFT_MSG_NEWRULE, text(2, "c"), family=2)
    assert read(elsewhere + longer + ip, generation()) == []


def test_what_is_ours_is_nothing_and_ends_nothing_of_others() -> None:
    ours, theirs = (event(NFT_MSG_NEWRULE, text(2, "c"), port=port) for port in (OUR_PORT, THEIR_PORT))
    assert read(ours, generation(OURS), generation(THEIRS)) == []
    assert read(ours, generation(OURS), theirs, generation(THEIRS)) == [foreign({"c"})]


def test_a_commit_that_is_too_large_to_take_apart_is_told_as_such() -> None:
    piece = b"".join(event(NFT_MSG_NEWSETELEM, text(2, "s")) for _ in range(100))
    pieces = [event(NFT_MSG_NEWRULE, text(2, "c")), *[piece] * (LARGE // len(piece) + 1)]
    (found,) = read(*pieces, generation())
    assert found.touched == Touched(frozenset("c"), frozenset("s"))
    assert not found.whole
    assert read(*pieces, generation(OURS)) == []
    assert read(*pieces, generation(OURS), pieces[0], generation()) == [foreign({"c"})]


def test_after_a_loss_what_was_heard_before_counts_no_more() -> None:
    made = reader()
    assert list(made.feed(event(NFT_MSG_NEWRULE, text(2, "c")))) == []
    made.lost()
    assert list(made.feed(generation())) == []


@given(st.binary(max_size=100))
def test_no_bytes_are_an_error(data: bytes) -> None:
    list(reader().feed(data))


@given(st.lists(st.tuples(st.sampled_from((OURS, THEIRS)), st.sets(st.sampled_from("abc"))), max_size=6))
def test_each_foreign_commit_is_told_once_with_its_own_chains(commits: list[tuple[int, set[str]]]) -> None:
    ports = {OURS: OUR_PORT, THEIRS: THEIR_PORT}
    pieces = [
        piece
        for thread, chains in commits
        for piece in (
            *(event(NFT_MSG_NEWRULE, text(2, name), port=ports[thread]) for name in chains),
            generation(thread),
        )
    ]
    expected = [foreign(chains) for thread, chains in commits if thread == THEIRS and chains]
    assert read(*pieces) == expected
