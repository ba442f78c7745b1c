from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from distribution import bundle, deb, project, rpm
from distribution.tree import Tree

from catflap.lab.namespaces import Lab

OLD = "0.0.9"
PYTHON = "3.11"  # Debian 12's own
FORMS = {module.FORM: module for module in (deb, rpm, bundle)}


class Built:
    """What `make dist` builds, for one Python and hardly compressed, and the same as an older version.

    Args:
        directory: has ``new`` and ``old``, each with what `need` was asked for.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        os.environ["SOURCE_DATE_EPOCH"] = str(project.epoch())
        for version in ("old", "new"):
            (directory / version).mkdir()
        self.sdist, self.wheel = project.build_wheel(directory / "work", directory / "new")
        self._environments = {
            "new": project.build_environments(directory / "environments", self.wheel, [PYTHON]),
            "old": directory / "older",
        }
        shutil.copytree(self._environments["new"], self._environments["old"], symlinks=True)
        init = next(self._environments["old"].glob("*/lib/*/site-packages/catflap/__init__.py"))
        init.write_text(init.read_text().replace(f'"{project.VERSION}"', f'"{OLD}"'))

    def need(self, form: str) -> None:
        """Build both versions of a form, unless they are there."""
        for version, number in (("old", OLD), ("new", project.VERSION)):
            work = self.directory / f"{version}-{form}"
            if work.exists():
                continue
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(project, "VERSION", number)
                module = FORMS[form]
                tree = Tree(work / "tree", module.PREFIX, self._environments[version])
                module.build(tree, work, self.directory / version, compress=False)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("dist"))


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as entered:
        yield entered
