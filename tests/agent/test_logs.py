from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from catflap.agent.config import Configuration, resolve
from catflap.agent.logs import Logs

from .conftest import local_sources

LINE = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[(?P<level>[A-Z]+)\]\[\d+/(?P<worker>\w+)\]"
    r" (?P<name>[\w.]+) \d+: (?P<message>.*)$"
)


def configuration(path: Path | None, **more: str) -> Configuration:
    environment = {"LogFilePath": str(path or "none"), "LogSeverityScreen": "none", "LogSeveritySys": "none"}
    return resolve(local_sources(**(environment | more)))[0]


@pytest.fixture
def logs() -> Iterator[Logs]:
    result = Logs()
    level = logging.getLogger().level
    yield result
    result.configure(configuration(None))
    logging.getLogger().setLevel(level)


def last_line(path: Path) -> re.Match[str]:
    match = LINE.match(path.read_text().splitlines()[-1])
    assert match
    return match


def test_the_format_of_a_line(logs: Logs, tmp_path: Path) -> None:
    path = tmp_path / "new" / "felix.log"
    logs.configure(configuration(path))
    logging.getLogger("catflap.agent.config").warning("hello")
    line = last_line(path)
    assert line["level"] == "WARNING"
    assert line["name"] == "catflap.agent.config"
    assert line["message"] == "hello"


async def test_a_line_names_the_task_that_wrote_it(logs: Logs, tmp_path: Path) -> None:
    logs.configure(configuration(tmp_path / "felix.log"))

    async def work() -> None:
        logging.getLogger("catflap").warning("hello")

    await asyncio.create_task(work(), name="Task-4711")
    assert last_line(tmp_path / "felix.log")["worker"] == "4711"


def test_data_cannot_forge_lines(logs: Logs, tmp_path: Path) -> None:
    path = tmp_path / "felix.log"
    logs.configure(configuration(path))
    logging.getLogger("catflap").warning("bad value %s", "x\n2015-10-20 17:42:09,813 [INFO] forged\r")
    assert len(path.read_text().splitlines()) == 1
    assert r"x\n2015" in last_line(path)["message"]


def test_values_that_are_no_text_do_not_break_the_log(logs: Logs, tmp_path: Path) -> None:
    logs.configure(configuration(tmp_path / "felix.log"))
    logging.getLogger("catflap").warning("bad value %s", "\ud800")
    assert r"\ud800" in last_line(tmp_path / "felix.log")["message"]


def test_severities_can_change_while_running(logs: Logs, tmp_path: Path) -> None:
    path = tmp_path / "felix.log"
    logs.configure(configuration(path, LogSeverityFile="error"))
    logging.getLogger("catflap").warning("unseen")
    logs.configure(configuration(path, LogSeverityFile="debug"))
    logging.getLogger("catflap").debug("seen")
    assert [LINE.match(line)["message"] for line in path.read_text().splitlines()] == ["seen"]  # type: ignore[index]  # every line matches


def test_a_rotated_file_is_opened_anew(logs: Logs, tmp_path: Path) -> None:
    path = tmp_path / "felix.log"
    logs.configure(configuration(path))
    logging.getLogger("catflap").warning("old")
    path.rename(tmp_path / "felix.log.1")
    logging.getLogger("catflap").warning("new")
    assert last_line(path)["message"] == "new"


@pytest.mark.parametrize("name", ["file/felix.log", "pipe", "directory", "nul\0"])
def test_a_log_file_that_cannot_be_written_is_reported_and_stops_nothing(
    logs: Logs, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    logs.configure(configuration(tmp_path / name))
    assert "Cannot write the log file" in caplog.text
    assert "change LogFilePath" in caplog.text
