from __future__ import annotations

from datetime import UTC, datetime

from catflap.agent.document import (
    ForeignChain,
    ForeignReport,
    HostDocument,
    InterfaceReport,
    InvalidReport,
    KeptReport,
    StoreReport,
    Titles,
)
from catflap.cli.fleet import HostView, State
from catflap.cli.host_status import host_lines
from catflap.cli.lines import MAX_WIDTH

from .fleets import ETH0, document

NOW = datetime(2026, 1, 1, 0, 1, 10, tzinfo=UTC)


def shown(found: HostDocument | None, **fields: object) -> list[str]:
    settings: dict[str, object] = {"host": "web1", "state": State.IN_SYNC, "document": found, **fields}
    view = HostView(**settings)  # type: ignore[arg-type]  # test shorthand
    return [line.text for line in host_lines(view, NOW)]


def test_all_that_an_operator_asks() -> None:
    bad = InterfaceReport(
        interface="eth1",
        endpoint="host endpoint web1/eth1",
        state="kept",
        reason="nf_tables refuses set x: Too many",
        revision=3,
        since="2026-01-01T00:00:00Z",
        egress=Titles(listed=("default/out",), more=4),
        covers=("eth1", "eth2"),
    )
    found = document(
        interfaces=(bad, ETH0),
        interfaces_total=3,
        without_interface=("host endpoint web1/eth7",),
        invalid_objects=2,
        invalid=(InvalidReport(path="/calico/v1/x", reasons=("why", "why not")),),
        notices=("a conflict",),
        notices_total=1,
        kept_for_boot=KeptReport(revision=7),
        foreign=ForeignReport(
            looked_at="2026-01-01T00:01:00Z",
            total=1,
            chains=(
                ForeignChain(
                    title="ip filter INPUT", hook="input", policy="drop", owner="ufw", drops_by_default=True
                ),
            ),
        ),
    )
    assert shown(found, state=State.NOT_ENFORCED, problems=("eth1 kept: no",), behind=2) == [
        "web1: not-enforced",
        "  agent      Catflap 1, process 0, started 2026-01-01T00:00:00Z (70s ago)",
        "  reported   2026-01-01T00:01:00Z (10s ago)",
        "  store      in-sync, revision 9 seen, sign of life 0 s before",
        "  enforced   revision 7 since 2026-01-01T00:00:30Z (40s ago); 2 changes behind",
        "  next boot  revision 7 is on disk",
        "",
        "PROBLEMS",
        "  eth1 kept: no",
        "",
        "INTERFACE  STATE     REVISION  SINCE  ENDPOINT",
        "eth1       kept      3         70s    host endpoint web1/eth1",
        "    reason     nf_tables refuses set x: Too many",
        "    now        eth1, eth2",
        "    egress     default/out, 4 more",
        "eth0       enforced  5         70s    host endpoint web1/eth0",
        "    ingress    default/web, default/ssh",
        "  … and 1 more",
        "",
        "ENDPOINTS WITHOUT AN INTERFACE",
        "  host endpoint web1/eth7",
        "",
        "INVALID OBJECTS (TREATED AS MISSING)",
        "  /calico/v1/x: why why not",
        "  … and 1 more",
        "",
        "NOTICES",
        "  a conflict",
        "",
        "OTHER PACKET FILTERS (LOOKED AT 10s AGO)",
        "  ip filter INPUT (hook input, policy drop, owner ufw) drops what it does not accept itself",
    ]


def test_a_host_without_a_document() -> None:
    found = shown(None, state=State.MISSING, last_reported="2026-01-01T00:00:00Z", problems=("gone",))
    assert found == [
        "web1: missing",
        "  agent      last report 2026-01-01T00:00:00Z (70s ago)",
        "",
        "PROBLEMS",
        "  gone",
    ]
    assert shown(None, state=State.MISSING)[1] == "  agent      no report"


def test_it_fits_and_forges_nothing() -> None:
    hostile = "\x1b[31mx\n" * 50
    found = document(
        None,
        store=StoreReport(state=hostile),
        interfaces=(InterfaceReport(interface="e", endpoint=hostile, reason="a " * 200),),
        notices=(hostile, "word " * 100),
        foreign=ForeignReport(problem=hostile),
    )
    lines = shown(found)
    assert all(line.isprintable() for line in lines)
    assert all(len(line) <= MAX_WIDTH for line in lines if "[31m" not in line)
    assert "  enforced   nothing yet" in lines
