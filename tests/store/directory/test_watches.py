from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from catflap.store.directory.watches import Watches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def watches(tmp_path: Path) -> Iterator[Watches]:
    """Watches of ``tmp_path/root``, with nothing noted yet."""
    root = tmp_path / "root"
    root.mkdir()
    with Watches(str(root)) as watches:
        watches.renew()
        watches.add(str(root))
        yield watches


def test_a_file_is_being_written_from_its_first_change_to_its_closing(
    tmp_path: Path, watches: Watches
) -> None:
    name = str(tmp_path / "root/a.yaml")
    with (tmp_path / "root/a.yaml").open("w") as file:
        watches.drain()
        assert watches.changed
        watches.forget()
        file.write("x")
        file.flush()
        watches.drain()
        assert watches.writing == {name}
        assert watches.touched == {name}
        assert not watches.changed
    watches.drain()
    assert watches.writing == set()
    assert watches.changed


def test_new_watches_lose_no_event(tmp_path: Path, watches: Watches) -> None:
    with (tmp_path / "root/a.yaml").open("w") as file:
        file.write("x")
        file.flush()
        watches.renew()
        assert watches.writing
    watches.add(str(tmp_path / "root"))
    watches.drain()
    assert watches.writing == set()


def test_a_directory_that_moves_takes_its_unfinished_files_along(tmp_path: Path, watches: Watches) -> None:
    sub = tmp_path / "root/sub"
    sub.mkdir()
    watches.add(str(sub))
    with (sub / "a.yaml").open("w") as file:
        file.write("x")
        file.flush()
        watches.drain()
        assert watches.writing == {str(sub / "a.yaml")}
        sub.rename(tmp_path / "root/moved")
        watches.drain()
    assert watches.writing == set()
    assert watches.restructured


def test_neighbours_of_the_root_do_not_count(tmp_path: Path, watches: Watches) -> None:
    (tmp_path / "neighbour").mkdir()
    watches.drain()
    assert not watches.restructured
    (tmp_path / "root").rename(tmp_path / "elsewhere")
    watches.drain()
    assert watches.restructured


async def test_a_burst_is_waited_out_but_not_for_ever(tmp_path: Path, watches: Watches) -> None:
    async def write_all_the_time() -> None:
        while True:
            (tmp_path / "root/noise").write_text("x")
            await asyncio.sleep(0.001)

    loop = asyncio.get_running_loop()
    writer = asyncio.create_task(write_all_the_time())
    started = loop.time()
    await watches.wait()
    assert 0.09 < loop.time() - started < 1.0
    writer.cancel()
