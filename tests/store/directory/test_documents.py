from __future__ import annotations

import json
import time

import pytest
from tests.store.directory.documents_of import path, tier, value

from catflap.store.directory.documents import (
    MAX_FILE,
    Document,
    FileContent,
    FileError,
    is_policy_file,
    load_objects,
    parse_file,
    version,
)
from catflap.store.directory.safe_yaml import MAX_DIGITS


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("a.yaml", True),
        ("a.yml", True),
        ("a.json", True),
        (".a.yaml", False),
        (".a.yaml.swp", False),
        ("a.yaml~", False),
        ("#a.yaml#", False),
        ("a.yaml.tmp", False),
        ("a.txt", False),
        ("yaml", False),
        ("..data", False),
    ],
)
def test_which_files_are_read(name: str, read: bool) -> None:
    assert is_policy_file(name) is read


@pytest.mark.parametrize(
    ("file", "data"),
    [
        ("/d/a.yaml", tier("a")),
        ("/d/a.yaml", f"---\n# a comment\n---\n{tier('a')}---\n"),
        ("/d/a.yml", f"kind: TierList\nitems: [{value('a').decode()}]"),
        ("/d/a.json", value("a").decode()),
        ("/d/a.json", f'{{"kind": "List", "items": [{value("a").decode()}]}}'),
    ],
)
def test_a_document_becomes_an_entry(file: str, data: str) -> None:
    content = parse_file(file, data.encode())
    assert content.documents == (Document(path("a"), value("a")),)
    assert content.problems == ()


def test_a_file_may_hold_many_documents() -> None:
    content = parse_file("/d/a.yaml", f"{tier('a')}---\n{tier('b')}".encode())
    assert [document.path for document in content.documents] == [path("a"), path("b")]


def test_a_document_without_a_place_is_a_problem_of_its_own() -> None:
    content = parse_file("/d/a.yaml", f"{tier('a')}---\nkind: Tier\n---\njust text".encode())
    assert [document.path for document in content.documents] == [path("a")]
    first, second = content.problems
    assert (first.path, first.subject) == ("/d/a.yaml", "document 2 of file /d/a.yaml")
    assert "name" in first.message
    assert second.subject == "document 3 of file /d/a.yaml"


def test_policy_tests_are_left_out_without_a_word() -> None:
    policy_test = "apiVersion: catflap/v1\nkind: PolicyTest\nmetadata: {name: t}\n"
    content = parse_file("/d/a.yaml", f"{policy_test}---\n{tier('a')}".encode())
    assert content == FileContent((Document(path("a"), value("a")),))


@pytest.mark.parametrize("written", ["{apiVersion: catflap/v1, kind: PolicyTst}", "{kind: PolicyTest}"])
def test_what_only_looks_like_a_policy_test_is_a_problem(written: str) -> None:
    (problem,) = parse_file("/d/a.yaml", written.encode()).problems
    assert "kind" in problem.message


def test_objects_know_their_document_and_item() -> None:
    data = (
        f"---\n---\nkind: TierList\nitems: [{value('a').decode()}, {value('b').decode()}]\n---\n{tier('c')}"
    )
    located = load_objects("/d/a.yaml", data.encode())
    assert [(each.document, each.item, each.value["metadata"]["name"]) for each in located] == [
        (1, 0, "a"),
        (1, 1, "b"),
        (2, None, "c"),
    ]


@pytest.mark.parametrize(
    ("file", "data", "reason"),
    [
        ("/d/a.yaml", b"a: [", "not valid YAML: line 2, column 1: did not find"),
        ("/d/a.json", b'{"a": }', "not valid JSON: Expecting value: line 1 column 7"),
        ("/d/a.json", b'{"a": 1, "a": 2}', "member 'a' stands twice"),
        ("/d/a.json", b"[" * 100_000, "not valid JSON"),
        ("/d/a.json", b"\xff", "not valid JSON"),
        ("/d/a.json", b"{", "not valid JSON"),
        ("/d/a.json", b"", "it is empty"),
        ("/d/a.yaml", b" \n\n", "it is empty"),
        ("/d/a.yaml", b"#" * (MAX_FILE + 1), "more than 4 MiB"),
    ],
)
def test_files_that_cannot_be_understood(file: str, data: bytes, reason: str) -> None:
    with pytest.raises(FileError, match=reason):
        parse_file(file, data)


@pytest.mark.parametrize("order", [".nan", ".inf", "!!binary aGk=", "!!set {a}"])
def test_values_that_json_has_not_are_problems(order: str) -> None:
    content = parse_file("/d/a.yaml", tier("a").replace("order: 1", f"order: {order}").encode())
    assert content.documents == ()
    (problem,) = content.problems
    assert "cannot be written as JSON" in problem.message


def test_the_longest_numbers_can_be_written_as_json() -> None:
    digits = "f" * (MAX_DIGITS - 2)
    content = parse_file("/d/a.yaml", tier("a").replace("order: 1", f"order: 0x{digits}").encode())
    assert json.loads(content.documents[0].value)["spec"]["order"] == int(digits, 16)
    (problem,) = parse_file("/d/a.yaml", f"kind: 0x{digits}".encode()).problems
    assert str(int(digits, 16)) in problem.raw


def test_a_member_that_stands_twice_is_found_in_reasonable_time() -> None:
    members = ",".join(f'"{number}":1' for number in range(200_000))
    started = time.monotonic()
    with pytest.raises(FileError, match="member 'x' stands twice"):
        parse_file("/d/a.json", f'{{{members},"x":1,"x":2}}'.encode())
    assert time.monotonic() - started < 5


def test_large_files_are_parsed_in_reasonable_time() -> None:
    nets = [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}/32" for number in range(20_000)]
    document = json.loads(value("a")) | {"spec": {"nets": nets}}
    content = parse_file("/d/a.yaml", json.dumps(document).encode())
    assert len(json.loads(content.documents[0].value)["spec"]["nets"]) == 20_000


def test_a_file_may_say_that_it_holds_nothing() -> None:
    assert parse_file("/d/a.yaml", b"# nothing\n") == FileContent()


def test_another_content_has_another_version_and_none_is_that_of_absence() -> None:
    versions = {version(str(number).encode()) for number in range(1000)}
    assert len(versions) == 1000
    assert all(0 < each < 2**64 for each in versions)
    assert version(b"x") == version(b"x")
