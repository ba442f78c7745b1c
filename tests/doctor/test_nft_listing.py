from __future__ import annotations

import pytest

from catflap.doctor import MemoryHost, ProgramError
from catflap.doctor.nft_listing import list_nft, parse_table
from catflap.doctor.tables import Hooked, Rule

from .recorded import LIST, UFW_CHAINS, chain, host


def test_our_table_and_those_of_others() -> None:
    listing = list_nft(host(*UFW_CHAINS, chain("arp", "other", "input", "input")))
    assert listing.own is not None
    assert listing.own.hooks == {"input": Hooked("input", -5)}
    (ufw,) = listing.foreign
    assert ufw.title == "ip filter"
    assert ufw.hooks == {"INPUT": Hooked("input", 0, policy="drop")}
    assert ufw.chains == {
        "ufw-user-input": (Rule(),),
        "INPUT": (Rule(targets=("ufw-user-input",)),),
    }
    assert listing.names["ip", "filter"] == {"INPUT", "ufw-user-input"}
    assert listing.unread == {}


def test_no_set_with_elements_is_ever_asked_for() -> None:
    used = host(*UFW_CHAINS)
    list_nft(used)
    commands = [command for command, _ in used.ran]
    assert all("--terse" in command or command.endswith("list chains") for command in commands)


def test_tables_without_a_base_chain_are_not_read() -> None:
    used = host(chain("inet", "sets-only", "helper"))
    assert list_nft(used).foreign == ()
    assert not any("sets-only" in command for command, _ in used.ran)


def test_a_table_that_nft_cannot_read_hides_no_other() -> None:
    broken = chain("inet", "newer", "input", "input")
    used = host(broken, *UFW_CHAINS, programs={f"{LIST} inet newer": ProgramError("nft: ended by signal 11")})
    listing = list_nft(used)
    assert [(table.name, table.chains is None) for table in listing.foreign] == [
        ("newer", True),
        ("filter", False),
    ]
    assert listing.unread == {"inet newer": "nft: ended by signal 11"}


def test_a_name_that_would_be_more_than_a_name_never_reaches_nft() -> None:
    used = host(chain("inet", "x; flush ruleset", "input", "input"))
    assert list_nft(used).unread == {"inet x; flush ruleset": "nft has no way to name it"}
    assert not any("flush" in command for command, _ in used.ran)


def test_sleeping_tables_of_others_are_left_out() -> None:
    text = "table inet idle {\n\tflags dormant\n\n\tchain input {\n\t}\n}\n"
    used = host(chain("inet", "idle", "input", "input"), programs={f"{LIST} inet idle": text})
    assert list_nft(used).foreign == ()


def test_without_our_table() -> None:
    assert list_nft(MemoryHost({"nft --json list chains": '{"nftables": []}'})).own is None


def test_our_table_without_chains() -> None:
    programs = {
        "nft --json list chains": '{"nftables": []}',
        f"{LIST} inet catflap": "table inet catflap {\n}\n",
    }
    own = list_nft(MemoryHost(programs)).own
    assert own is not None
    assert own.chains == {}


@pytest.mark.parametrize("printed", ["", "[]", '{"nftables": 1}', "table inet catflap"])
def test_a_listing_that_cannot_be_read(printed: str) -> None:
    with pytest.raises(ProgramError, match="form that cannot be read"):
        list_nft(MemoryHost({"nft --json list chains": printed}))


def test_flags_of_a_table() -> None:
    assert parse_table("table ip t {\n\tflags dormant,owner\n}\n")[0] == {"dormant", "owner"}
    assert (
        parse_table("table ip t { # progname firewalld\n\tset s {\n\t\tflags interval\n\t}\n}\n")[0] == set()
    )
