from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.directory.documents_of import path, tier, value

from catflap.store.directory.documents import FileContent, parse_file
from catflap.store.directory.tree import READY_PATH, Reading, Tree, View


def read(data: str) -> Reading:
    return Reading("", data=data.encode())


def failed(reason: str) -> Reading:
    return Reading("", reason=reason)


def ours(view: View) -> dict[str, bytes]:
    return {path: value for path, value in view.entries.items() if path != READY_PATH}


def test_files_become_entries() -> None:
    view = Tree().update({"/d/a.yaml": read(tier("a")), "/d/b.yaml": read(tier("b"))})
    assert ours(view) == {path("a"): value("a"), path("b"): value("b")}
    assert view.sources[path("a")] == ("/d/a.yaml",)
    assert view.problems == ()


def test_without_cluster_information_any_document_makes_the_directory_ready() -> None:
    information = json.loads(Tree().update({"/d/a.yaml": read(tier("a"))}).entries[READY_PATH])
    assert information["spec"] == {"datastoreReady": True}
    assert information["metadata"] == {"name": "default"}


@pytest.mark.parametrize("text", ["", "kind: Strange", "a: [", None])
def test_a_directory_without_a_document_is_not_ready(text: str | None) -> None:
    readings = {} if text is None else {"/d/b.yaml": read(text)}
    tree = Tree()
    assert tree.update(readings).entries == {}
    tree.update({"/d/a.yaml": read(tier("a"))})
    assert tree.update(readings).entries == {}


