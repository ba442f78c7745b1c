from __future__ import annotations

from pathlib import Path

import pytest

from catflap.cli.main import main


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)


def test_it_needs_root(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main(["lab", "prove"]) == 2
    assert "catflap lab prove needs root" in capsys.readouterr().err


@pytest.mark.usefixtures("as_root")
def test_a_folder_without_a_failure_is_a_mistake_of_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "prove", "--replay", str(tmp_path)]) == 2
    assert "holds no failure to repeat" in capsys.readouterr().err


@pytest.mark.usefixtures("as_root")
def test_a_file_that_is_no_failure_is_a_mistake_of_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "packets.yaml").write_text("[{interface: 7}]")
    assert main(["lab", "prove", "--replay", str(tmp_path)]) == 2
    assert "holds no failure to repeat" in capsys.readouterr().err


@pytest.mark.usefixtures("as_root")
def test_some_process_must_do_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "prove", "--jobs", "0"]) == 2
    assert "--jobs is 0" in capsys.readouterr().err


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["lab", "prove", "--help"])
    assert "catflap lab prove --self-test" in capsys.readouterr().out
