from __future__ import annotations

from collections.abc import Callable

from catflap.prove.proof import Case
from catflap.prove.sample import Fault, Sample
from catflap.prove.shrink import shrink
from catflap.prove.world import World

MakeSample = Callable[..., Sample]
ENTRIES = {
    "/a": {"spec": {"rules": [{"bad": 1, "other": 2}, {"fine": 3}], "more": [1, 2]}, "kind": "x"},
    "/b": {"spec": {}},
}


def _bad(case: Case) -> bool:
    rules = case.worlds[-1].entries.get("/a", {}).get("spec", {}).get("rules", [])
    return any("bad" in rule for rule in rules)


def test_only_the_part_that_matters_stays(sample: MakeSample) -> None:
    worlds = (World({}, {"/c": 1}), World({}, ENTRIES))
    small = shrink(Case(worlds, (sample(),), "d"), _bad)
    assert small == Case((World({}, {"/a": {"spec": {"rules": [{"bad": 1}]}}}),), (sample(),), "d")


def test_earlier_worlds_stay_where_they_matter() -> None:
    worlds = (World({}, {"/c": 1, "/d": 1}), World({}, {"/e": 1}), World({}, ENTRIES))
    small = shrink(Case(worlds, (), ""), lambda case: "/c" in case.worlds[0].entries and _bad(case))
    assert [world.entries for world in small.worlds][:2] == [{"/c": 1}, {}]


def test_packets_become_plainer_where_that_does_not_matter(sample: MakeSample) -> None:
    odd = sample(hop_limit=255, fault=Fault.CHECKSUM, extension=True)
    case = Case((World({}, {}),), (odd,), "")
    small = shrink(case, lambda case: case.samples[0].fault is not None)
    assert small.samples == (sample(fault=Fault.CHECKSUM),)


def test_what_cannot_be_made_smaller_stays(sample: MakeSample) -> None:
    case = Case((World({}, ENTRIES),), (sample(hop_limit=3),), "")
    assert shrink(case, lambda other: other == case) == case
