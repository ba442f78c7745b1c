"""An archive with a script that installs it, for distributions that take neither of the packages."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from distribution import project
from distribution.tree import Tree

FORM: Final = "bundle"
PREFIX: Final = "/usr/local"


def build(tree: Tree, work: Path, output: Path, *, compress: bool = True) -> Path:
    """Build it around a staged tree; to compress it less saves time."""
    tree.copy("bundle/uninstall", f"{tree.library}/uninstall", 0o755)
    tree.settle()
    name = f"catflap-{project.VERSION}-linux-{project.MACHINE}"
    values = {
        "VERSION": project.VERSION,
        "MACHINE": project.MACHINE,
        "PYTHONS": project.pythons_in_words(tree.pythons),
    }
    install = work / "install"
    text = (project.FILES / "bundle" / "install").read_text(encoding="utf-8")
    install.write_text(project.fill(text, values), encoding="utf-8")
    install.chmod(0o755)
    made = output / f"{name}.tar.gz"
    owner = ("--owner=0", "--group=0", "--numeric-owner", "--sort=name", f"--mtime=@{project.epoch()}")
    transform = f"--transform=s,^,{name}/,S"
    compressor = f"--use-compress-program=gzip -n -{6 if compress else 1}"  # without the time
    project.run("tar", *owner, compressor, transform, "-C", str(work), "-cf", str(made), "install", "tree")
    return made
