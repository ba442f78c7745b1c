from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from catflap.store.directory.strict_modes import StrictModes, fault, lookups

if TYPE_CHECKING:
    from pathlib import Path

ROOT, AGENT, OTHER = 0, 990, 1000
FILE, DIRECTORY = stat.S_IFREG, stat.S_IFDIR


def status(mode: int, uid: int = ROOT, gid: int = 0) -> os.stat_result:
    return os.stat_result((mode, 1, 1, 1, uid, gid, 0, 0, 0, 0))


@pytest.mark.parametrize(
    "found",
    [
        status(FILE | 0o644),
        status(FILE | 0o600, uid=AGENT, gid=OTHER),
        status(FILE | 0o664),  # the group is root's
        status(DIRECTORY | 0o775),
        status(DIRECTORY | 0o755, gid=OTHER),
    ],
    ids=lambda found: stat.filemode(found.st_mode),
)
def test_what_only_root_and_the_agent_may_write_is_trusted(found: os.stat_result) -> None:
    assert fault("/d", found, AGENT) is None


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            status(FILE | 0o644, uid=54321),
            "its owner could change it: /d/x is -rw-r--r-- 54321:root; run `chown root /d/x`.",
        ),
        (
            status(FILE | 0o664, gid=54321),
            "others could change it: /d/x is -rw-rw-r-- root:54321; run `chmod go-w /d/x`.",
        ),
        (
            status(FILE | 0o646),
            "others could change it: /d/x is -rw-r--rw- root:root; run `chmod go-w /d/x`.",
        ),
        (
            status(DIRECTORY | 0o1777),
            "others could change it: /d/x is drwxrwxrwt root:root; run `chmod go-w /d/x`.",
        ),
    ],
)
def test_what_others_may_write_is_refused_with_the_remedy(found: os.stat_result, text: str) -> None:
    assert fault("/d/x", found, AGENT) == text


def test_a_sticky_directory_may_lead_to_others_if_its_owner_is_trusted() -> None:
    assert fault("/d", status(DIRECTORY | 0o1777, gid=OTHER), AGENT, sticky=True) is None
    assert fault("/d", status(DIRECTORY | 0o1777, uid=OTHER), AGENT, sticky=True) is not None


@pytest.mark.parametrize(
    ("links", "path", "expected"),
    [
        ({}, "a/b", [".", "a"]),
        ({}, "a/./b//c", [".", "a", "a/b"]),
        ({}, "a/../b", [".", "."]),
        ({"a": "b"}, "a/x", [".", ".", "b"]),
        ({"a": "../d/b/c"}, "a/x", [".", ".", "b", "b/c"]),
        ({"a": "{base}/b"}, "a/x", [".", ".", "b"]),
        ({"a": "b", "b": "c"}, "a/x", [".", ".", ".", "c"]),
    ],
)
def test_every_directory_on_the_way_is_found(
    tmp_path: Path, links: dict[str, str], path: str, expected: list[str]
) -> None:
    base = tmp_path / "d"
    base.mkdir()
    for name, target in links.items():
        (base / name).symlink_to(target.format(base=base))
    found = list(lookups(f"{base}/{path}"))
    above = [str(parent) for parent in reversed(base.parents)]
    assert found[: len(above)] == above
    assert [os.path.relpath(step, base) for step in found if step not in above] == expected


def test_links_in_circles_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert set(lookups(f"{tmp_path}/a/x")) == {str(tmp_path), *(str(parent) for parent in tmp_path.parents)}


def test_a_way_is_as_good_as_its_worst_directory(tmp_path: Path) -> None:
    (tmp_path / "open/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("open/inner/x")
    assert StrictModes().way_to(f"{tmp_path}/open/inner/x") is None
    (tmp_path / "open").chmod(0o777)
    for path in ("open/inner/x", "link", "link/below"):
        reason = StrictModes().way_to(f"{tmp_path}/{path}")
        assert f"chmod go-w {tmp_path}/open`" in (reason or "")
    (tmp_path / "open").chmod(0o1777)
    assert StrictModes().way_to(f"{tmp_path}/link") is None


def test_a_way_that_leads_to_nothing_is_no_fault_of_modes(tmp_path: Path) -> None:
    assert StrictModes().way_to(f"{tmp_path}/missing/x") is None


def test_an_access_control_list_that_lets_others_write_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes, writable = StrictModes(), status(FILE | 0o664)
    assert modes.of(str(tmp_path), writable) is None
    monkeypatch.setattr("os.listxattr", lambda _path: ["system.posix_acl_access"])
    assert "setfacl -b" in (modes.of(str(tmp_path), writable) or "")
    assert modes.of(str(tmp_path), status(FILE | 0o644)) is None


def test_where_nobody_can_write_modes_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes, open_to_all = StrictModes(), status(FILE | 0o666, uid=OTHER)
    assert modes.of(str(tmp_path), open_to_all) is not None

    class ReadOnly:
        f_flag = os.ST_RDONLY

    monkeypatch.setattr("os.statvfs", lambda _path: ReadOnly)
    assert modes.of(str(tmp_path), open_to_all) is None
