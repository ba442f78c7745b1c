"""What programs do to files when they mean one change, with the real programs as far as a test can count on them."""

from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.store.directory.documents_of import path, tier, value
from tests.store.following import Following

from catflap.store import Delta, Snapshot
from catflap.store.api import Alive
from catflap.store.directory import DirectoryStore, Tuning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

MANY = 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "policy"
    root.mkdir()
    return root


@pytest.fixture
async def follower(root: Path) -> AsyncIterator[Following]:
    """Has had the snapshot; the directory is ready by a file of its own."""
    ready = "apiVersion: projectcalico.org/v3\nkind: ClusterInformation\nmetadata: {name: default}\n"
    (root / "ready.yaml").write_text(f"{ready}spec: {{datastoreReady: true}}\n")
    store = DirectoryStore(str(root), tuning=Tuning(silence=0.3))
    follower = Following(store.follow())
    await follower.next(Snapshot)
    yield follower
    await store.close()


def fill(directory: Path, order: int, number: int = MANY) -> None:
    for each in range(number):
        (directory / f"t{each}.yaml").write_text(tier(f"t{each}", order))


def run(script: str, directory: Path) -> None:
    subprocess.run(["sh", "-ec", script], cwd=directory, check=True, capture_output=True)


async def one_delta(follower: Following) -> Delta:
    """The next event, which must be followed by silence."""
    delta = await follower.next(Delta)
    await follower.next(Alive)
    return delta


def repository(root: Path) -> None:
    """Two branches that differ in all of many files; the first is checked out."""
    fill(root, 1)
    run("git init -q -b one && git add t*.yaml && git -c user.name=a -c user.email=a@b commit -qm 1", root)
    fill(root, 2)
    run("git checkout -q -b two && git -c user.name=a -c user.email=a@b commit -qam 2", root)
    run("git checkout -q one", root)


async def test_a_checkout_of_many_files_is_one_change(root: Path, follower: Following) -> None:
    repository(root)
    await follower.until(lambda seen: len(seen.entries) == MANY + 1 and isinstance(seen.events[-1], Alive))
    for branch, order in (("two", 2), ("one", 1)) * 2:
        run(f"git checkout -q {branch}", root)
        assert len((await one_delta(follower)).changes) == MANY
        assert follower.entries[path("t7")] == value("t7", order)
    assert follower.problems == ()


async def test_a_checkout_with_pauses_is_one_change(root: Path, follower: Following) -> None:
    """As on a busy disk: git writes, pauses for longer than a burst's quiet, and holds its lock all the while."""
    script = "mkdir .git; : >.git/index.lock; cp ../new/*.yaml .; sleep 0.3; rm old.yaml; rm .git/index.lock"
    (root / "../new").mkdir()
    fill(root / "../new", 1, 5)
    (root / "old.yaml").write_text(tier("old"))
    await one_delta(follower)
    running = await asyncio.create_subprocess_exec("sh", "-ec", script, cwd=root)
    assert len((await one_delta(follower)).changes) == 6
    assert await running.wait() == 0


@pytest.mark.parametrize(
    "script",
    [
        "cp -r ../new/. .",
        "tar -cf - -C ../new . | tar -xf -",
        "for file in ../new/*; do cp $file .draft && mv .draft $(basename $file); done",
        "mkdir sub && cp ../new/* sub/ && mv sub/* . && rmdir sub",
    ],
    ids=["cp", "tar", "rename", "move"],
)
async def test_many_new_files_are_one_change(root: Path, follower: Following, script: str) -> None:
    (root / "../new").mkdir()
    fill(root / "../new", 1, 100)
    run(script, root)
    assert len((await one_delta(follower)).changes) == 100


EDITS = {
    "sed": "sed -i 's/order: 1/order: 2/' *.yaml",
    "vim": "vim -Nu NONE -es -c '%s/order: 1/order: 2/' -c wq $file",
    "vim with backups": "vim -Nu NONE -es --cmd 'set backup' -c '%s/order: 1/order: 2/' -c wq $file",
    # A lock that is a link to nowhere, a copy while it is edited, then a backup of what was there.
    "emacs": r"""
        ln -s a@b.1 .#$file; cp $file \#$file\#; mv $file $file~
        sed 's/order: 1/order: 2/' $file~ >$file; rm \#$file\# .#$file""",
    # A hidden name beside the file, which gets the times of the original and is renamed.
    "rsync": """
        sed 's/order: 1/order: 2/' $file >.$file.x1Y2z3
        touch -d '1 day ago' .$file.x1Y2z3; mv .$file.x1Y2z3 $file""",
    "in place, closed half-way": """
        new=$(sed 's/order: 1/order: 2/' $file)
        echo "$new" | head -3 >$file; echo "$new" | tail -1 >>$file""",
}


@pytest.mark.parametrize("program", EDITS)
async def test_an_edit_of_some_files_is_one_change(root: Path, follower: Following, program: str) -> None:
    fill(root, 1, 5)
    await one_delta(follower)
    run(f"for file in t*.yaml; do {EDITS[program]}\ndone", root)
    delta = await one_delta(follower)
    assert dict(delta.changes) == {path(f"t{number}"): value(f"t{number}", 2) for number in range(5)}
    assert delta.problems == ()


async def test_volumes_that_switch_a_link_again_and_again_change_at_once(
    root: Path, follower: Following
) -> None:
    """As kubelet does: a new directory with a new name, a link in its place, and the old directory removed."""
    for number in range(1, 5):
        (root / f"..{number}").mkdir()
        fill(root / f"..{number}", number, 3)
        script = f"ln -s ..{number} ..data_tmp && mv -T ..data_tmp ..data"
        links = "for file in t0 t1 t2; do ln -s ..data/$file.yaml $file.yaml; done"
        run(f"{script} && {links if number == 1 else f'rm -r ..{number - 1}'}", root)
        delta = await one_delta(follower)
        assert dict(delta.changes) == {path(f"t{each}"): value(f"t{each}", number) for each in range(3)}
        assert delta.problems == ()
