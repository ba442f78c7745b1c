from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from catflap.cli.common import CommandError, Exit
from catflap.cli.content import read_files, read_store
from catflap.model import Problem
from catflap.store import Snapshot, StoreEvent
from catflap.store.memory import MemoryStore

from .worlds import endpoint, written

TIER = "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: %s}\nspec: {}\n"
TIERS = "/calico/resources/v3/projectcalico.org/tiers/"


def test_a_file_and_a_directory_together(tmp_path: Path) -> None:
    directory = tmp_path / "policy"
    (directory / "deep").mkdir(parents=True)
    (directory / "deep" / "a.yaml").write_text(TIER % "a")
    (directory / "notes.txt").write_text("no policy")
    single = tmp_path / "b.yml"
    single.write_text(TIER % "b")
    found = read_files([directory, single])
    assert {path for path in found.entries if path.startswith(TIERS)} == {f"{TIERS}a", f"{TIERS}b"}
    assert found.files[f"{TIERS}b"] == (str(single),)
    assert found.origin == f"{directory} {single}"
    assert found.problems == ()


def test_what_is_no_document_is_a_problem_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: [")
    (tmp_path / "b.yaml").write_text("kind: Teir")
    problems = read_files([tmp_path]).problems
    assert [Path(problem.path).name for problem in problems] == ["a.yaml", "b.yaml"]
    assert "not valid YAML" in problems[0].message


def test_documents_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((TIER % "a").encode())))
    found = read_files([Path("-")])
    assert found.files[f"{TIERS}a"] == ("<stdin>",)


def test_relative_paths_are_shown_as_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "policy").mkdir()
    written(tmp_path / "policy", endpoint("eth0", "web1", "eth0"))
    monkeypatch.chdir(tmp_path)
    assert set(read_files([Path("policy")]).files.values()) == {("policy/all.yaml",)}


async def test_a_store_is_read_once_and_closed() -> None:
    problem = Problem("/bad", "it", ("A reason.",))
    found = await read_store(MemoryStore({"/a": b"1"}, (problem,)))
    assert (found.origin, found.entries, found.problems) == ("memory:", {"/a": b"1"}, (problem,))


async def test_a_store_that_cannot_be_reached_says_why() -> None:
    store = MemoryStore()
    store.disconnect("etcd is away")
    with pytest.raises(CommandError, match="cannot read the store memory:: etcd is away; --store") as failure:
        await read_store(store)
    assert failure.value.code is Exit.UNREACHABLE


class Silent(MemoryStore):
    """A store that accepts whoever comes, and never says anything."""

    def follow(self) -> AsyncIterator[StoreEvent]:
        return self._never()

    async def _never(self) -> AsyncIterator[StoreEvent]:
        await asyncio.Event().wait()
        yield Snapshot(1, {})


async def test_a_store_that_does_not_answer_is_not_waited_for_long() -> None:
    with pytest.raises(CommandError, match=r"no answer within 0\.01 s") as failure:
        await read_store(Silent(), patience=0.01)
    assert failure.value.code is Exit.UNREACHABLE


async def test_a_store_that_ends_has_said_nothing() -> None:
    store = MemoryStore()
    await store.close()
    with pytest.raises(CommandError, match="cannot read the store memory:: it ended"):
        await read_store(store)
