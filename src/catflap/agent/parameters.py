"""Every configuration parameter: its name, meaning, default and how its value is read.

The names are the old system's, so that existing files and stores serve. Parameters of the old system that mean
nothing here are known too: setting one is answered with the reason instead of "unexpected".
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from catflap.agent.failsafe import DEFAULT_INBOUND, DEFAULT_OUTBOUND, format_failsafe, parse_failsafe
from catflap.model.names import is_interface_name, is_label_name
from catflap.model.resources import MAX_PORT, Action
from catflap.model.validation import is_integer
from catflap.policy.host_policy import ACCEPT_MARK

LONG = 86_400 * 365  # seconds
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104  # as ever; metrics are served only where somebody asks for them
DATASTORE_TYPES = ("etcdv3", "etcdv2", "directory")
LOG_LEVELS: Mapping[str, int | None] = {
    "none": None,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "err": logging.ERROR,
    "error": logging.ERROR,
    "crit": logging.CRITICAL,
    "critical": logging.CRITICAL,
}


class Parameter(msgspec.Struct, frozen=True):
    """One parameter.

    Attributes:
        name: as written in files and stores; any case is read.
        description: a few words, as the log prints them.
        default: gives the value that holds when no source names the parameter.
        parse: from text (or, in v3 resources, any JSON value) to the value; raises ValueError with the reason.
        show: from the value to what the log prints.
        in_store: whether the store may set it; the way to the store and the host's name cannot come from it.
    """

    name: str
    description: str
    default: Callable[[], Any]
    parse: Callable[[object], Any]
    show: Callable[[Any], object] = lambda value: value
    in_store: bool = True


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"expected text, not {raw!r}")  # noqa: TRY004  # one error type for bad values
    return raw.strip()


def _path_or_none(raw: object) -> str | None:
    text = _text(raw)
    return None if text.lower() == "none" else text


def _choice(*words: str) -> Callable[[object], str]:
    def parse(raw: object) -> str:
        text = _text(raw).lower()
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text

    return parse


def _log_level(raw: object) -> str:
    text = _text(raw).lower()
    if text not in LOG_LEVELS:
        raise ValueError(f"invalid log level: must be one of {', '.join(LOG_LEVELS)}")
    return text


def _prefixes(raw: object) -> tuple[str, ...]:
    text = _text(raw)
    if text.lower() == "none":
        return ()
    prefixes = tuple(prefix.strip() for prefix in text.split(","))
    if not all(prefixes):
        raise ValueError(
            "an empty prefix would make every interface a workload interface: remove the extra comma,"
            " or write none where there are no workloads"
        )
    if odd := [prefix for prefix in prefixes if not is_interface_name(prefix)]:
        raise ValueError(f"{odd[0]!r} cannot begin the name of an interface")
    return tuple(dict.fromkeys(prefixes))


def _flag(raw: object) -> bool:
    """A truth value, as the old system writes them."""
    if isinstance(raw, bool):
        return raw
    word = _text(raw).lower()
    if word not in _TRUTH:
        raise ValueError("must be true or false")
    return _TRUTH[word]


def _workload_to_host(raw: object) -> Action:
    """What follows the workload's own egress policy; other tables keep their say after either of the last two."""
    word = _text(raw).lower()
    if word not in _WORKLOAD_TO_HOST:
        raise ValueError("must be DROP, RETURN or ACCEPT")
    return _WORKLOAD_TO_HOST[word]


def _labels(raw: object) -> Mapping[str, str]:
    """Labels as ``name=value,name=value``, or as an object where the source has them."""
    if isinstance(raw, str):
        parts = [part.strip() for part in raw.split(",") if part.strip()]
        if odd := [part for part in parts if "=" not in part]:
            raise ValueError(f"{odd[0]!r} must be name=value")
        raw = {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in parts)}
    if not isinstance(raw, Mapping):
        raise ValueError(f"expected name=value,name=value, not {raw!r}")  # noqa: TRY004  # one error type for bad values
    for name, value in raw.items():
        if not is_label_name(name) or not isinstance(value, str):
            raise ValueError(f"{name}={value} is not a label")
    return raw


def _mark_bit(raw: object) -> int:
    """The lowest bit of a mask of packet mark bits that may be used: one is enough."""
    try:
        mask = raw if is_integer(raw) else int(_text(raw), 0)
    except ValueError:
        raise ValueError("must be a number such as 0xff000000") from None
    if not 0 < mask < 1 << 32:
        raise ValueError("must have at least one of 32 bits set")
    return mask & -mask


