from __future__ import annotations

from pathlib import Path

import pytest
from tests.faults.scene import Row
from tests.faults.table import BEGIN, END, GROUPS, Line, as_markdown, as_text, in_order, write

ROW = Row(away=12.3456, behind=0.0123, revisions=1234, verdict="EQUAL")


def line(group: str, fault: str, row: Row = ROW) -> Line:
    return Line(
        fault=fault, happens="a sentence that tells what happens then, at length", row=row, group=group
    )


LINES = in_order(
    [line("test_directory", "x " * 60), line("test_members", "b", Row()), line("test_members", "a")]
)


def test_the_order_is_that_of_groups_then_of_names() -> None:
    assert [(each.group, each.fault[0]) for each in LINES] == [
        ("test_members", "a"),
        ("test_members", "b"),
        ("test_directory", "x"),
    ]


def test_a_terminal_of_100_columns_shows_it_whole() -> None:
    text = as_text(LINES)
    assert max(map(len, text.splitlines())) <= 100
    assert "12.3 s 12 ms  1234   EQUAL" in text
    assert text.endswith("3 faults, 2 EQUAL")


def test_every_group_has_its_tests() -> None:
    assert set(GROUPS) <= {path.stem for path in Path(__file__).parent.glob("test_*.py")}


def test_a_document_gets_the_new_table_in_the_place_of_the_old_one(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write(document, LINES)
    assert document.read_text(encoding="utf-8") == f"before\n{BEGIN}\n{as_markdown(LINES)}\n{END}\nafter\n"


def test_a_document_without_a_place_for_it_is_an_error(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("before\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has no line"):
        write(document, LINES)
