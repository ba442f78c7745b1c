from __future__ import annotations

import pytest

from catflap.cli.common import CommandError
from catflap.cli.kind_names import SHORT_NAMES, kind_of, selection
from catflap.model.v3_documents import INTERPRETERS, PLURALS
from catflap.objects.stored import Subject


@pytest.mark.parametrize("kind", PLURALS)
def test_a_kind_may_be_written_in_any_form(kind: str) -> None:
    for word in (kind, kind.lower(), PLURALS[kind], PLURALS[kind].upper()):
        assert kind_of(word) == kind


def test_short_names_are_of_kinds_and_no_others() -> None:
    assert set(SHORT_NAMES.values()) <= set(PLURALS)
    assert not SHORT_NAMES.keys() & {word for kind in PLURALS for word in (kind.lower(), PLURALS[kind])}


@pytest.mark.parametrize(
    ("words", "kinds", "names"),
    [
        (["hep"], ["HostEndpoint"], []),
        (["hep,gnp"], ["HostEndpoint", "GlobalNetworkPolicy"], []),
        (["all"], list(INTERPRETERS), []),
        (["hep", "a", "b"], ["HostEndpoint"], ["a", "b"]),
        (["hep/a", "gnp/b"], ["GlobalNetworkPolicy", "HostEndpoint"], ["a", "b"]),
    ],
)
def test_what_is_meant(words: list[str], kinds: list[str], names: list[str]) -> None:
    chosen = selection(words)
    assert list(chosen.kinds) == kinds
    assert [each.name for each in chosen.subjects] == names


def test_the_namespace_counts_for_kinds_that_have_one() -> None:
    assert selection(["np/a", "hep/b"], "shop").subjects == [
        Subject("NetworkPolicy", "shop", "a"),
        Subject("HostEndpoint", "", "b"),
    ]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["hostendpiont"], "Did you mean"),
        (["xyzzy"], "Kinds are"),
        (["hep,gnp", "a"], "names of which kind"),
        (["hep/a", "b"], "write every object as KIND/NAME"),
        (["hep/"], "write every object as KIND/NAME"),
    ],
)
def test_what_means_nothing(words: list[str], reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        selection(words)
