"""How the values of configuration parameters are read from text, and shown in the log.

Each reader takes text, or any JSON value of a v3 resource, and raises ValueError with a reason for people. Nothing here
may know which parameters there are.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec

from catflap.model.names import is_interface_name, is_label_name
from catflap.model.resources import MAX_PORT, Action
from catflap.model.validation import is_integer

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


def read_text(raw: object) -> str:
    """Text, without blanks around it."""
    if not isinstance(raw, str):
        raise ValueError(f"expected text, not {raw!r}")  # noqa: TRY004  # one error type for bad values
    return raw.strip()


def read_path_or_none(raw: object) -> str | None:
    """A path; None for the word."""
    text = read_text(raw)
    return None if text.lower() == "none" else text


class OneOf(msgspec.Struct, frozen=True):
    """A reader of one of these words, in any case."""

    words: tuple[str, ...]

    def __call__(self, raw: object) -> str:
        """Read one."""
        text = read_text(raw).lower()
        if text not in self.words:
            raise ValueError(f"must be one of {', '.join(self.words)}")
        return text


def one_of(*words: str) -> OneOf:
    """A reader of one of these words, in any case."""
    return OneOf(words)


def read_log_level(raw: object) -> str:
    """A word for a log level, in lower case."""
    text = read_text(raw).lower()
    if text not in LOG_LEVELS:
        raise ValueError(f"invalid log level: must be one of {', '.join(LOG_LEVELS)}")
    return text


def read_prefixes(raw: object) -> tuple[str, ...]:
    """Prefixes of interface names; none for the word."""
    text = read_text(raw)
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


def read_flag(raw: object) -> bool:
    """A truth value, as the old system writes them."""
    if isinstance(raw, bool):
        return raw
    word = read_text(raw).lower()
    if word not in _TRUTH:
        raise ValueError("must be true or false")
    return _TRUTH[word]


def read_workload_to_host(raw: object) -> Action:
    """What follows the workload's own egress policy; other tables keep their say after either of the last two."""
    word = read_text(raw).lower()
    if word not in _WORKLOAD_TO_HOST:
        raise ValueError("must be DROP, RETURN or ACCEPT")
    return _WORKLOAD_TO_HOST[word]


def read_labels(raw: object) -> Mapping[str, str]:
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


def read_mark_bit(raw: object) -> int:
    """The lowest bit of a mask of packet mark bits that may be used: one is enough."""
    try:
        mask = raw if is_integer(raw) else int(read_text(raw), 0)
    except ValueError:
        raise ValueError("must be a number such as 0xff000000") from None
    if not 0 < mask < 1 << 32:
        raise ValueError("must have at least one of 32 bits set")
    return mask & -mask


class NumberBetween(msgspec.Struct, frozen=True):
    """A reader of whole numbers from ``low`` to ``high``."""

    low: int
    high: int

    def __call__(self, raw: object) -> int:
        """Read one."""
        try:
            value = raw if is_integer(raw) else int(read_text(raw), 0)
        except ValueError:
            raise ValueError("must be a whole number") from None
        if not self.low <= value <= self.high:
            raise ValueError(f"must be {self.low} to {self.high}")
        return value


def number_between(low: int, high: int) -> NumberBetween:
    """A reader of whole numbers."""
    return NumberBetween(low, high)


def read_address(raw: object) -> str:
    """A host and port."""
    host, colon, port = read_text(raw).rpartition(":")
    if not colon or not host or not port.isdigit():
        raise ValueError("must be hostname:port")
    if not 1 <= int(port) <= MAX_PORT:
        raise ValueError(f"the port must be 1 to {MAX_PORT}")
    return f"{host}:{port}"


def read_endpoints(raw: object) -> tuple[str, ...]:
    """URLs of etcd."""
    endpoints = tuple(part.strip() for part in read_text(raw).split(",") if part.strip())
    schemes = set()
    for endpoint in endpoints:
        scheme, separator, address = endpoint.partition("://")
        if not separator or scheme not in ("http", "https"):
            raise ValueError(f"{endpoint!r} must be http://hostname:port or https://hostname:port")
        read_address(address.rstrip("/"))
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


def show_workload_to_host(value: Action) -> str:
    """The word that the parameter takes; RETURN means the same as ACCEPT."""
    return "DROP" if value is Action.DENY else "ACCEPT"


def show_list(value: tuple[str, ...]) -> str:
    """As the parameter is written."""
    return ",".join(value)


def show_prefixes(value: tuple[str, ...]) -> str:
    """As the parameter is written."""
    return ",".join(value) or "none"


def show_labels(value: Mapping[str, str]) -> str:
    """As the parameter is written."""
    return ",".join(f"{name}={text}" for name, text in value.items())


def show_secret(value: str | None) -> str | None:
    """That there is one."""
    return value and "(hidden)"
