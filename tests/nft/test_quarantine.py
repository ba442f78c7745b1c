from __future__ import annotations

from msgspec.structs import replace

from catflap.nft.quarantine import Quarantine, find, title
from catflap.nft.ruleset import Chain, NftSet, RuleSet, VerdictMap

RULES = RuleSet(
    {"s": NftSet("s", "ipv4_addr", (), frozenset({"10.0.0.1"}), "role == 'web'")},
    {"m": VerdictMap("m", "ifname", {"eth0": "drop"})},
    {"c": Chain("c", ("drop",))},
)


def test_what_has_not_changed_is_still_refused() -> None:
    quarantine = Quarantine()
    assert quarantine.among(RULES) == {}
    quarantine.put(RULES, {"s": "too large", "c": "unknown"})
    assert quarantine.among(RULES) == {"s": "too large", "c": "unknown"}
    changed = replace(RULES, sets={"s": replace(RULES.sets["s"], elements=frozenset())})
    assert quarantine.among(changed) == {"c": "unknown"}
    assert quarantine.among(RuleSet()) == {}


def test_what_is_refused_no_more_is_forgotten() -> None:
    quarantine = Quarantine()
    quarantine.put(RULES, {"s": "too large"})
    quarantine.put(RULES, {"c": "unknown"})
    assert quarantine.among(RULES) == {"c": "unknown"}


def test_objects_have_names_for_people() -> None:
    assert title(RULES, "s") == "set s of size 1 (role == 'web')"
    assert (title(RULES, "m"), title(RULES, "c")) == ("map m", "chain c")
    assert title(RuleSet({"s": NftSet("s", "ipv4_addr")}), "s") == "set s of size 0"
    assert find(RULES, "m") is RULES.maps["m"]
    assert find(RULES, "x") is None
