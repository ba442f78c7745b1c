from __future__ import annotations

from collections.abc import Iterator

import pytest

from catflap.host.conntrack import Entry, FlowTuple
from catflap.policy.host_policy import HostPolicy
from catflap.recheck import run as module
from catflap.recheck.run import Run

from .scene import HERE, NEAR, WEB, entry, policy, surroundings

NARROW, WIDE = policy("eth0", (443,), ()), policy("eth0", (80, 443), ())


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOKS", (0.0, 0.0))


class Kernel:
    """Entries, sockets and newer policies; what is done is noted in order."""

    def __init__(self, *entries: Entry) -> None:
        self.table = list(entries)
        self.returning: list[Entry] = []
        self.newest: list[HostPolicy | None] = []
        self.refusal: OSError | None = None
        self.gone: list[Entry] = []
        self.done: list[str] = []

    def entries(self) -> Iterator[list[Entry]]:
        for each in tuple(self.table):
            yield [each]

    def holds(self, meant: Entry) -> bool:
        return meant in self.table and meant not in self.gone

    def begun_by_the_other_side(self, ended: Entry) -> Entry | None:
        return next((each for each in self.returning if each.original == ended.reply), None)

    def delete(self, meant: Entry) -> bool:
        self.done.append(f"delete {meant.original.destination_port}")
        if meant in self.table:
            self.table.remove(meant)
        return True

    def close(self, flow: FlowTuple, interface: int) -> int:
        if self.refusal:
            raise self.refusal
        self.done.append(f"close {flow.source_port} {interface}")
        return 1

    def newer(self, _wait: float) -> HostPolicy | None:
        return self.newest.pop(0) if self.newest else None

    def run(self) -> Run:
        return Run(self, self, surroundings, self)


def test_the_socket_is_closed_before_the_entry_is_deleted_and_allowed_ones_are_left() -> None:
    kernel = Kernel(entry(NEAR, HERE, 80), entry(NEAR, HERE, 443), entry(HERE, "233.252.0.1"))
    outcome = kernel.run().run(NARROW)
    assert kernel.done == ["close 80 2", "delete 80"]
    assert (outcome.checked, outcome.kept, outcome.ended, outcome.unsure, outcome.sockets) == (3, 1, 1, 1, 1)
    assert outcome.examples == [
        "tcp 192.0.2.9:50000 > 192.0.2.1:80 (in eth0: TIER_DEFAULT_DENY by tier default)"
    ]


def test_an_entry_that_is_another_one_by_now_is_left_alone() -> None:
    kernel = Kernel(entry(NEAR, HERE, 80))
    kernel.gone = kernel.table.copy()
    assert kernel.run().run(NARROW).ended == 0
    assert kernel.done == []


def test_a_newer_policy_counts_at_once_and_the_list_is_begun_anew() -> None:
    kernel = Kernel(entry(NEAR, HERE, 80), entry(WEB, HERE, 80))
    kernel.newest = [WIDE]
    outcome = kernel.run().run(NARROW)
    assert (outcome.policies, outcome.ended, outcome.checked) == (2, 0, 2)
    kernel.newest = [None, NARROW]  # comes after the first entry, which is judged again
    assert kernel.run().run(WIDE).ended == 1


def test_a_newer_policy_while_it_waits_to_look_again_begins_anew() -> None:
    kernel = Kernel(entry(NEAR, HERE, 80), entry(NEAR, HERE, 443))
    kernel.newest = [None, None, None, policy("eth0", (), ())]
    outcome = kernel.run().run(NARROW)
    assert (outcome.policies, outcome.ended) == (2, 2)


def test_what_comes_back_in_the_other_direction_is_deleted_again() -> None:
    connection = entry(NEAR, HERE, 80)
    kernel = Kernel(connection)
    kernel.returning = [Entry(connection.reply, connection.original, picked_up=True)]
    assert kernel.run().run(NARROW).returned == 2
    kernel = Kernel(connection)
    kernel.returning = [Entry(connection.reply, connection.original)]  # with a handshake: a new connection
    assert kernel.run().run(NARROW).returned == 0


def test_where_sockets_cannot_be_closed_entries_are_deleted_all_the_same_and_it_is_said_once() -> None:
    kernel = Kernel(entry(NEAR, HERE, 80), entry(NEAR, HERE, 81))
    kernel.refusal = OSError(95, "sock_diag: Operation not supported")
    outcome = kernel.run().run(NARROW)
    assert outcome.ended == 2
    assert outcome.problems == ["[Errno 95] sock_diag: Operation not supported"]


def test_few_of_many_are_named() -> None:
    kernel = Kernel(*(entry(NEAR, HERE, port) for port in range(1000, 1030)))
    outcome = kernel.run().run(NARROW)
    assert (outcome.ended, len(outcome.examples)) == (30, module.EXAMPLES)
