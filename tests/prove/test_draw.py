from __future__ import annotations

from catflap.prove.draw import Draw


def _drawn(seed: str) -> list[object]:
    draw = Draw(seed)
    return [
        draw.chance(0.5),
        draw.pick("abc"),
        draw.weighted((1, "x"), (3, "y")),
        draw.some(range(9), 1, 5),
        draw.number(1, 10**9),
    ]


def test_the_same_seed_draws_the_same() -> None:
    assert _drawn("1/2") == _drawn("1/2")
    assert _drawn("1/2") != _drawn("1/3")


def test_some_are_different_ones_and_as_many_as_there_are() -> None:
    draw = Draw("x")
    assert sorted(draw.some("abc", 5, 9)) == ["a", "b", "c"]
    assert draw.some("abc", 0, 0) == []


def test_no_weight_is_no_choice() -> None:
    draw = Draw("x")
    assert {draw.weighted((0, "never"), (1, "always")) for _ in range(99)} == {"always"}


def test_every_one_of_a_pool_is_drawn() -> None:
    draw = Draw("x")
    assert {draw.pick("abc") for _ in range(99)} == set("abc")
