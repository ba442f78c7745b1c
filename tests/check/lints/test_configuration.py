from __future__ import annotations

from typing import Any

import pytest
from tests.check.documents import Document, check, document

SSH, ETCD = {"protocol": "tcp", "port": 22}, {"protocol": "tcp", "port": 2379}


def configuration(**spec: Any) -> Document:
    return document("FelixConfiguration", "default", spec)


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"failsafeInboundHostPorts": [SSH], "failsafeOutboundHostPorts": [ETCD]}, None),
        ({"failsafeInboundHostPorts": [{"protocol": "tcp", "port": 22, "net": "10.0.0.0/8"}]}, None),
        ({"failsafeInboundHostPorts": "tcp:20-30"}, None),
        ({"failsafeInboundHostPorts": []}, "failsafe-without-ssh"),
        ({"failsafeInboundHostPorts": [{"protocol": "udp", "port": 22}]}, "failsafe-without-ssh"),
        ({"failsafeOutboundHostPorts": [SSH]}, "failsafe-without-etcd"),
        ({"failsafeInboundHostPorts": [{"protocol": "tcp", "port": 0}]}, "bad-parameter"),
        ({"logSeverityScreen": "loud"}, "bad-parameter"),
        ({"logSeverityScreen": "Info"}, None),
        ({"logSeverityScren": "Info"}, "parameter-without-effect"),
        ({"felixHostname": "web1"}, "parameter-without-effect"),
    ],
)
def test_each_parameter_is_judged(spec: dict[str, Any], code: str | None) -> None:
    findings = check(configuration(**spec)).findings
    assert [each.code for each in findings] == ([code] if code else [])
    assert {each.field for each in findings} <= {f"spec.{name}" for name in spec}


def test_an_unknown_parameter_comes_with_the_closest_one() -> None:
    (finding,) = check(configuration(failsafeInbuondHostPorts=[SSH])).findings
    assert "Did you mean 'FailsafeInboundHostPorts'?" in finding.message