def _number(low: int, high: int) -> Callable[[object], int]:
    def parse(raw: object) -> int:
        try:
            value = raw if is_integer(raw) else int(_text(raw), 0)
        except ValueError:
            raise ValueError("must be a whole number") from None
        if not low <= value <= high:
            raise ValueError(f"must be {low} to {high}")
        return value

    return parse


def _address(raw: object) -> str:
    host, colon, port = _text(raw).rpartition(":")
    if not colon or not host or not port.isdigit():
        raise ValueError("must be hostname:port")
    if not 1 <= int(port) <= MAX_PORT:
        raise ValueError(f"the port must be 1 to {MAX_PORT}")
    return f"{host}:{port}"


def _endpoints(raw: object) -> tuple[str, ...]:
    endpoints = tuple(part.strip() for part in _text(raw).split(",") if part.strip())
    schemes = set()
    for endpoint in endpoints:
        scheme, separator, address = endpoint.partition("://")
        if not separator or scheme not in ("http", "https"):
            raise ValueError(f"{endpoint!r} must be http://hostname:port or https://hostname:port")
        _address(address.rstrip("/"))
        schemes.add(scheme)
    if len(schemes) > 1:
        raise ValueError("inconsistent protocols: use either http or https for all endpoints")
    return endpoints


_TRUTH: Mapping[str, bool] = {
    **dict.fromkeys(("true", "1", "yes", "y", "t"), True),
    **dict.fromkeys(("false", "0", "no", "n", "f"), False),
}
_WORKLOAD_TO_HOST: Mapping[str, Action] = {
    "drop": Action.DENY,
    "return": Action.ALLOW,
    "accept": Action.ALLOW,
}


def _always(value: Any) -> Callable[[], Any]:
    return lambda: value


def _show_workload_to_host(value: Action) -> str:
    """The word that the parameter takes; RETURN means the same as ACCEPT."""
    return "DROP" if value is Action.DENY else "ACCEPT"


def _show_list(value: tuple[str, ...]) -> str:
    return ",".join(value)


def _show_prefixes(value: tuple[str, ...]) -> str:
    return ",".join(value) or "none"


def _show_labels(value: Mapping[str, str]) -> str:
    return ",".join(f"{name}={text}" for name, text in value.items())


def _show_secret(value: str | None) -> str | None:
    return value and "(hidden)"


