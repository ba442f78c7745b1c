from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.model import V1_ROOT, V3_ROOT
from catflap.objects.changes import MAX_STEP, SINGLES, KeyChange, divided, fits, ordered
from catflap.store import ABSENT

IN_ORDER = [
    f"{V3_ROOT}ippools/a",
    f"{V1_ROOT}config/LogSeverityScreen",
    f"{V3_ROOT}profiles/a",
    f"{V1_ROOT}policy/tier/admin/metadata",
    f"{V3_ROOT}globalnetworksets/a",
    f"{V3_ROOT}networkpolicies/default/a",
    f"{V3_ROOT}nodes/a",
    f"{V3_ROOT}hostendpoints/a",
    f"{V1_ROOT}host/a/endpoint/eth0",
    f"{V1_ROOT}Ready",
]


def setting(path: str, size: int = 1) -> KeyChange:
    return KeyChange(path, None, b"x" * size, ABSENT)


def deleting(path: str) -> KeyChange:
    return KeyChange(path, b"x", None, 1)


@given(st.permutations(IN_ORDER))
def test_what_endpoints_refer_to_is_written_before_them(paths: list[str]) -> None:
    assert [change.path for change in ordered(map(setting, paths))] == IN_ORDER


def test_deletions_come_last_and_the_other_way_round() -> None:
    changes = ordered([*map(deleting, IN_ORDER), setting(f"{V3_ROOT}hostendpoints/b")])
    assert changes[0] == setting(f"{V3_ROOT}hostendpoints/b")
    assert changes[1].path == f"{V1_ROOT}Ready"
    assert {changes[2].path, changes[3].path} == {
        f"{V1_ROOT}host/a/endpoint/eth0",
        f"{V3_ROOT}hostendpoints/a",
    }
    assert changes[-1].path == IN_ORDER[0]


def many(count: int, size: int = 1) -> list[KeyChange]:
    return [setting(f"{V3_ROOT}hostendpoints/{number:04}", size) for number in range(count)]


@pytest.mark.parametrize(
    ("count", "limit", "whole"),
    [(127, 128, True), (128, 128, False), (1, 1, True), (2, 1, False), (100_000, None, True), (0, 128, True)],
)
def test_what_one_transaction_takes_beside_the_header(count: int, limit: int | None, *, whole: bool) -> None:
    assert fits(many(count), limit) is whole


def test_values_count_too() -> None:
    assert not fits(many(3, MAX_STEP // 2), 128)
    assert [len(step) for step in divided(many(4, MAX_STEP // 2 - 100), 128)] == [2, 2]


def test_a_value_that_is_too_large_is_left_to_the_store_to_judge() -> None:
    assert fits(many(1, 2 * MAX_STEP), 128)
    assert [len(step) for step in divided([*many(1, 2 * MAX_STEP), *many(1)], 128)] == [1, 1]


def test_a_change_that_is_undone_needs_the_room_of_its_old_value() -> None:
    assert KeyChange("/a", b"x" * 10, None, 1).size == 12
    assert KeyChange("/a", b"x", b"x" * 10, 1).size == 12


@given(st.lists(st.integers(1, MAX_STEP), max_size=30), st.integers(1, 128))
def test_steps_are_the_changes_in_their_order(sizes: list[int], limit: int) -> None:
    changes = [KeyChange(f"/{number}", None, bytes(size), ABSENT) for number, size in enumerate(sizes)]
    steps = divided(changes, limit)
    assert [change for step in steps for change in step] == changes
    for step in steps:
        assert 0 < len(step) <= (limit - 1 if limit > 1 else SINGLES)
        assert len(step) == 1 or sum(change.size for change in step) <= MAX_STEP
