from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from catflap.agent.garbage import collector_paused


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_was_made_meanwhile_is_never_walked_over() -> None:
    with collector_paused():
        assert not gc.isenabled()
        made: list[list[object]] = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= 1000
    assert not {id(each) for each in made} & {id(each) for each in gc.get_objects()}


def test_it_comes_back_after_a_fault() -> None:
    with pytest.raises(RuntimeError), collector_paused():
        raise RuntimeError
    assert gc.isenabled()
