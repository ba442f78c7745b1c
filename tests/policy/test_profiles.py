from __future__ import annotations

import pytest

from catflap.model.resources import (
    Action,
    Encoding,
    Kind,
    ProfileLabels,
    ProfileRules,
    ProfileTags,
    ResourceKey,
)
from catflap.policy.criteria import TagCriterion, without_markers
from catflap.policy.host_policy import ProfileStep
from catflap.policy.profiles import DEFAULT_ALLOW_KEY, ProfileTable


def key(kind: Kind, name: str, encoding: Encoding = Encoding.V1) -> ResourceKey:
    return ResourceKey(kind, name, encoding=encoding)


def table(**labels: dict[str, str]) -> ProfileTable:
    result = ProfileTable()
    for name, values in labels.items():
        result.set_labels(key(Kind.PROFILE_LABELS, name), ProfileLabels(name, values))
    return result


def test_of_two_profiles_the_first_in_the_list_wins() -> None:
    profiles = table(first={"env": "prod"}, second={"env": "dev", "zone": "a"})
    assert profiles.inherited(("first", "second")) == {"env": "prod", "zone": "a"}
    assert profiles.inherited(("second", "first")) == {"env": "dev", "zone": "a"}
    assert profiles.inherited(("missing",)) == {}


def test_a_tag_comes_from_any_profile_and_is_no_label() -> None:
    profiles = table(first={"trusted": "yes"})
    tags_key = key(Kind.PROFILE_TAGS, "second")
    profiles.set_tags(tags_key, ProfileTags("second", frozenset({"trusted"})))
    assert TagCriterion("trusted").matches(profiles.inherited(("first", "second")))
    assert not TagCriterion("trusted").matches(profiles.inherited(("first",)))
    assert without_markers(profiles.inherited(("second",))) == {}
    profiles.set_tags(tags_key, None)
    assert profiles.inherited(("second",)) == {}


def test_the_newer_encoding_hides_the_labels_of_the_older_one() -> None:
    profiles = table(first={"a": "1", "b": "1"})
    newer = key(Kind.PROFILE_LABELS, "first", Encoding.V3)
    profiles.set_labels(newer, ProfileLabels("first", {"a": "3"}))
    assert profiles.inherited(("first",)) == {"a": "3"}
    profiles.set_labels(newer, None)
    assert profiles.inherited(("first",)) == {"a": "1", "b": "1"}


def test_a_profile_without_rules_is_a_step_without_key() -> None:
    profiles = table(labels_only={})
    rules = key(Kind.PROFILE_RULES, "base")
    profiles.set_rules(rules, ProfileRules("base"))
    assert profiles.steps(("base", "labels_only")) == (
        ProfileStep("base", rules),
        ProfileStep("labels_only", None),
    )


@pytest.mark.parametrize("encoding", Encoding)
def test_the_profile_that_allows_everything_is_built_in_and_replaced_by_a_stored_one(
    encoding: Encoding,
) -> None:
    profiles, name = ProfileTable(), DEFAULT_ALLOW_KEY.name

    def rules() -> ProfileRules:
        (step,) = profiles.steps((name,))
        assert step.key is not None
        return profiles.rules(step.key)

    built_in = rules()
    assert [rule.action for rule in (*built_in.ingress, *built_in.egress)] == [Action.ALLOW, Action.ALLOW]
    profiles.set_rules(key(Kind.PROFILE_RULES, name, encoding), ProfileRules(name))
    assert rules() == ProfileRules(name)
    profiles.set_rules(key(Kind.PROFILE_RULES, name, encoding), None)
    assert rules() == built_in
