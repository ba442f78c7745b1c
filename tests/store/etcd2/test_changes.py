from __future__ import annotations

import pytest

from catflap.store.api import ABSENT, StoreConflictError, StoreDeniedError, StoreError
from catflap.store.etcd2.changes import (
    Change,
    changes_of,
    check_possible,
    conflict,
    index_if_made,
    index_of,
    text_of,
    told,
    version_of,
)
from catflap.store.etcd2.client import Reply
from catflap.store.etcd2.tree import Answer, Failure, Node

PATH = "/calico/v1/a"


def found(value: str, index: int) -> Reply:
    return Reply(index + 10, "c", 1, Answer("get", Node(key=PATH, value=value, modified_index=index)))


DIRECTORY = Reply(20, "c", 1, Answer("get", Node(key=PATH, dir=True, modified_index=5)))


def failed(code: int) -> Reply:
    return Reply(20, "c", 1, Failure(code, "No", "reason"))


def test_the_version_is_the_index_of_the_last_change() -> None:
    assert [version_of(reply) for reply in (found("1", 5), DIRECTORY, failed(100))] == [5, ABSENT, ABSENT]


@pytest.mark.parametrize(
    ("expected", "condition"), [(None, {}), (ABSENT, {"prevExist": "false"}), (5, {"prevIndex": "5"})]
)
def test_an_expected_version_is_a_condition(expected: int | None, condition: dict[str, str]) -> None:
    assert Change(PATH, "1", expected).condition == condition


@pytest.mark.parametrize(
    "path",
    [
        "/calico/v1/a",
        "/calico/felix/v1/host/h/status",
        "/calico/catflap/journal/1/2",
        "/calico/v1/ü b",
        "/calico/v1/a_",
    ],
)
def test_paths_of_ours_can_be_written(path: str) -> None:
    assert text_of(path, "ü".encode()) == "ü"
    assert text_of(path, None) is None


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("/calico/resources/v3/projectcalico.org/tiers/t", b"{}", "uses /calico/v1/ .* only; use etcd://"),
        ("/registry/pods", b"1", "uses /calico/v1/"),
        ("/calico", b"1", "uses /calico/v1/"),
        ("calico/v1/a", b"1", "uses /calico/v1/"),
        ("/calico/v1/../../a", b"1", "has no such key"),
        ("/calico/v1//a", b"1", "has no such key"),
        ("/calico/v1/a/", b"1", "has no such key"),
        ("/calico/v1/./a", b"1", "has no such key"),
        ("/calico/v1/_a/b", b"1", "hides it"),
        ("/calico/v1/a", b"\xff", "must be UTF-8"),
        ("/calico/v1/\udcff", b"1", "must be UTF-8"),
    ],
)
def test_what_the_api_cannot_hold_is_refused(path: str, value: bytes, reason: str) -> None:
    with pytest.raises(StoreError, match=reason):
        text_of(path, value)


def test_a_path_is_changed_once() -> None:
    with pytest.raises(StoreError, match="/calico/v1/a is changed twice"):
        changes_of([(PATH, b"1"), ("/calico/v1/b", b"1"), (PATH, None)], {})


def test_changes_get_their_conditions() -> None:
    assert changes_of([(PATH, b"1"), ("/calico/v1/b", None)], {PATH: 5, "/x": 6}) == (
        Change(PATH, "1", 5),
        Change("/calico/v1/b", None),
    )


@pytest.mark.parametrize(
    ("expected", "before"),
    [(None, found("1", 5)), (None, failed(100)), (5, found("1", 5)), (ABSENT, failed(100))],
)
def test_a_change_is_possible_when_its_version_is_there(expected: int | None, before: Reply) -> None:
    check_possible(Change(PATH, "2", expected), before)


@pytest.mark.parametrize(
    ("expected", "before"), [(5, found("1", 6)), (5, failed(100)), (ABSENT, found("1", 5))]
)
def test_another_version_is_a_conflict(expected: int, before: Reply) -> None:
    with pytest.raises(StoreConflictError, match=f"{PATH} changed meanwhile: nothing was written") as caught:
        check_possible(Change(PATH, "2", expected), before)
    assert caught.value.paths == (PATH,)


def test_a_directory_cannot_be_changed() -> None:
    with pytest.raises(StoreError, match="it is a directory"):
        check_possible(Change(PATH, "2"), DIRECTORY)


def test_an_answer_tells_the_index_of_the_change() -> None:
    assert index_of(Change(PATH, "2"), found("2", 7)) == 7


def test_the_deletion_of_what_is_gone_is_done() -> None:
    assert index_of(Change(PATH, None), failed(100)) == 20


@pytest.mark.parametrize("code", [100, 101, 105])
def test_a_condition_that_etcd_finds_broken_is_a_conflict(code: int) -> None:
    with pytest.raises(StoreConflictError):
        index_of(Change(PATH, None, 5), failed(code))


def test_what_etcd_refuses_is_named_with_its_reason() -> None:
    with pytest.raises(StoreError, match="etcd refuses /calico/v1/a: No reason"):
        index_of(Change(PATH, "1", 5), failed(104))


@pytest.mark.parametrize(
    ("change", "now", "index"),
    [
        (Change(PATH, "2"), found("2", 31), 31),
        (Change(PATH, "2"), found("2", 30), None),  # it was there before
        (Change(PATH, "2"), found("1", 31), None),  # overwritten, or not made
        (Change(PATH, "2"), failed(100), None),
        (Change(PATH, None), failed(100), 20),
        (Change(PATH, None), found("2", 31), None),
    ],
)
def test_a_change_whose_answer_was_lost_is_looked_for(change: Change, now: Reply, index: int | None) -> None:
    assert index_if_made(change, 30, now) == index


def test_the_first_failure_stays_as_it_is() -> None:
    error = conflict(PATH)
    assert told(error, Change(PATH, "1"), [], 2) is error


def test_a_later_failure_tells_what_stays() -> None:
    made, change = [Change("/calico/v1/1", "1")], Change(PATH, "1")
    later = told(conflict(PATH), change, made, 3)
    assert isinstance(later, StoreConflictError)
    assert later.paths == (PATH,)
    stays = "1 of 3 changes were made before /calico/v1/a, and stay: /calico/v1/1"
    assert str(later) == f"/calico/v1/a changed meanwhile: {stays}"
    assert str(told(StoreDeniedError("no"), change, made, 3)) == f"no ({stays})"
    assert isinstance(told(StoreDeniedError("no"), change, made, 3), StoreDeniedError)
