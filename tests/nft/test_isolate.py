from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.nft.refusing import RefusingNft, elements_of, everything, rules_with

from catflap.nft.isolate import refused_objects
from catflap.nft.plan import Existing
from catflap.nft.port import NftError
from catflap.nft.ruleset import Chain, Hook, NftSet, RuleSet, VerdictMap

_REASON = "Cannot allocate memory"


def rule_set(chains: int = 20, sets: int = 20) -> RuleSet:
    """Chains that lead to each other, each of which looks into a set."""
    names = [f"c{number:02}" for number in range(chains)]
    linked = {
        name: Chain(name, (f"ip saddr @s{number % sets:02} accept", f"jump {after}"))
        for number, (name, after) in enumerate(zip(names, [*names[1:], "end"], strict=True))
    }
    return RuleSet(
        {
            f"s{number:02}": NftSet(f"s{number:02}", "ipv4_addr", (), frozenset({f"10.0.0.{number}"}))
            for number in range(sets)
        },
        {"m": VerdictMap("m", "ifname", {"eth0": "goto c00"})},
        {
            "input": Chain("input", ("iifname vmap @m",), Hook("input", -5)),
            **linked,
            "end": Chain("end", ("drop",)),
        },
    )


@pytest.fixture
def nft() -> RefusingNft:
    return RefusingNft()


def refused(
    nft: RefusingNft, existing: Existing | None = None, desired: RuleSet | None = None
) -> dict[str, str]:
    return dict(refused_objects(nft, existing or Existing(), desired or rule_set(), in_place=True))


def test_nothing_is_refused_where_all_is_fine(nft: RefusingNft) -> None:
    assert refused(nft) == {}


@pytest.mark.parametrize("name", ["s00", "s07", "s19"])
def test_a_set_for_what_is_in_it_and_no_chain_because_of_that(nft: RefusingNft, name: str) -> None:
    nft.refuses = elements_of(name)
    assert refused(nft) == {name: _REASON}


def test_a_set_of_a_kind_that_is_not_known_and_the_chain_that_cannot_be_without_it(nft: RefusingNft) -> None:
    nft.refuses = elements_of("s05", most=-1)
    assert refused(nft).keys() == {"s05", "c05"}


@pytest.mark.parametrize("names", [("s00",), ("s04", "s05"), ("s00", "s19"), ("c",)])
def test_the_chains_that_are_refused_and_no_others(nft: RefusingNft, names: tuple[str, ...]) -> None:
    nft.refuses = rules_with(*(f"@{name}" for name in names))
    assert refused(nft) == {name.replace("s", "c"): _REASON for name in names if name != "c"}


def test_few_questions_are_asked(nft: RefusingNft) -> None:
    nft.refuses = rules_with("@s13 ")
    desired = rule_set(100, 100)
    refused(nft, desired=desired)
    assert nft.checks < 25


def test_of_several_that_are_refused_only_together_one_is_named(nft: RefusingNft) -> None:
    def together(command: object) -> bool:
        return rules_with("@s03 ")(command) and rules_with("@s11 ")(command)  # type: ignore[arg-type]

    nft.refuses = together
    assert refused(nft) == {"c11": _REASON}


def test_members_of_a_set_in_use(nft: RefusingNft) -> None:
    old = rule_set()
    nft.run(old.text())
    nft.refuses = elements_of("s05")
    more = replace(old.sets["s05"], elements=frozenset({"10.0.0.5", "10.9.9.9"}))
    assert refused(nft, Existing.of(old), replace(old, sets={**old.sets, "s05": more})) == {"s05": _REASON}


def test_a_set_that_takes_the_place_of_another_has_its_own_name_in_the_answer(nft: RefusingNft) -> None:
    old = RuleSet(
        {"n": NftSet("n", "ipv4_addr", ("interval",), frozenset({"10.0.0.0/8"}))},
        {},
        {"c": Chain("c", ("ip saddr @n accept",))},
    )
    nft.run(old.text())
    new = RuleSet(
        {"n": NftSet("n", "ipv4_addr", ("interval",), frozenset({"11.0.0.0/8"}))},
        {},
        {"c": Chain("c", ("ip saddr @n drop",))},
    )
    nft.refuses = elements_of("n/2")
    assert refused(nft, Existing.of(old), new) == {"n": _REASON}


def test_nothing_is_changed(nft: RefusingNft) -> None:
    nft.refuses = rules_with("@s03 ")
    refused(nft)
    assert nft.list_table() is None


def test_a_kernel_that_refuses_everything_is_an_error(nft: RefusingNft) -> None:
    nft.refuses = everything
    with pytest.raises(NftError, match=_REASON):
        refused(nft)
