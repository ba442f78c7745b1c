from __future__ import annotations

import json

import pytest

from catflap.cli.fleet_policy import Policy, expected_hosts, read_policy
from catflap.model import V1_ROOT, V3_ROOT
from catflap.store import Entry, Listing
from catflap.store.memory import MemoryStore

from .fleets import endpoints

POLICY = Policy(20, versions=(3, 5, 7))


@pytest.mark.parametrize(
    ("revision", "entries", "behind"),
    [
        (None, None, None),
        (20, 99, 0),
        (25, 99, 0),  # it has reported after the policy was read
        (7, 3, 0),
        (19, 3, 0),
        (7, 4, 1),  # one was deleted since
        (7, 9, 6),
        (7, None, 0),  # an older version does not tell
        (5, 3, 1),
        (4, 1, 2),
        (1, 0, 3),
    ],
)
def test_who_is_behind(revision: int | None, entries: int | None, behind: int | None) -> None:
    assert POLICY.behind(revision, entries) == behind


def test_without_revisions_nobody_knows() -> None:
    assert Policy(None).behind(7, 3) is None


def v3(plural: str, name: str, kind: str, **spec: object) -> tuple[str, Entry]:
    value = {"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": {"name": name}, "spec": spec}
    if kind == "Node":
        value["metadata"] = {"name": name, "labels": {"role": name[:3]}}
    return f"{V3_ROOT}{plural}/{name}", Entry(json.dumps(value).encode(), 1)


def test_the_hosts_that_there_should_be() -> None:
    listing = Listing(
        9,
        dict(
            [
                v3("hostendpoints", "a", "HostEndpoint", node="web1", interfaceName="eth0"),
                v3("hostendpoints", "b", "HostEndpoint", nodeSelector="role == 'web'", interfaceName="*"),
                v3("hostendpoints", "c", "HostEndpoint", node=7),
                v3("nodes", "web1", "Node"),
                v3("nodes", "web2", "Node"),
                v3("nodes", "db1", "Node"),
                (f"{V1_ROOT}host/db2/endpoint/eth0", Entry(b'{"name":"eth0"}', 1)),
                (f"{V1_ROOT}host/db3/endpoint/eth0", Entry(b"broken", 1)),
                (f"{V1_ROOT}host/db4/config/LogSeverityFile", Entry(b"info", 1)),
            ]
        ),
    )
    assert expected_hosts([listing]) == {"web1": 2, "web2": 1, "db2": 1}


async def test_it_is_read_without_what_agents_report() -> None:
    store = MemoryStore({**endpoints("web1"), "/calico/felix/v1/host/web1/status": b"{}"})
    found = await read_policy(store)
    assert (found.revision, list(found.versions), found.hosts) == (1, [1], {"web1": 1})
