from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.objects.documents import policy

from catflap.model.changes import CHANGE_PATH

from .conftest import Run
from .written import Reopened, file_of, given_store


def in_the_middle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run, operation: int) -> Reopened:
    """A store that went away in an operation of a change of four policies, and is there again."""
    store = given_store(monkeypatch, limit=3)
    store.die_at(operation)
    file = file_of(tmp_path, *(policy(f"p{number}") for number in range(4)))
    status, _, stderr = run("apply", file)
    assert status == 3
    assert re.search(r"a change of 4 objects by .*@.*, begun at .*--recover finish.*--recover undo", stderr)
    assert CHANGE_PATH in store.values
    store.die_at(None)
    return store


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run) -> Reopened:
    """One of the two steps was made."""
    store, operation = given_store(monkeypatch), 0
    while not any("p0" in path for path in store.values):
        operation += 1
        store = given_store(monkeypatch, limit=3)
        store.die_at(operation)
        run("apply", file_of(tmp_path, *(policy(f"p{number}") for number in range(4))))
    store.die_at(None)
    return store


@pytest.mark.parametrize(("end", "left", "said"), [("finish", 4, "is finished."), ("undo", 0, "is undone.")])
def test_a_change_is_brought_to_an_end(begun: Reopened, run: Run, end: str, left: int, said: str) -> None:
    status, stdout, stderr = run("apply", "--recover", end)
    assert (status, stderr) == (0, "")
    assert stdout.startswith("The change of 4 objects by ")
    assert stdout.endswith(f"{said}\n")
    assert len(begun.values) == left
    assert run("apply", "--recover", end) == (
        0,
        "No change is in progress: there is nothing to recover.\n",
        "",
    )


@pytest.mark.parametrize(("end", "status"), [("finish", 1), ("undo", 0)])
def test_a_change_that_had_not_begun_is_withdrawn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run, end: str, status: int
) -> None:
    operation = 1
    store = given_store(monkeypatch, limit=3)
    while CHANGE_PATH not in store.values:
        operation += 1
        store = given_store(monkeypatch, limit=3)
        store.die_at(operation)
        run("apply", file_of(tmp_path, *(policy(f"p{number}") for number in range(4))))
    store = in_the_middle(monkeypatch, tmp_path, run, operation)
    code, stdout, _ = run("apply", "--recover", end)
    assert code == status
    assert "had not written any of them yet" in stdout
    assert store.values == {}


def test_what_somebody_else_changed_is_named(begun: Reopened, run: Run) -> None:
    [theirs] = [path for path in begun.values if path.endswith("p0")]
    begun.change([(theirs, b"theirs")])
    status, _, stderr = run("apply", "--recover", "undo")
    assert status == 1
    assert stderr == f"catflap: {theirs} was changed by somebody else meanwhile, and was left as it is\n"
    assert begun.values == {theirs: b"theirs"}


@pytest.mark.usefixtures("begun")
def test_as_data(run: Run) -> None:
    result = json.loads(run("apply", "--recover", "undo", "-o", "json")[1])
    assert (result["begun"], result["untouched"], result["header"]["objects"]) == (True, [], 4)
    assert json.loads(run("apply", "--recover", "undo", "-o", "json")[1]) is None
