"""Fixtures of the fault tests, and the plugin that prints what was measured as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from tests.faults import table
from tests.faults.etcd_http import Access
from tests.faults.scene import Row, Scene
from tests.faults.writer import Work

from catflap.lab.etcd import EtcdServer, cluster

Begin = Callable[..., Scene]
DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "stores.md"
ROW: Final = "row"
_lines: pytest.StashKey[list[table.Line]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-table", action="store_true", help="put the table of faults into docs/stores.md")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_lines] = []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    marker = item.get_closest_marker("fault")
    row = getattr(item, "funcargs", {}).get("row")
    if call.when == "call" and marker is not None and row is not None:
        if report.failed:
            row.verdict = "FAIL"
        fault, happens = marker.args
        line = table.Line(fault=fault, happens=happens, row=row, group=item.path.stem)
        report.user_properties.append((ROW, msgspec.json.encode(line).decode()))


class Collector:
    """Collects the lines of all workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == ROW:
                self._config.stash[_lines].append(msgspec.json.decode(str(value), type=table.Line))


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.pluginmanager.register(Collector(session.config), "faults-collector")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    collected: list[table.Line] = config.stash[_lines]
    lines = table.in_order(collected)
    if not lines:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line(table.as_text(lines))
    if config.getoption(
        "--write-table", default=False
    ):  # unknown where this folder is not named on the command line
        table.write(DOCUMENT, lines)
        terminalreporter.write_line(f"written to {DOCUMENT}")


@pytest.fixture
def row() -> Row:
    """What this test measures."""
    return Row()


@pytest.fixture
def begin(row: Row) -> Begin:
    """Begins a scene with these members, through ``url`` if it is not theirs."""

    def begin_scene(members: Sequence[EtcdServer], url: str | None = None, **settings: Any) -> Scene:
        endpoints = tuple(member.endpoint for member in members)
        access = settings.pop("access", None) or Access(endpoints=endpoints)
        settings.setdefault("work", Work(access=access))
        return Scene(url or f"etcd://{','.join(endpoints)}", access, row, **settings)

    return begin_scene


@pytest.fixture
def members() -> Iterator[list[EtcdServer]]:
    """A cluster of three members, for this test alone."""
    made = cluster(3)
    yield made
    for member in made:
        member.close()


@pytest.fixture
def etcd() -> Iterator[EtcdServer]:
    """A single etcd, for this test alone."""
    with EtcdServer() as server:
        yield server
