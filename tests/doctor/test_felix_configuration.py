from __future__ import annotations

import pytest

from catflap.agent.config import Source, Value
from catflap.doctor import Level
from catflap.doctor.felix_configuration import source_findings, stored_value_findings


def found(**values: str) -> list[tuple[Level, str, str]]:
    file = Source(tuple(Value(name, raw, "the file") for name, raw in values.items()), in_store=False)
    return [(each.level, each.object, each.message) for each in source_findings((file,))]


def test_what_is_the_same_is_not_mentioned() -> None:
    assert (
        found(DatastoreType="etcdv2", EtcdAddr="etcd1:4001", FelixHostname="web1", LogSeverityFile="INFO")
        == []
    )
    assert found() == []


def test_the_old_agent_reads_the_other_api() -> None:
    ((level, name, message),) = found(EtcdAddr="etcd1:4001")
    assert (level, name) == (Level.PROBLEM, "DatastoreType")
    assert "v2 API" in message


@pytest.mark.parametrize(
    ("name", "value", "level", "message"),
    [
        ("FailsafeInboundHostPorts", "", Level.WARNING, "disabled the list"),
        ("FailsafeInboundHostPorts", "22x", Level.PROBLEM, "refuses: invalid port"),
        ("IpInIpEnabled", "true", Level.WARNING, "no effect"),
        ("StartupCleanupDelay", "30", Level.NOTE, "no effect"),
        ("EtcdAdr", "x:1", Level.WARNING, "Did you mean 'EtcdAddr'?"),
    ],
)
def test_what_differs_in_the_file(name: str, value: str, level: Level, message: str) -> None:
    ((found_level, title, text),) = found(DatastoreType="etcdv2", **{name: value})
    assert (found_level, title) == (level, f"{name}, the file")
    assert message in text


def test_what_the_store_may_not_set() -> None:
    (finding,) = stored_value_findings({"LogFilePath": "/x", "ReportingTTLSecs": "90"}, "store")
    assert (finding.level, finding.object) == (Level.WARNING, "LogFilePath, store")
