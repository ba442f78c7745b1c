from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.nft.host_policies import policy_key

from catflap.model.resources import Encoding
from catflap.nft.names import comment, interface_chain, log_prefix, plain_name, unique_names, unsupported

_NAME = re.compile(r"[A-Za-z0-9_./-]{1,200}")


@pytest.mark.parametrize("title", ["default/web", "a", "10", "Web_1.2-x"])
def test_a_plain_title_is_its_own_name(title: str) -> None:
    assert plain_name(title) == title


@pytest.mark.parametrize("title", ["a b", "ü", "a{b", 'a"b', "", "a\nb", "x" * 300])
def test_any_other_title_gets_a_hash(title: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_./-]{0,100}-[0-9a-f]{16}", plain_name(title))


@given(st.lists(st.text(alphabet="ab-/ {\n\ud800é", max_size=120), unique=True, min_size=2, max_size=20))
def test_different_titles_have_different_names(titles: list[str]) -> None:
    names = [plain_name(title) for title in titles]
    assert len(set(names)) == len(names)
    assert all(_NAME.fullmatch(name) for name in names)


def test_a_title_that_looks_like_a_name_with_hash_does_not_collide_with_it() -> None:
    assert plain_name(plain_name("a b")) != plain_name("a b")


def test_keys_that_share_a_title_have_names_of_their_own() -> None:
    keys = (policy_key("web"), policy_key("web", Encoding.V3), policy_key("db"))
    names = unique_names({keys[0]: "default/web", keys[1]: "default/web", keys[2]: "default/db"})
    assert names[keys[2]] == "default/db"
    assert len(set(names.values())) == len(keys)


@pytest.mark.parametrize(
    ("interface", "name"),
    [("eth0", "in-eth0"), ("eth*", "in-eth/any"), ("*", "in/any"), ("any", "in-any")],
)
def test_chains_of_interfaces_and_of_patterns(interface: str, name: str) -> None:
    assert interface_chain("in", interface) == name


def test_a_harmless_comment_stays_as_it_is() -> None:
    assert comment("default/web ingress 0") == "default/web ingress 0"


def test_a_selector_in_a_comment_stays_readable() -> None:
    assert comment('role == "web"') == "role == 'web'"


@given(st.text())
def test_no_comment_breaks_out_of_its_quotes(text: str) -> None:
    assert re.fullmatch(r"[ !#-\[\]-~]{0,128}", comment(text))


def test_long_comments_are_cut_and_stay_different() -> None:
    first, second = comment("x" * 200 + "1"), comment("x" * 200 + "2")
    assert len(first) == len(second) == 128
    assert first != second


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        (None, "calico-packet: "),
        ("", "calico-packet: "),
        ("web", "web: "),
        ('a"b c', "a_b_c: "),
        ("x" * 300, "x" * 125 + ": "),
    ],
)
def test_log_prefixes(text: str | None, prefix: str) -> None:
    assert log_prefix(text) == prefix


@pytest.mark.parametrize(
    "name",
    ["eth0", "br-lan", "wl_0", "a!#$%&'()+,-.", ";<=>?@A[]^`{|}~", "*", "eth*", "fourteen-lette*"],
)
def test_interfaces_that_can_be_policed(name: str) -> None:
    assert unsupported(name) is None


@pytest.mark.parametrize(
    "name",
    ["", 'a"b', "a\\b", "a b", "ü", "a/b", "a\n", "a*b", "e**", "sixteen-letters-", "fifteen-letters*"],
)
def test_interfaces_that_cannot_be_policed(name: str) -> None:
    problem = unsupported(name)
    assert problem is not None
    assert problem.name == name
    assert problem.reason
