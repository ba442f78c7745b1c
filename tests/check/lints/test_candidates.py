from __future__ import annotations

import pytest

from catflap.check.lints.candidates import Candidates
from catflap.model import parse_selector

KNOWN = Candidates(
    "endpoint",
    [{"role": "web", "env": "production"}, {"role": "database1"}, {"role": "web", "env": "production"}],
)


def test_without_labels_something_is_still_there() -> None:
    assert Candidates("endpoint", [{}])
    assert not Candidates("endpoint", [])


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("all()", True),
        ('role == "web" && has(env)', True),
        ('role == "database1" && has(env)', False),
        ("has(x)", False),
    ],
)
def test_whether_anything_matches(selector: str, matches: bool) -> None:
    assert KNOWN.any_match(parse_selector(selector)) is matches


@pytest.mark.parametrize(
    ("selector", "hints"),
    [
        ('role == "web"', []),
        ('role == "wbe"', ["Nothing here has role == 'wbe'. Did you mean 'web'?"]),
        ("has(rol) && has(rol)", ["Nothing here has a label 'rol'. Did you mean 'role'?"]),
        ('!(evn contains "x")', ["Nothing here has a label 'evn'. Did you mean 'env'?"]),
        (
            'role in {"wbe", "web"} || env not in {"prodution"}',
            [
                "Nothing here has role == 'wbe'. Did you mean 'web'?",
                "Nothing here has env == 'prodution'. Did you mean 'production'?",
            ],
        ),
        ('role == "database2"', []),
        ('colour == "red"', []),
        (f'role == "{"web" * 30}"', []),
    ],
)
def test_what_was_probably_meant(selector: str, hints: list[str]) -> None:
    assert list(KNOWN.hints(parse_selector(selector))) == hints
