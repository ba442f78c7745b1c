from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catflap.lab.namespaces import Lab, LabError
from catflap.lab.topology import GuideNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def permitted() -> None:
    """These tests are never skipped: where they cannot run, they fail and say why."""
    refusal = None
    try:
        with Lab() as trial:
            trial.add("trial")
    except LabError as error:
        refusal = f"tests/e2e need root and network namespaces: {error}"
    if refusal:
        pytest.fail(refusal, pytrace=False)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as entered:
        yield entered


@pytest.fixture
def network(lab: Lab) -> GuideNetwork:
    return GuideNetwork.build(lab)
