from __future__ import annotations

from tests.objects.stores import LimitedStore

from catflap.model import V1_ROOT, V3_ROOT
from catflap.objects.reading import ONE_BY_ONE, read_paths

ENDPOINTS = [f"{V3_ROOT}hostendpoints/e{number}" for number in range(ONE_BY_ONE + 8)]


async def read(*paths: str) -> tuple[set[str], int]:
    """The paths found, and the number of requests."""
    store = LimitedStore(dict.fromkeys([*ENDPOINTS, f"{V1_ROOT}Ready", f"{V3_ROOT}tiers/a"], b"1"))
    return set(await read_paths(store, paths)), store.operations


async def test_few_paths_are_read_one_by_one() -> None:
    assert await read(ENDPOINTS[1], f"{V3_ROOT}tiers/a", f"{V3_ROOT}tiers/b") == (
        {ENDPOINTS[1], f"{V3_ROOT}tiers/a"},
        3,
    )


async def test_a_path_that_begins_like_another() -> None:
    found, _ = await read(ENDPOINTS[1])  # e1, and not e10
    assert found == {ENDPOINTS[1]}


async def test_many_paths_are_read_at_once() -> None:
    wanted = [*ENDPOINTS[1:], f"{V1_ROOT}Ready"]
    assert await read(*wanted) == (set(wanted), 2)


async def test_nothing() -> None:
    assert await read() == (set(), 0)