def test_any_fault_with_a_file_is_a_problem_of_that_file(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = Tree()
    tree.update({"/d/b.yaml": read(tier("b"))})

    def parse(file: str, data: bytes) -> FileContent:
        if file == "/d/b.yaml":
            raise ZeroDivisionError("a bug")
        return parse_file(file, data)

    monkeypatch.setattr("catflap.store.directory.tree.parse_file", parse)
    view = tree.update({name: read(tier(name[3], 2)) for name in ("/d/a.yaml", "/d/b.yaml", "/d/c.yaml")})
    assert ours(view) == {path("a"): value("a", 2), path("b"): value("b", 1), path("c"): value("c", 2)}
    (problem,) = view.problems
    assert problem.path == "/d/b.yaml"
    assert "ZeroDivisionError('a bug')" in problem.message


def test_cluster_information_in_a_file_wins() -> None:
    text = tier("default").replace("Tier", "ClusterInformation").replace("order: 1", "datastoreReady: false")
    view = Tree().update({"/d/a.yaml": read(text)})
    assert json.loads(view.entries[READY_PATH])["spec"] == {"datastoreReady": False}


def test_a_file_that_is_gone_takes_its_objects_along() -> None:
    tree = Tree()
    tree.update({"/d/a.yaml": read(tier("a"))})
    assert ours(tree.update({})) == {}


def test_a_broken_file_keeps_its_last_good_content() -> None:
    tree = Tree()
    tree.update({"/d/a.yaml": read(tier("a"))})
    for reading in (read("a: ["), failed("cannot read the file: Permission denied."), read("a: [")):
        view = tree.update({"/d/a.yaml": reading})
        assert ours(view) == {path("a"): value("a")}
        (problem,) = view.problems
        assert problem.path == "/d/a.yaml"
        assert problem.consequence == "keeping its last good content"
    assert tree.update({"/d/a.yaml": read(tier("a", 2))}).problems == ()


def test_a_file_that_was_broken_from_the_start_holds_nothing() -> None:
    view = Tree().update({"/d/a.yaml": read("a: [")})
    assert ours(view) == {}
    assert "line 2, column 1" in view.problems[0].message
    assert view.problems[0].consequence == "treating as missing"


def test_a_file_that_is_left_alone_stays_as_it_was() -> None:
    tree = Tree()
    tree.update({"/d/a.yaml": read(tier("a"))})
    assert ours(tree.update({"/d/a.yaml": Reading("")})) == {path("a"): value("a")}
    assert ours(Tree().update({"/d/a.yaml": Reading("")})) == {}


def test_a_directory_that_cannot_be_listed_keeps_its_files() -> None:
    tree = Tree()
    tree.update({"/d/sub/a.yaml": read(tier("a")), "/d/subway.yaml": read(tier("b"))})
    view = tree.update({"/d/sub": failed("cannot list the directory: Permission denied.")})
    assert ours(view) == {path("a"): value("a")}
    (problem,) = view.problems
    assert problem.message == (
        "Validation failed for file /d/sub, keeping its last good content: "
        "cannot list the directory: Permission denied."
    )
    (problem,) = Tree().update({"/d/sub": failed("cannot list the directory: Permission denied.")}).problems
    assert problem.consequence == "treating as missing"


def test_of_two_files_with_one_object_the_first_counts_and_both_are_named() -> None:
    view = Tree().update({"/d/b.yaml": read(tier("a", 2)), "/d/a.yaml": read(tier("a", 1))})
    assert ours(view) == {path("a"): value("a", 1)}
    (problem,) = view.problems
    assert problem.message == (
        "Validation failed for object tiers/a, using that of /d/a.yaml: "
        "it stands both in /d/a.yaml and in /d/b.yaml. Remove one of them."
    )


def test_a_file_that_is_added_cannot_replace_what_is_in_force() -> None:
    tree = Tree()
    tree.update({"/d/m.yaml": read(tier("a", 1))})
    for name, order in (("/d/a.yaml", 2), ("/d/z.yaml", 3)):
        view = tree.update({"/d/m.yaml": read(tier("a", 1)), name: read(tier("a", order))})
        assert ours(view) == {path("a"): value("a", 1)}
        assert view.sources[path("a")] == ("/d/m.yaml", name)
        (problem,) = view.problems
        assert f"using that of /d/m.yaml: it stands both in /d/m.yaml and in {name}." in problem.message


def test_the_file_in_force_may_change_the_object_or_be_broken_and_stays_in_force() -> None:
    tree = Tree()
    other = {"/d/a.yaml": read(tier("a", 2))}
    tree.update({"/d/m.yaml": read(tier("a", 1))})
    for reading, order in ((read(tier("a", 7)), 7), (read("a: ["), 7), (failed("gone mad."), 7)):
        assert ours(tree.update({"/d/m.yaml": reading} | other)) == {path("a"): value("a", order)}
    assert ours(tree.update({"/d/m.yaml": read(tier("b"))} | other))[path("a")] == value("a", 2)


FILES = ("/d/a.yaml", "/d/b.yaml", "/d/c.yaml")


@given(st.lists(st.sets(st.sampled_from(FILES)), max_size=12))
def test_which_file_counts_changes_only_when_it_is_gone(history: list[set[str]]) -> None:
    tree, in_force = Tree(), ""
    for present in history:
        view = tree.update({file: read(tier("a", FILES.index(file))) for file in present})
        if in_force not in present:
            in_force = min(present, default="")
        assert view.sources.get(path("a"), ("",))[0] == in_force
        assert ours(view) == ({path("a"): value("a", FILES.index(in_force))} if in_force else {})
        assert len(view.problems) == max(0, len(present) - 1)


def test_an_object_twice_in_one_file_is_a_problem() -> None:
    view = Tree().update({"/d/a.yaml": read(f"{tier('a', 1)}---\n{tier('a', 2)}")})
    assert ours(view) == {path("a"): value("a", 1)}
    assert "twice in /d/a.yaml" in view.problems[0].message


def test_when_one_of_two_goes_the_other_counts() -> None:
    tree = Tree()
    tree.update({"/d/a.yaml": read(tier("a", 1)), "/d/b.yaml": read(tier("a", 2))})
    view = tree.update({"/d/b.yaml": read(tier("a", 2))})
    assert ours(view) == {path("a"): value("a", 2)}
    assert view.problems == ()


def test_changes_are_the_differences() -> None:
    tree = Tree()
    old = tree.update(
        {"/d/a.yaml": read(tier("a")), "/d/b.yaml": read(tier("b")), "/d/c.yaml": read(tier("c"))}
    )
    new = tree.update(
        {"/d/a.yaml": read(tier("a")), "/d/b.yaml": read(tier("b", 2)), "/d/d.yaml": read(tier("d"))}
    )
    assert new.changes_from(old) == ((path("c"), None), (path("b"), value("b", 2)), (path("d"), value("d")))
