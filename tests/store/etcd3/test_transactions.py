from __future__ import annotations

import pytest

from catflap.store import ABSENT, StoreError
from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.transactions import check, conflict, listing, transaction, written_at


def kv(value: bytes, revision: int) -> pb.KeyValue:
    return pb.KeyValue(key=b"/k", value=value, create_revision=3, mod_revision=revision)


def answer(*found: pb.KeyValue | None) -> pb.TxnResponse:
    ranges = [pb.RangeResponse(kvs=[] if one is None else [one]) for one in found]
    return pb.TxnResponse(responses=[pb.ResponseOp(response_range=found) for found in ranges])


def test_a_transaction_puts_deletes_and_compares() -> None:
    made = transaction([("/a", b"1"), ("/b", None)], {"/a": 7, "/c": ABSENT})
    put, delete = made.success
    assert (put.request_put.key, put.request_put.value, put.request_put.lease) == (b"/a", b"1", 0)
    assert delete.request_delete_range.key == b"/b"
    assert [(one.key, one.target, one.result, one.mod_revision) for one in made.compare] == [
        (b"/a", pb.Compare.MOD, pb.Compare.EQUAL, 7),
        (b"/c", pb.Compare.MOD, pb.Compare.EQUAL, 0),
    ]
    assert [one.request_range.key for one in made.failure] == [b"/a", b"/c"]


def test_keys_can_belong_to_a_lease() -> None:
    (put,) = transaction([("/a", b"1")], {}, lease=9).success
    assert put.request_put.lease == 9


def test_a_conflict_names_what_differs_and_how() -> None:
    expected = {"/same": 5, "/changed": 5, "/gone": 5, "/there": ABSENT, "/absent": ABSENT}
    error = conflict(answer(kv(b"", 5), kv(b"", 7), None, kv(b"", 9), None), expected)
    assert error.paths == ("/changed", "/gone", "/there")
    assert str(error) == (
        "nothing was written: /changed changed at revision 7, after revision 5 was read, "
        "/gone does not exist any more, /there exists already, since revision 3; read again and decide anew"
    )


@pytest.mark.parametrize(
    ("there", "revision"),
    [
        ([kv(b"1", 11), kv(b"2", 11), None], 11),
        ([kv(b"1", 11), kv(b"2", 12), None], None),  # two transactions
        ([kv(b"1", 10), kv(b"2", 10), None], None),  # it was there before
        ([kv(b"x", 11), kv(b"2", 11), None], None),
        ([None, kv(b"2", 11), None], None),
        ([kv(b"1", 11), kv(b"2", 11), kv(b"", 11)], None),  # not deleted
    ],
)
def test_what_is_there_tells_whether_a_write_was_done(
    there: list[pb.KeyValue | None], revision: int | None
) -> None:
    changes = [("/a", b"1"), ("/b", b"2"), ("/c", None)]
    assert written_at(changes, there, before=10) == revision


def test_a_write_that_only_deletes_is_done_when_nothing_is_there() -> None:
    assert written_at([("/a", None)], [None], before=10) == 0


def test_limits_hold_for_changes_and_for_expected_versions() -> None:
    check([(f"/{n}", b"") for n in range(128)], {f"/{n}": 1 for n in range(128)})
    with pytest.raises(StoreError, match="129 changes are too many"):
        check([(f"/{n}", b"") for n in range(129)], {})
    with pytest.raises(StoreError, match="129 expected versions are too many"):
        check([], {f"/{n}": 1 for n in range(129)})


def test_a_path_twice_is_refused() -> None:
    with pytest.raises(StoreError, match="/a is changed twice"):
        check([("/a", b"1"), ("/a", None)], {})


@pytest.mark.parametrize(("count", "text"), [(1, "0"), (5, "0, 1, 2, 3, 4"), (7, "0, 1, 2, 3, 4 and 2 more")])
def test_a_long_list_is_cut(count: int, text: str) -> None:
    assert listing(map(str, range(count))) == text
