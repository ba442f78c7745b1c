from __future__ import annotations

from catflap.model.decoded import Problem
from catflap.store.etcd2.tree import Answer, Content, Node, Tree, content_of, is_followed, newest_of


def directory(key: str, *nodes: Node) -> Node:
    return Node(key=key, dir=True, nodes=nodes)


def tree_of(*paths: str) -> Tree:
    tree = Tree()
    tree.reset(Content(dict.fromkeys(paths, b"v")))
    return tree


def event(action: str, key: str, value: str = "", *, is_directory: bool = False) -> Answer:
    return Answer(action=action, node=Node(key=key, value=value, dir=is_directory))


def test_a_recursive_read_is_flattened() -> None:
    leaf, empty = Node(key="/calico/v1/a/b", value="ü"), Node(key="/calico/v1/c", value="")
    root = directory("/calico/v1", directory("/calico/v1/a", leaf), empty, directory("/calico/v1/none"))
    assert content_of(root) == Content({"/calico/v1/a/b": "ü".encode(), "/calico/v1/c": b""})


def test_a_value_in_the_place_of_the_root_is_no_entry() -> None:
    assert content_of(Node(key="/calico/v1", value="x")) == Content()


def test_a_directory_that_was_left_out_is_a_problem() -> None:
    deep = Node(key="/calico/v1/a", dir=True, nodes=None)
    content = content_of(directory("/calico/v1", deep, Node(key="/calico/v1/b", value="1")))
    assert content.entries == {"/calico/v1/b": b"1"}
    (problem,) = content.problems
    assert problem.path == "/calico/v1/a"
    assert "nested too deeply" in problem.message


def test_a_problem_goes_with_its_directory() -> None:
    tree = Tree()
    problems = [Problem(path, "", ()) for path in ("/calico/v1/a/b", "/calico/v1/ab")]
    tree.reset(Content(problems=tuple(problems)))
    tree.apply(event("delete", "/calico/v1/a/b/c", is_directory=True))
    assert tree.problems == tuple(problems)
    tree.apply(event("delete", "/calico/v1/a", is_directory=True))
    assert tree.problems == (problems[1],)
    tree.apply(event("delete", "/calico/v1/ab", is_directory=True))
    assert not tree.problems


def test_writes_are_changes() -> None:
    tree = tree_of()
    for action in ("set", "create", "update", "compareAndSwap"):
        assert tree.apply(event(action, "/calico/v1/a", action)) == {"/calico/v1/a": action.encode()}


def test_the_end_of_a_key_is_a_deletion() -> None:
    for action in ("delete", "expire", "compareAndDelete"):
        assert tree_of("/calico/v1/a", "/calico/v1/ab").apply(event(action, "/calico/v1/a")) == {
            "/calico/v1/a": None
        }


def test_the_end_of_a_directory_takes_everything_below_along() -> None:
    tree = tree_of("/calico/v1/a/1", "/calico/v1/a/b/2", "/calico/v1/ab")
    changes = tree.apply(event("delete", "/calico/v1/a", is_directory=True))
    assert changes == {"/calico/v1/a/1": None, "/calico/v1/a/b/2": None}
    assert tree.apply(event("delete", "/calico/v1/a", is_directory=True)) == {}


def test_the_end_of_a_directory_above_the_root_takes_everything_along() -> None:
    for key in ("/calico", "/"):
        assert tree_of("/calico/v1/a").apply(event("delete", key, is_directory=True)) == {
            "/calico/v1/a": None
        }


def test_a_directory_in_the_place_of_a_value_deletes_it() -> None:
    assert tree_of("/calico/v1/a").apply(event("set", "/calico/v1/a", is_directory=True)) == {
        "/calico/v1/a": None
    }


def test_a_directory_that_gets_a_time_to_live_keeps_what_is_in_it() -> None:
    tree = tree_of("/calico/v1/a/b")
    assert tree.apply(event("update", "/calico/v1/a", is_directory=True)) == {}
    assert tree.apply(event("expire", "/calico/v1/a", is_directory=True)) == {"/calico/v1/a/b": None}


def test_what_is_outside_of_the_tree_or_hidden_is_not_followed() -> None:
    assert is_followed("/calico/v1/a_b/c_")
    for key in ("/calico/v1", "/calico/v12/a", "/calico/v1/_a", "/calico/v1/a/_b/c"):
        assert not is_followed(key)
        assert tree_of().apply(event("set", key, "1")) == {}
        assert content_of(directory("/", Node(key=key, value="1"))) == Content()


def test_a_key_that_is_no_text_is_a_problem_as_long_as_it_exists() -> None:
    key = "/calico/v1/a/\ufffd"
    content = content_of(
        directory("/calico/v1", Node(key=key, value="1"), Node(key="/calico/v1/b", value="1"))
    )
    assert content.entries == {"/calico/v1/b": b"1"}
    (problem,) = content.problems
    assert "not UTF-8" in problem.message
    for removal in (event("delete", key), event("delete", "/calico/v1/a", is_directory=True)):
        tree = tree_of()
        assert tree.apply(event("set", key, "1")) == {}
        assert tree.problems == (problem,)
        assert tree.apply(removal) == {}
        assert not tree.problems


def test_a_new_directory_changes_nothing() -> None:
    assert tree_of("/calico/v1/ab").apply(event("set", "/calico/v1/a", is_directory=True)) == {}


def test_the_newest_value_is_found() -> None:
    old, new = (Node(key=f"/calico/v1/{index}", value="x", modified_index=index) for index in (8, 9))
    deep = Node(key="/calico/v1/deep", dir=True, nodes=None, modified_index=10)
    assert newest_of(directory("/calico/v1", directory("/calico/v1/a", new), deep, old)) == new
    assert newest_of(directory("/calico/v1")) is None
