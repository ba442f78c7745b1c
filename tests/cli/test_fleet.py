from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catflap.agent.document import InterfaceReport, StoreReport
from catflap.agent.report import ROOT
from catflap.cli.fleet import HostView, State, fleet
from catflap.cli.fleet_policy import Policy

from .fleets import document, reports

POLICY = Policy(9, versions=(3, 5, 7), hosts={"web1": 2})
BEAT = b'{"time":"2026-01-01T00:00:00Z","uptime":1.5,"first_update":false}'


def only(keys: dict[str, bytes], policy: Policy = POLICY) -> HostView:
    (found,) = fleet("etcd://x", policy, keys).hosts
    return found


def test_a_host_that_enforces_all_is_fine() -> None:
    found = only(reports(web1=document(entries=3)))
    assert (found.state, found.behind, found.problems, found.fine, found.lives) == (
        State.IN_SYNC,
        0,
        (),
        True,
        True,
    )
    assert (found.revision_enforced, found.endpoints) == (7, 1)


def test_a_host_that_lacks_changes_is_behind() -> None:
    found = only(reports(web1=document(3)))
    assert (found.state, found.behind, found.fine) == (State.BEHIND, 2, False)


def test_a_host_that_has_endpoints_and_no_agent_is_missing() -> None:
    found = only({})
    assert (found.host, found.state, found.endpoints) == ("web1", State.MISSING, 2)
    assert (found.fine, found.lives) == (False, False)
    assert found.problems == ("no agent has ever reported",)
    gone = only({f"{ROOT}/web1/last_reported_status": BEAT})
    assert (gone.state, gone.last_reported) == (State.MISSING, "2026-01-01T00:00:00Z")
    assert gone.problems == ("agent stopped reporting",)


def test_a_host_that_reported_once_and_has_no_endpoints_has_ended() -> None:
    found = only({f"{ROOT}/old/last_reported_status": BEAT}, Policy(9))
    assert (found.host, found.state, found.fine, found.lives) == ("old", State.ENDED, True, False)


def test_an_agent_without_a_document_is_another_program() -> None:
    found = only({f"{ROOT}/web1/status": BEAT, f"{ROOT}/web1/endpoint/eth0": b'{"status":"up"}'})
    assert (found.state, found.lives, found.fine) == (State.UNKNOWN, True, False)


@pytest.mark.parametrize("value", [b"", b"\x1b[31m", b"{", b'{"store":1}', b"\xff"])
def test_what_is_no_document_is_shown_as_that(value: bytes) -> None:
    found = only(reports(web1=value))
    assert (found.state, found.lives, found.fine) == (State.UNREADABLE, True, False)
    assert "no status document" in found.problems[0]


@given(st.dictionaries(st.text().map(lambda end: f"{ROOT}/{end}"), st.binary()))
def test_nothing_that_stands_there_ends_it(keys: dict[str, bytes]) -> None:
    msgspec.to_builtins(fleet("etcd://x", POLICY, keys))


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"state": "wait-for-ready"}, State.WAITING),
        ({"state": "stale"}, State.STALE),
        ({"state": "resync"}, State.RESYNC),
        ({"revision": None}, State.BEHIND),
        ({"not_enforced": ("eth0",), "revision": 3}, State.NOT_ENFORCED),
        (
            {"interfaces": (InterfaceReport(interface="eth0", state="not policed", reason="odd"),)},
            State.NOT_ENFORCED,
        ),
    ],
)
def test_states(fields: dict[str, Any], state: State) -> None:
    assert only(reports(web1=document(**fields))).state is state


def test_a_stale_host_tells_why() -> None:
    store = StoreReport(state="stale", reason="Connection lost")
    assert only(reports(web1=document(store=store))).problems[0] == "Connection lost"


def test_problems_come_first_the_worst_of_them_before() -> None:
    found = fleet(
        "etcd://x",
        Policy(9, (3, 5, 7), {"zoo": 1}),
        reports(a=document(), b=document(3), c=b"x", d=document(state="stale")),
    )
    assert [each.host for each in found.hosts] == ["zoo", "c", "d", "b", "a"]
    assert not found.fine
    assert fleet("etcd://x", Policy(9), reports(a=document())).fine


def test_invalid_objects_are_the_stores_and_none_of_a_hosts_problems() -> None:
    found = fleet(
        "etcd://x", Policy(9), reports(a=document(invalid_objects=2), b=document(invalid_objects=1))
    )
    assert (found.invalid_objects, found.fine) == (2, False)
    assert all(each.fine for each in found.hosts)
