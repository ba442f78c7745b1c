from __future__ import annotations

import json

import pytest

from catflap.cli.main import main
from catflap.schema import combined_schema, kind_schema


@pytest.mark.parametrize(
    ("words", "schema"),
    [
        ([], combined_schema()),
        (["hep"], kind_schema("HostEndpoint")),
        (["globalnetworkpolicies"], kind_schema("GlobalNetworkPolicy")),
        (["policytest"], kind_schema("PolicyTest")),
    ],
)
def test_a_schema_is_printed(words: list[str], schema: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", *words]) == 0
    assert json.loads(capsys.readouterr().out) == schema


@pytest.mark.parametrize("word", ["bgppeer", "hostendpont"])
def test_kinds_without_a_schema(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", word]) == 2
    assert "catflap: " in capsys.readouterr().err
