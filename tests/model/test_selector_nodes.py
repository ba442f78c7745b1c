"""The parts of a selector on their own."""

from __future__ import annotations

import pytest

from catflap.model.selector_nodes import Always, And, Has, Node, Or, quote


@pytest.mark.parametrize(("value", "quoted"), [("x", '"x"'), ("", '""'), ("'", '"\'"'), ('"', "'\"'")])
def test_quoting_takes_the_quote_that_the_value_does_not_contain(value: str, quoted: str) -> None:
    assert quote(value) == quoted


@pytest.mark.parametrize("count", [2, 3, 5])
def test_conjunctions_and_disjunctions_of_any_length(count: int) -> None:
    operands: tuple[Node, ...] = tuple(Has(str(number)) for number in range(count))
    every, some = And(operands).predicate(), Or(operands).predicate()
    everything = {str(number): "" for number in range(count)}

    assert every(everything)
    assert some(everything)
    assert not some({})
    for number in range(count):
        assert not every({label: "" for label in everything if label != str(number)})
        assert some({str(number): ""})


def test_always_keeps_its_spelling() -> None:
    assert Always("global()").text == "global()"
