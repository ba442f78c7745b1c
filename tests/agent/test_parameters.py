from __future__ import annotations

import socket
from typing import Any

import pytest

from catflap.agent.parameters import PARAMETERS, WITHOUT_EFFECT
from catflap.model.resources import Action


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("FelixHostname", " my-host ", "my-host"),
        ("DatastoreType", "EtcdV2", "etcdv2"),
        ("EtcdAddr", "etcd.example:2379", "etcd.example:2379"),
        ("EtcdAddr", "[::1]:2379", "[::1]:2379"),
        ("EtcdScheme", "HTTPS", "https"),
        ("EtcdEndpoints", "http://a:1, http://b:2/", ("http://a:1", "http://b:2/")),
        ("EtcdCaFile", "none", None),
        ("EtcdKeyFile", "/etc/key.pem", "/etc/key.pem"),
        ("InterfacePrefix", "cali, tap", ("cali", "tap")),
        ("InterfacePrefix", "None", ()),
        ("DefaultEndpointToHostAction", "DROP", Action.DENY),
        ("DefaultEndpointToHostAction", "Return", Action.ALLOW),
        ("DefaultEndpointToHostAction", "ACCEPT", Action.ALLOW),
        ("AutoHostEndpoints", "Yes", True),
        ("AutoHostEndpoints", "f", False),
        ("AutoHostEndpoints", True, True),
        ("NodeLabels", "rack=r1, role = web,", {"rack": "r1", "role": "web"}),
        ("NodeLabels", {"rack": "r1"}, {"rack": "r1"}),
        ("IptablesMarkMask", "0xff000000", 0x0100_0000),
        ("IptablesMarkMask", "6", 2),
        ("IptablesMarkMask", 0x80, 0x80),
        ("LogSeverityFile", "Warn", "warn"),
        ("LogFilePath", "NONE", None),
        ("DatastoreStrictModes", "no", False),
        ("DatastoreCheckInterval", "300", 300),
        ("BootAction", "Failsafe-Only", "failsafe-only"),
        ("EtcdPasswordFile", "/etc/catflap/password", "/etc/catflap/password"),
        ("ReportingIntervalSecs", "30", 30),
        ("NftablesRefreshInterval", "0", 0),
        ("ReportingIntervalSecs", "-1", -1),
        ("ReportingTTLSecs", "0x5a", 90),
        ("PrometheusMetricsPort", 9091, 9091),
        ("PrometheusMetricsHost", "::1", "::1"),
    ],
)
def test_values(name: str, raw: str, expected: Any) -> None:
    assert PARAMETERS[name.lower()].parse(raw) == expected


@pytest.mark.parametrize(
    ("name", "raw", "reason"),
    [
        ("DatastoreType", "kubernetes", "must be one of etcdv3, etcdv2, directory"),
        ("EtcdAddr", "localhost", "must be hostname:port"),
        ("EtcdAddr", "localhost:http", "must be hostname:port"),
        ("EtcdAddr", "localhost:70000", "the port must be 1 to 65535"),
        ("EtcdScheme", "ftp", "must be one of http, https"),
        ("EtcdEndpoints", "localhost:2379", "must be http://hostname:port"),
        ("EtcdEndpoints", "http://a:1,https://b:1", "inconsistent protocols"),
        ("InterfacePrefix", "cali,", "an empty prefix"),
        ("InterfacePrefix", "a*", "cannot begin the name"),
        ("DefaultEndpointToHostAction", "deny", "must be DROP, RETURN or ACCEPT"),
        ("AutoHostEndpoints", "on", "must be true or false"),
        ("NodeLabels", "rack", "must be name=value"),
        ("NodeLabels", "ra ck=1", "is not a label"),
        ("NodeLabels", {"rack": 1}, "is not a label"),
        ("IptablesMarkMask", "0", "at least one"),
        ("IptablesMarkMask", "0x100000000", "at least one"),
        ("IptablesMarkMask", "many", "must be a number"),
        ("LogSeverityFile", "loud", "invalid log level"),
        ("LogFilePath", 5, "expected text"),
        ("ReportingIntervalSecs", "30s", "must be a whole number"),
        ("NftablesRefreshInterval", "-1", "must be 0 to"),
        ("DatastoreCheckInterval", "0", "must be 1 to 300"),
        ("ReportingTTLSecs", "1.5", "must be a whole number"),
        ("PrometheusMetricsPort", "0", "must be 1 to 65535"),
        ("PrometheusMetricsPort", True, "expected text|must be a whole number"),
    ],
)
def test_bad_values(name: str, raw: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        PARAMETERS[name.lower()].parse(raw)


def test_the_default_hostname_is_the_systems() -> None:
    assert PARAMETERS["felixhostname"].default() == socket.gethostname()


@pytest.mark.parametrize(("raw", "shown"), [("drop", "DROP"), ("ACCEPT", "ACCEPT"), ("RETURN", "ACCEPT")])
def test_what_becomes_of_packets_to_the_host_is_shown_in_the_parameters_own_words(
    raw: str, shown: str
) -> None:
    parameter = PARAMETERS["defaultendpointtohostaction"]
    assert parameter.show(parameter.parse(raw)) == shown


def test_secrets_are_not_shown() -> None:
    assert PARAMETERS["etcdpassword"].show("s3cret") == "(hidden)"
    assert PARAMETERS["etcdpassword"].show(None) is None


def test_every_parameter_is_either_effective_or_known_to_have_no_effect() -> None:
    assert not PARAMETERS.keys() & WITHOUT_EFFECT.keys()


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("raw", [None, 5, True, [], {}, [None], "\0", "é" * 1000])
def test_no_value_raises_anything_but_value_error(name: str, raw: object) -> None:
    try:
        PARAMETERS[name].parse(raw)
    except ValueError as error:
        assert str(error)  # noqa: PT017  # either outcome is right
