from __future__ import annotations

from pathlib import Path

import pytest
from tests.objects.documents import document, endpoint, policy

from catflap.cli.common import CommandError
from catflap.cli.manifests import read_manifests, read_names, refuse
from catflap.objects.planning import Refusal

from .written import file_of

TEST = {"apiVersion": "catflap/v1", "kind": "PolicyTest", "metadata": {"name": "a"}}


def test_documents_with_their_places(tmp_path: Path) -> None:
    file = file_of(tmp_path, policy(), TEST, endpoint())
    found = read_manifests([file])
    assert [(each.wanted.subject.title, each.source.line()) for each in found] == [
        ("globalnetworkpolicy/ssh", 1),
        ("hostendpoint/web1-eth0", 5),
    ]


def test_a_file_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("a: [")
    for read in (read_manifests, read_names):
        with pytest.raises(CommandError, match=r"nothing was written: 1 error$"):
            read([str(file)])
        assert f"{file}:2: error (unreadable)" in capsys.readouterr().err


def test_for_names_the_rest_may_be_invalid(tmp_path: Path) -> None:
    file = file_of(tmp_path, document("HostEndpoint", "a", {"node": 7}))
    [found] = read_names([file])
    assert found.wanted.subject.name == "a"


def test_a_refusal_is_told_at_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = file_of(tmp_path, policy(), endpoint())
    with pytest.raises(CommandError, match="2 errors"):
        refuse(read_manifests([file]), [Refusal(1, "spec", "no."), Refusal(0, "kind", "never.")])
    assert capsys.readouterr().err.splitlines() == [
        f"{file}:1: error: GlobalNetworkPolicy ssh, kind (refused)",
        "    never.",
        f"{file}:3: error: HostEndpoint web1-eth0, spec (refused)",
        "    no.",
    ]
