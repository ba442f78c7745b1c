"""The Debian package."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Final

from distribution import project
from distribution.tree import Tree

FORM: Final = "deb"
PREFIX: Final = "/usr"
ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_CONFIGURATION: Final = ("/etc/calico/felix.cfg.example", "/etc/logrotate.d/catflap")
_SCRIPTS: Final = ("postinst", "prerm", "postrm")


def build(tree: Tree, work: Path, output: Path, *, compress: bool = True) -> Path:
    """Build it from a staged tree, whose root becomes the package's; not to compress saves half a minute."""
    del work
    architecture = ARCHITECTURES.get(project.MACHINE, project.MACHINE)
    files = project.FILES / "debian"
    tree.copy("debian/copyright", "/usr/share/doc/catflap/copyright")
    _compress_pages(tree)
    values = {
        "VERSION": project.VERSION,
        "DEB_ARCHITECTURE": architecture,
        "DEB_PYTHON": _depends(tree.pythons),
        "SIZE": str(tree.size() // 1024),
    }
    sums = "".join(
        f"{_sum(tree.path(name))}  {name[1:]}\n" for name in tree.files() if not tree.path(name).is_symlink()
    )
    tree.write("/DEBIAN/control", project.fill((files / "control").read_text(encoding="utf-8"), values))
    tree.write("/DEBIAN/conffiles", "".join(f"{name}\n" for name in _CONFIGURATION))
    tree.write("/DEBIAN/md5sums", sums)
    for script in _SCRIPTS:
        tree.copy(f"debian/{script}", f"/DEBIAN/{script}", 0o755)
    tree.settle()
    made = output / f"catflap_{project.VERSION}_{architecture}.deb"
    compression = ("-Zxz", "-z3") if compress else ("-Znone",)
    project.run("dpkg-deb", "--root-owner-group", *compression, "--build", tree.root, made)
    return made


def _depends(pythons: list[str]) -> str:
    """Any of these Pythons, as the default one or beside it."""
    return " | ".join(f"python{python}" for python in pythons)


def _sum(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _compress_pages(tree: Tree) -> None:
    """Debian wants man pages and the changelog compressed."""
    documents = tree.path("/usr/share/doc/catflap")
    changelog = (documents / "CHANGELOG.md").rename(documents / "changelog")
    for path in [*tree.path("/usr/share/man").rglob("*.[0-9]"), changelog]:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()
