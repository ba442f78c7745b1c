"""The policy reference, the evaluator and these tests say the same, sentence by sentence."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from catflap.verdict.result import Reason, Stage

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "policy.md").read_text(encoding="utf-8")
SOURCES = sorted((ROOT / "src" / "catflap" / "verdict").glob("*.py"))
TESTS = sorted(Path(__file__).parent.glob("*.py"))

_ID = r"[a-z0-9]+(?:-[a-z0-9]+)+"
STATED = Counter(re.findall(rf"^\* \[({_ID})\] ", PAGE, re.MULTILINE))
REFERRED = set(re.findall(rf"(?<!^\* )\[({_ID})\]", PAGE, re.MULTILINE))


def cited_by_code() -> set[str]:
    """Citations in comments and docstrings, and the ids that steps of a trace carry: nothing else looks like them."""
    found: set[str] = set()
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        found.update(re.findall(rf"\[({_ID})\]", text))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and re.fullmatch(_ID, str(node.value)):
                found.add(str(node.value))
    return found


def shown_by_tests() -> set[str]:
    """The ids in the marks of tests, and of rows of their tables."""
    return {name for path in TESTS for name in _marked(ast.parse(path.read_text(encoding="utf-8")))}


def _marked(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names = {"sentence": node.args, "case": node.args[:1]}.get(node.func.id, [])
            yield from (str(item.value) for item in names if isinstance(item, ast.Constant))


def test_every_sentence_has_an_id_of_its_own() -> None:
    assert len(STATED) > 50
    assert set(STATED.values()) == {1}


def test_what_refers_to_a_sentence_finds_it() -> None:
    assert REFERRED
    assert STATED.keys() >= REFERRED


def test_the_code_cites_sentences_that_exist() -> None:
    cited = cited_by_code()
    assert len(cited) > 50
    assert cited <= STATED.keys()


def test_every_sentence_is_shown_by_a_test() -> None:
    assert shown_by_tests() == STATED.keys()


def test_the_table_of_reasons_is_complete() -> None:
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (allow|deny) \|", PAGE, re.MULTILINE)
    assert sorted(code for code, _ in rows) == sorted(Reason)


def test_every_stage_stands_in_the_table_of_stages() -> None:
    table = PAGE.partition("| stage | mark |")[2]
    rows = [
        row.partition(" |")[0].removeprefix("| ") for row in table.splitlines()[2:] if row.startswith("|")
    ]
    for stage in Stage:
        words = stage.removesuffix(", in").removesuffix(", out")
        assert any(row.startswith(words) for row in rows), stage
