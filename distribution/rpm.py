"""The RPM package."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from distribution import project
from distribution.tree import Tree

FORM: Final = "rpm"
PREFIX: Final = "/usr"
_CONFIGURATION: Final = ("/etc/calico/felix.cfg.example", "/etc/logrotate.d/catflap")


def build(tree: Tree, work: Path, output: Path, *, compress: bool = True) -> Path:
    """Build it from a staged tree; not to compress it saves time."""
    tree.settle()
    listed, spec = work / "files", work / "catflap.spec"
    listed.write_text(_listed(tree), encoding="utf-8")
    values = {
        "VERSION": project.VERSION,
        "RPM_PYTHON": requires_python(tree.pythons),
        "TREE": str(tree.root),
        "FILES": str(listed),
        "PAYLOAD": "w3.zstdio" if compress else "w.ufdio",
    }
    text = (project.FILES / "rpm" / "catflap.spec").read_text(encoding="utf-8")
    spec.write_text(project.fill(text, values), encoding="utf-8")
    project.run("rpmbuild", "-bb", "--define", f"_topdir {work}", "--target", project.MACHINE, spec)
    (built,) = (work / "RPMS").rglob("*.rpm")
    return Path(shutil.copy2(built, output))


def requires_python(pythons: list[str]) -> str:
    """Any of these Pythons, as the packages of Pythons name themselves."""
    names = [f"python(abi) = {python}" for python in pythons]
    return names[0] if len(names) == 1 else f"({' or '.join(names)})"


def _listed(tree: Tree) -> str:
    lines = ["%defattr(-,root,root)", f"%dir {tree.library}"]
    lines += [f'%config(noreplace) "{name}"' for name in _CONFIGURATION]
    lines += [f'"{name}"' for name in tree.files() if name not in _CONFIGURATION]
    return "".join(f"{line}\n" for line in lines)
