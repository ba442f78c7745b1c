from __future__ import annotations

import pytest

from catflap.model.selector import parse_selector
from catflap.model.selector_explain import explain_mismatch

LABELS = {"role": "wbe", "env": "prod", "odd": 'a"\n'}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('role == "web"', 'role == "web": role is "wbe"'),
        ("has(zone)", "has(zone): there is no label zone"),
        ("!has(env)", '!has(env): env is "prod"'),
        ('env != "prod"', 'env != "prod": env is "prod"'),
        ('env not in {"prod"}', 'env not in {"prod"}: env is "prod"'),
        ('odd starts with "b"', r'odd starts with "b": odd is "a\"\n"'),
        ("!all()", "!all(): never matches"),
        ('env == "prod" && role == "web" && has(zone)', 'role == "web": role is "wbe"'),
        (
            'env == "prod" && (has(zone) || !has(role))',
            'has(zone): there is no label zone; !has(role): role is "wbe"',
        ),
        ("!(has(env) && !has(zone))", '!(has(env) && !has(zone)): env is "prod", there is no label zone'),
        ('!(has(env) || env == "x")', '!(has(env) || env == "x"): env is "prod"'),
        ('env == "prod"', 'env == "prod" matches'),
        ("all()", "all() matches"),
    ],
)
def test_the_clause_that_fails_and_what_the_labels_say(text: str, expected: str) -> None:
    assert explain_mismatch(parse_selector(text), LABELS) == expected


def test_a_long_disjunction_is_cut() -> None:
    selector = parse_selector(" || ".join(f"has({name})" for name in "abcdef"))

    assert explain_mismatch(selector, {}).endswith("has(d): there is no label d; and 2 more")
