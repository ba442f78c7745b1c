from __future__ import annotations

from tests.doctor.recorded import host

from catflap.agent.config import Source, Value
from catflap.doctor import Level, examine, from_felix

FILE = Source((Value("DatastoreType", "etcdv2", "the file"), Value("Odd", "1", "the file")), in_store=False)


def test_host_configuration_and_store_together_problems_first() -> None:
    used = host(files={"/proc/sys/net/ipv4/ip_forward": "1\n"})
    entries = {"/calico/v1/Ready": b"false"}
    diagnosis = from_felix(used, examine(used), (FILE,), entries)
    assert [(each.level, each.check, each.object) for each in diagnosis.findings] == [
        (Level.PROBLEM, "felix-store", "Ready"),
        (Level.WARNING, "felix-configuration", "Odd, the file"),
        (Level.WARNING, "felix-host", "forwarding"),
    ]


def test_a_store_that_cannot_be_read_is_told_of() -> None:
    used = host()
    diagnosis = from_felix(used, examine(used), (), {}, "connection refused")
    (finding,) = diagnosis.findings
    assert (finding.check, finding.level) == ("not-looked-at", Level.WARNING)
    assert "connection refused" in finding.message
