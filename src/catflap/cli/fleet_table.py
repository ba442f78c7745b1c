"""The fleet as a table, problems first. At most 100 columns wide unless names of hosts need more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from catflap.cli.fleet import Fleet, HostView, State
from catflap.cli.lines import Line
from catflap.cli.object_table import fitted, printable

_HEADER = ("HOST", "STATE", "ENFORCED", "BEHIND", "SINCE", "ENDPOINTS", "PROBLEM")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400  # seconds
FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def table(fleet: Fleet, now: datetime | None = None) -> Iterator[Line]:
    """The lines: one for each host, and a summary."""
    now = now or datetime.now(UTC)
    if not fleet.hosts:
        yield Line(f"No host reports to {fleet.store}, and none has host endpoints there.")
        return
    header, *rows = fitted([_HEADER, *(_row(each, now) for each in fleet.hosts)], whole=2)
    yield Line(header)
    for host, row in zip(fleet.hosts, rows, strict=True):
        yield Line(row, len(host.host), style(host))
    yield Line("")
    yield Line(summary(fleet))
    if fleet.invalid_objects:
        number = fleet.invalid_objects
        what = "1 stored object is" if number == 1 else f"{number} stored objects are"
        yield Line(f"{what} invalid and treated as missing: see 'catflap status HOST', 'catflap get all -A'")


def style(host: HostView) -> str:
    """The style of a host's name where there are colours."""
    if host.state in (State.BEHIND, State.RESYNC):
        return "yellow"
    if host.state is State.ENDED:
        return "dim"
    return "green" if host.fine else "bold red"


def summary(fleet: Fleet) -> str:
    """One line about all of them."""
    counts = Counter(each.state for each in fleet.hosts)
    listed = ", ".join(f"{counts[state]} {state}" for state in State if counts[state])
    number = len(fleet.hosts)
    revision = "" if fleet.revision is None else f"; store revision {fleet.revision}"
    return f"{number} host{'' if number == 1 else 's'}: {listed}{revision}"


def age(time: str | None, now: datetime) -> str:
    """How long ago a time of a report was, as ``5m``; a question mark for what is no time."""
    if time is None:
        return "-"
    try:
        seconds = max(0, int((now - datetime.strptime(time, FORMAT).replace(tzinfo=UTC)).total_seconds()))
    except (ValueError, OverflowError):
        return "?"
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _row(host: HostView, now: datetime) -> tuple[str, ...]:
    enforced = "-" if host.revision_enforced is None else str(host.revision_enforced)
    more = len(host.problems) - 1
    problem = printable(host.problems[0]) if host.problems else ""
    if not host.lives and host.last_reported:
        problem = f"{problem}{', ' if problem else ''}last report {age(host.last_reported, now)} ago"
    return (
        host.host,
        str(host.state),
        enforced,
        "-" if host.behind is None else str(host.behind),
        age(host.enforced_since, now),
        str(host.endpoints),
        f"({more} more) {problem}" if more > 0 else problem,
    )
