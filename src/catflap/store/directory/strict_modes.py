"""Who could change policy: files and directories that others than root and the agent's user may write are refused.

The rules are those of sshd's StrictModes: whoever can write a file, or any directory on the way to it, decides what the
firewall does. It must never say yes where it does not know.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINKS = 40  # in a path, as the kernel's limit
_ACL = "system.posix_acl_access"


class UntrustedError(Exception):
    """Others could change the directory as a whole. The text says which one, why, and the remedy."""


class StrictModes:
    """Judges files and directories for one reading of the tree; what it has found it does not look at again.

    ``uid`` may own files beside root: that of the agent's own user by default.
    """

    def __init__(self, uid: int | None = None) -> None:
        self._uid = os.geteuid() if uid is None else uid
        self._on_the_way: dict[str, str | None] = {}

    def way_to(self, path: str) -> str | None:
        """Why others could make an absolute path lead to something else; None too if it leads to nothing.

        Every directory counts in which a name is looked up, also for links on the way.
        """
        try:
            reasons = (self._judge_once(directory) for directory in lookups(path))
            return next((reason for reason in reasons if reason is not None), None)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def of(self, path: str, status: os.stat_result) -> str | None:
        """Why others could change a file, or a directory of the tree, whose status this is."""
        return self._judge(path, status, on_the_way=False)

    def _judge_once(self, directory: str) -> str | None:
        if directory not in self._on_the_way:
            self._on_the_way[directory] = self._judge(directory, Path(directory).stat(), on_the_way=True)
        return self._on_the_way[directory]

    def _judge(self, path: str, status: os.stat_result, *, on_the_way: bool) -> str | None:
        sticky = on_the_way and bool(status.st_mode & stat.S_ISVTX)
        reason = fault(path, status, self._uid, sticky=sticky)
        if reason is None and not sticky and status.st_mode & stat.S_IWGRP and _has_acl(path):
            reason = _refusal(path, status, "an access control list lets others write", f"setfacl -b {path}")
        return None if reason is None or _is_read_only(path) else reason


def fault(path: str, status: os.stat_result, uid: int, *, sticky: bool = False) -> str | None:
    """Why owner and mode let others than root and ``uid`` write; None if they do not.

    Args:
        path: for the text.
        status: of the file or directory.
        uid: who may write beside root.
        sticky: it is a directory on the way as ``/tmp`` is: what is in it can be replaced by its owner only.
    """
    if status.st_uid not in {0, uid}:
        return _refusal(path, status, "its owner could change it", f"chown root {path}")
    by_others = status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and status.st_gid != 0)
    if by_others and not sticky:
        return _refusal(path, status, "others could change it", f"chmod go-w {path}")
    return None


def lookups(path: str) -> Iterator[str]:
    """Every directory that the kernel looks a name up in on the way to an absolute path, through all links."""
    current, names, links = "/", path.split("/")[::-1], 0
    while names and links <= MAX_LINKS:
        name = names.pop()
        if name == "..":
            current = os.path.dirname(current)  # noqa: PTH120 - text only, for each step
        if name in {"", ".", ".."}:
            continue
        yield current
        step = os.path.join(current, name)  # noqa: PTH118 - text only, for each step
        target = _target(step)
        if target is None:
            current = step
            continue
        links += 1
        names.extend(reversed(target.split("/")))
        if target.startswith("/"):
            current = "/"


def _target(path: str) -> str | None:
    try:
        return os.readlink(path)  # noqa: PTH115 - as text, to be taken apart
    except OSError:  # no link, or nothing at all
        return None


def _refusal(path: str, status: os.stat_result, why: str, remedy: str) -> str:
    owner = f"{_user(status.st_uid)}:{_group(status.st_gid)}"
    return f"{why}: {path} is {stat.filemode(status.st_mode)} {owner}; run `{remedy}`."


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _has_acl(path: str) -> bool:
    """Whether the mode's group bits stand for more than the group."""
    try:
        return _ACL in os.listxattr(path)
    except OSError:  # the file system has none
        return False


def _is_read_only(path: str) -> bool:
    """Whether nobody can write here whatever the modes say, as in the volumes of containers."""
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
