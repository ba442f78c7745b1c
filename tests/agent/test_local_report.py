from __future__ import annotations

import asyncio
import logging
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from catflap.agent.local_report import NAME, LocalReport


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def test_the_newest_document_is_in_the_file_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "state" / NAME
    report = LocalReport(path.parent)
    task = asyncio.create_task(report.run())
    for number in range(10):
        report.put(b"%d" % number)
    await until(lambda: path.exists() and path.read_bytes() == b"9")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == [NAME]
    await stop(task)
    assert not path.exists()


async def test_a_directory_that_cannot_be_written_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "file").touch()
    report = LocalReport(tmp_path / "file")
    task = asyncio.create_task(report.run())
    for _ in range(3):
        report.put(b"x")
        await asyncio.sleep(0.02)
    assert not task.done()
    assert len(caplog.messages) == 1
    assert "Cannot write" in caplog.text
    await stop(task)


async def test_what_a_killed_writer_left_is_no_obstacle_and_no_way_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("keep")
    state = tmp_path / "state"
    state.mkdir()
    (state / f"{NAME}.new").symlink_to(elsewhere)
    report = LocalReport(state)
    task = asyncio.create_task(report.run())
    report.put(b"x")
    await until((state / NAME).exists)
    assert elsewhere.read_text() == "keep"
    await stop(task)


async def test_without_a_directory_nothing_is_written() -> None:
    report = LocalReport(None)
    report.put(b"x")
    await report.run()
