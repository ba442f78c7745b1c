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


def test_a_file_that_is_only_renamed_is_complete(tmp_path: Path, watches: Watches) -> None:
    (tmp_path / "root/.draft").write_text("x")
    (tmp_path / "root/.draft").rename(tmp_path / "root/a.yaml")
    watches.drain()
    assert watches.changed
    assert watches.touched == {str(tmp_path / "root/.draft")}


async def test_waiting_ends_with_a_change_or_in_time(tmp_path: Path, watches: Watches) -> None:
    assert not await watches.wait(0.01)
    asyncio.get_running_loop().call_soon((tmp_path / "root/a.yaml").touch)
    assert await watches.wait(10)
    assert await watches.wait(0)


async def test_a_neighbour_s_event_is_no_stir(tmp_path: Path, watches: Watches) -> None:
    (tmp_path / "neighbour").touch()
    assert not await watches.stirs(0.01)
    (tmp_path / "root/a.yaml").touch()
    assert await watches.stirs(10)
    assert not await watches.stirs(0.01)


def test_watches_that_were_closed_touch_no_descriptor_any_more(tmp_path: Path) -> None:
    watches = Watches(str(tmp_path))
    watches.close()
    for use in (watches.renew, watches.drain, lambda: watches.add(str(tmp_path))):
        with pytest.raises(OSError, match="have been closed"):
            use()