PARAMETERS: Mapping[str, Parameter] = {
    parameter.name.lower(): parameter
    for parameter in (
        Parameter("FelixHostname", "Felix compute host hostname", socket.gethostname, _text, in_store=False),
        Parameter(
            "DatastoreType",
            "Where policy is kept",
            _always("etcdv3"),
            _choice(*DATASTORE_TYPES),
            in_store=False,
        ),
        Parameter(
            "DatastorePath",
            "Directory of the directory store",
            _always("/etc/catflap/policy"),
            _text,
            in_store=False,
        ),
        Parameter(
            "DatastoreCheckInterval",
            "Seconds that an etcd watch may be silent before the store is asked whether it still serves",
            _always(4),
            _number(1, 300),
            in_store=False,
        ),
        Parameter(
            "DatastoreStrictModes",
            "Refuse files of the directory store that others may write to",
            _always(value=True),
            _flag,
            in_store=False,
        ),
        Parameter(
            "EtcdAddr", "Address and port for etcd", _always("localhost:2379"), _address, in_store=False
        ),
        Parameter(
            "EtcdScheme",
            "Protocol type for http or https",
            _always("http"),
            _choice("http", "https"),
            in_store=False,
        ),
        Parameter(
            "EtcdEndpoints", "List of etcd endpoints", _always(()), _endpoints, _show_list, in_store=False
        ),
        Parameter("EtcdKeyFile", "Path to etcd key file", _always(None), _path_or_none, in_store=False),
        Parameter(
            "EtcdCertFile", "Path to etcd certificate file", _always(None), _path_or_none, in_store=False
        ),
        Parameter(
            "EtcdCaFile",
            "Path to etcd CA certificate file",
            _always("/etc/ssl/certs/ca-certificates.crt"),
            _path_or_none,
            in_store=False,
        ),
        Parameter("EtcdUsername", "User name for etcd", _always(None), _path_or_none, in_store=False),
        Parameter("EtcdPassword", "Password for etcd", _always(None), _text, _show_secret, in_store=False),
        Parameter(
            "EtcdPasswordFile",
            "File with the password for etcd",
            _always(None),
            _path_or_none,
            in_store=False,
        ),
        Parameter(
            "InterfacePrefix",
            "Prefix(es) of workload interfaces",
            _always(("cali",)),
            _prefixes,
            _show_prefixes,
        ),
        Parameter(
            "DefaultEndpointToHostAction",
            "What becomes of packets from workloads to the host",
            _always(Action.DENY),
            _workload_to_host,
            _show_workload_to_host,
        ),
        Parameter(
            "ExistingConnections",
            "What becomes of connections that policy no longer allows",
            _always("keep"),
            _choice("keep", "recheck"),
        ),
        Parameter(
            "AutoHostEndpoints",
            "Police interfaces that no endpoint names, too",
            _always(value=False),
            _flag,
        ),
        Parameter(
            "NodeLabels", "Labels of this host, for node selectors", _always({}), _labels, _show_labels
        ),
        Parameter(
            "IptablesMarkMask",
            "Bits of packet marks that may be used",
            _always(ACCEPT_MARK),
            _mark_bit,
            hex,
        ),
        Parameter(
            "FailsafeInboundHostPorts",
            "Inbound ports that stay open whatever policy says",
            _always(DEFAULT_INBOUND),
            parse_failsafe,
            format_failsafe,
        ),
        Parameter(
            "FailsafeOutboundHostPorts",
            "Outbound ports that stay open whatever policy says",
            _always(DEFAULT_OUTBOUND),
            parse_failsafe,
            format_failsafe,
        ),
        Parameter(
            "LogFilePath",
            "Path to log file",
            _always("/var/log/calico/felix.log"),
            _path_or_none,
            in_store=False,  # else whoever may write to the store could let root append to any file
        ),
        Parameter("LogSeverityFile", "Log severity for logging to file", _always("info"), _log_level),
        Parameter("LogSeveritySys", "Log severity for logging to syslog", _always("error"), _log_level),
        Parameter("LogSeverityScreen", "Log severity for logging to screen", _always("error"), _log_level),
        Parameter(
            "ReportingIntervalSecs",
            "Seconds between reports of this agent to the store, 0 for none",
            _always(30),
            _number(-LONG, LONG),  # negative ones were always allowed, and mean 0
        ),
        Parameter(
            "ReportingTTLSecs",
            "Seconds after which a report vanishes that is not renewed",
            _always(90),
            _number(0, LONG),
        ),
        Parameter("PrometheusMetricsEnabled", "Serve Prometheus metrics", _always(value=False), _flag),
        Parameter(
            "PrometheusMetricsHost", "Address to serve Prometheus metrics on", _always(EVERY_ADDRESS), _text
        ),
        Parameter(
            "PrometheusMetricsPort",
            "TCP port to serve Prometheus metrics on",
            _always(9091),
            _number(1, MAX_PORT),
        ),
    )
}

_NO_IPTABLES = "rules are changed in place, without iptables"
_NO_POLLING = "changes are followed by events"
_NOT_OFFERED = "this version does not offer it"
WITHOUT_EFFECT: Mapping[str, str] = {
    name.lower(): reason
    for names, reason in {
        "StartupCleanupDelay IptablesRefreshInterval IptablesGeneratorPlugin": _NO_IPTABLES,
        "IpsetsRefreshInterval MaxIpsetSize NftablesMode ChainInsertMode": _NO_IPTABLES,
        "NftablesMarkMask": "the one bit that is used comes from IptablesMarkMask",
        "PeriodicResyncInterval HostInterfacePollInterval": _NO_POLLING,
        "EtcdDriverLogFilePath": "there is one log file",
        "Ipv6Support": "IPv6 is always policed",
        "IgnoreLooseRPF IpForwarding": "no sysctl of the host is touched",
        "UsageReportingEnabled ClusterGUID": "nothing is ever reported to anybody",
        "DropActionOverride MetadataAddr MetadataPort": _NOT_OFFERED,
        "IpInIpEnabled IpInIpMtu IpInIpTunnelAddr": _NOT_OFFERED,
        "ReportingInterval ReportingTTL": "use ReportingIntervalSecs and ReportingTTLSecs, in seconds",
        "EndpointReportingEnabled EndpointReportingDelaySecs EndpointReportingDelay": _NOT_OFFERED,
        "EtcdDriverPrometheusMetricsPort": "all metrics are served on PrometheusMetricsPort",
    }.items()
    for name in names.split()
}
