from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from catflap.prove import case_files
from catflap.prove.proof import prove_series, repeat


def test_a_case_is_written_for_people_and_read_back(open_host: Any, tmp_path: Path) -> None:
    case = prove_series(open_host, "test/1", packets=200).case
    assert case is not None
    mismatches = repeat(open_host, case)
    assert not isinstance(mismatches, str)
    case_files.save(case, mismatches, tmp_path / "made" / "case")
    again = case_files.load(tmp_path / "made" / "case")
    assert (again.worlds, again.samples) == (case.worlds, case.samples)
    report = (tmp_path / "made" / "case" / "report.txt").read_text(encoding="utf-8")
    assert case.difference in report
    assert "evaluator: deny" in report
    assert "table inet catflap" in (tmp_path / "made" / "case" / "rules.nft").read_text(encoding="utf-8")


def test_a_folder_without_a_case_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"packets\.yaml"):
        case_files.load(tmp_path)
