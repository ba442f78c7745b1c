"""What agents report, in short."""

from __future__ import annotations

from catflap.agent.document import HostDocument, InterfaceReport, StoreReport, Titles, encode
from catflap.agent.report import ROOT
from catflap.model import V1_ROOT

ETH0 = InterfaceReport(
    interface="eth0",
    endpoint="host endpoint web1/eth0",
    revision=5,
    since="2026-01-01T00:00:00Z",
    ingress=Titles(listed=("default/web", "default/ssh")),
)


def document(revision: int | None = 7, state: str = "in-sync", **fields: object) -> HostDocument:
    settings: dict[str, object] = {
        "version": "1",
        "hostname": "web1",
        "time": "2026-01-01T00:01:00Z",
        "started": "2026-01-01T00:00:00Z",
        "lifetime": 90,
        "store": StoreReport(state=state, revision_seen=9),
        "revision_enforced": revision,
        "enforced_since": None if revision is None else "2026-01-01T00:00:30Z",
        "interfaces": (ETH0,),
        "interfaces_total": 1,
        "endpoints": 1,
        **fields,
    }
    return HostDocument(**settings)  # type: ignore[arg-type]  # test shorthand


def reports(**hosts: HostDocument | bytes) -> dict[str, bytes]:
    """The keys of hosts that report a document, or anything else."""
    return {
        f"{ROOT}/{host}/catflap": found if isinstance(found, bytes) else encode(found)
        for host, found in hosts.items()
    }


def endpoints(*hosts: str) -> dict[str, bytes]:
    """A host endpoint for each of these hosts."""
    return {f"{V1_ROOT}host/{host}/endpoint/eth0": b'{"name": "eth0"}' for host in hosts}
