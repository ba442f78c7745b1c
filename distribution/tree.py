"""The files as they lie on a host, the same in every form but for the directory that they lie in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from distribution import completion, configuration, manual, project


class Tree:
    """A staged root directory.

    Args:
        root: is made and filled.
        prefix: ``/usr`` or ``/usr/local``.
        environments: see `project.build_environments`.
    """

    def __init__(self, root: Path, prefix: str, environments: Path) -> None:
        self.root = root
        self.library = f"{prefix}/lib/catflap"
        self.pythons = sorted(path.name.removeprefix("python") for path in environments.glob("python3.*"))
        self._prefix = prefix
        self._values = {
            "LIBRARY": self.library,
            "BIN": f"{prefix}/bin",
            "PYTHONS": project.pythons_in_words(self.pythons),
        }
        shutil.copytree(environments, self.path(self.library), symlinks=True)
        self._add_files()

    def path(self, name: str) -> Path:
        """A path on the host, below the staged root."""
        return self.root / name.lstrip("/")

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        """Add a file."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)

    def copy(self, source: str, name: str, mode: int = 0o644) -> None:
        """Add a file of `project.FILES`, with values in place of ``@NAME@``."""
        self.write(
            name, project.fill((project.FILES / source).read_text(encoding="utf-8"), self._values), mode
        )

    def settle(self) -> None:
        """Give everything the modes and the time that it shall have."""
        for path in [self.root, *self.root.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or self._is_program(path) else 0o644)
            os.utime(path, (project.epoch(), project.epoch()), follow_symlinks=False)

    def _is_program(self, path: Path) -> bool:
        """Whether it is to be executed; wheels say so of modules that are not, too."""
        return "site-packages" not in path.parts and bool(path.stat().st_mode & 0o100)

    def files(self) -> Iterator[str]:
        """All but directories, as paths on the host."""
        for path in sorted(self.root.rglob("*")):
            if path.is_symlink() or not path.is_dir():
                yield f"/{path.relative_to(self.root)}"

    def size(self) -> int:
        """In bytes."""
        return sum(path.lstat().st_size for path in self.root.rglob("*") if not path.is_dir())

    def _add_files(self) -> None:
        self.copy("launcher", f"{self._prefix}/bin/catflap", 0o755)
        self.copy("compile", f"{self.library}/compile", 0o755)
        of_distribution = self._prefix == "/usr"
        units = "/usr/lib/systemd/system" if of_distribution else "/etc/systemd/system"
        for unit in ("catflap.service", "catflap-boot.service"):
            self.copy(f"systemd/{unit}", f"{units}/{unit}")
        tmpfiles = "/usr/lib/tmpfiles.d" if of_distribution else "/etc/tmpfiles.d"
        self.copy("tmpfiles.conf", f"{tmpfiles}/catflap.conf")
        self.copy("logrotate", "/etc/logrotate.d/catflap")
        self.write("/etc/calico/felix.cfg.example", configuration.example())
        for name, text in manual.pages().items():
            self.write(f"{self._prefix}/share/man/man{name[-1]}/{name}", text)
        for name, text in completion.scripts().items():
            self.write(f"{self._prefix}/share/{name}", text)
        for name in ("README.md", "CHANGELOG.md"):
            self.write(
                f"{self._prefix}/share/doc/catflap/{name}", (project.ROOT / name).read_text(encoding="utf-8")
            )
