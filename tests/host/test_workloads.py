"""When interfaces are set up and taken down; what is done to them is tested with a real kernel."""

from __future__ import annotations

import pytest

from catflap.host import Interface, WorkloadLink, WorkloadLinks, workloads

LINK = WorkloadLink(("10.65.0.2",))
OTHER = WorkloadLink(("10.65.0.3",))
UP = {"cali1": Interface(7, "cali1", up=True)}
DOWN = {"cali1": Interface(7, "cali1", up=False)}


class Kernel:
    """Notes what is applied, and refuses as often as it is told to."""

    def __init__(self) -> None:
        self.applied: list[tuple[str, int, WorkloadLink | None]] = []
        self.refusals: list[str] = []
        self.old: list[WorkloadLink | None] = []

    def apply(self, name: str, index: int, link: WorkloadLink | None, old: WorkloadLink | None) -> str | None:
        self.old.append(old)
        self.applied.append((name, index, link))
        return self.refusals.pop() if self.refusals else None


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(workloads, "_apply", made.apply)
    return made


def test_an_interface_is_set_up_once(kernel: Kernel) -> None:
    links = WorkloadLinks()
    assert links.reconcile({"cali1": LINK}, UP) == []
    assert links.reconcile({"cali1": LINK}, UP) == []
    assert kernel.applied == [("cali1", 7, LINK)]


def test_a_change_is_applied(kernel: Kernel) -> None:
    links = WorkloadLinks()
    links.reconcile({"cali1": LINK}, UP)
    links.reconcile({"cali1": OTHER}, UP)
    assert kernel.applied[1:] == [("cali1", 7, OTHER)]
    assert kernel.old[1:] == [LINK]


def test_an_interface_that_goes_down_leads_nowhere_until_it_is_up_again(kernel: Kernel) -> None:
    links = WorkloadLinks()
    for interfaces in (UP, DOWN, DOWN, UP):
        links.reconcile({"cali1": LINK}, interfaces)
    assert [link for _, _, link in kernel.applied] == [LINK, None, LINK]


def test_an_interface_that_was_down_unseen_is_set_up_again(kernel: Kernel) -> None:
    links = WorkloadLinks()
    for changes in (2, 4):
        links.reconcile({"cali1": LINK}, {"cali1": Interface(7, "cali1", up=True, carrier_changes=changes)})
    assert len(kernel.applied) == 2


def test_an_interface_without_workload_leads_nowhere(kernel: Kernel) -> None:
    WorkloadLinks().reconcile({"cali1": None}, UP)
    assert kernel.applied == [("cali1", 7, None)]


def test_a_missing_interface_is_waited_for_and_a_new_one_of_its_name_set_up_anew(kernel: Kernel) -> None:
    links = WorkloadLinks()
    links.reconcile({"cali1": LINK}, {})
    assert kernel.applied == []
    links.reconcile({"cali1": LINK}, UP)
    links.reconcile({"cali1": LINK}, {"cali1": Interface(8, "cali1", up=True)})
    assert [index for _, index, _ in kernel.applied] == [7, 8]
    assert kernel.old == [None, None]


def test_what_failed_is_reported_and_tried_again(kernel: Kernel) -> None:
    kernel.refusals = ["it is odd"]
    links = WorkloadLinks()
    assert links.reconcile({"cali1": LINK}, UP) == ["it is odd"]
    assert links.reconcile({"cali1": LINK}, UP) == []
    assert len(kernel.applied) == 2


def test_interfaces_that_nobody_asks_for_any_more_are_left_alone(kernel: Kernel) -> None:
    links = WorkloadLinks()
    links.reconcile({"cali1": LINK}, UP)
    assert links.reconcile({}, UP) == []
    assert len(kernel.applied) == 1
