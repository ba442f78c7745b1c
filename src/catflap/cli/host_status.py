"""All that one host's agent tells, for people: what is enforced where, since when, and what is not and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from catflap.agent.document import ForeignReport, HostDocument, InterfaceReport, Titles
from catflap.cli.fleet import HostView
from catflap.cli.fleet_table import age, style
from catflap.cli.lines import Line, wrapped
from catflap.cli.object_table import fitted, printable


def host_lines(host: HostView, now: datetime | None = None) -> Iterator[Line]:
    """The lines about a host."""
    now = now or datetime.now(UTC)
    name = printable(host.host)
    yield Line(f"{name}: {host.state}", len(name), style(host))
    if host.document is None:
        last = f"last report {host.last_reported} ({age(host.last_reported, now)} ago)"
        yield from _fact("agent", last if host.last_reported else "no report")
    else:
        yield from _facts(host, host.document, now)
    yield from _section("PROBLEMS", host.problems)
    if host.document is not None:
        yield from _details(host.document, now)


def _facts(host: HostView, document: HostDocument, now: datetime) -> Iterator[Line]:
    store, kept = document.store, document.kept_for_boot
    yield from _fact(
        "agent", f"Catflap {document.version}, process {document.pid}, started {_when(document.started, now)}"
    )
    yield from _fact("reported", _when(host.last_reported or document.time, now))
    yield from _fact(
        "store",
        f"{store.state}, revision {store.revision_seen} seen, sign of life {store.seconds_since_alive:g} s before",
    )
    behind = f"; {host.behind} changes behind" if host.behind else ""
    yield from _fact(
        "enforced",
        "nothing yet"
        if document.revision_enforced is None
        else f"revision {document.revision_enforced} since {_when(document.enforced_since, now)}{behind}",
    )
    boot = kept.problem or ("not yet" if kept.revision is None else f"revision {kept.revision} is on disk")
    yield from _fact("next boot", boot)


def _details(document: HostDocument, now: datetime) -> Iterator[Line]:
    yield from _interfaces(document, now)
    yield from _section("ENDPOINTS WITHOUT AN INTERFACE", document.without_interface)
    invalid = [f"{each.path}: {' '.join(each.reasons) or 'see the log'}" for each in document.invalid]
    yield from _section("INVALID OBJECTS (TREATED AS MISSING)", invalid, document.invalid_objects)
    yield from _section("NOTICES", document.notices, document.notices_total)
    yield from _foreign(document.foreign, now)


def _interfaces(document: HostDocument, now: datetime) -> Iterator[Line]:
    if not document.interfaces:
        return
    yield Line("")
    header = ("INTERFACE", "STATE", "REVISION", "SINCE", "ENDPOINT")
    rows = [
        (
            each.interface,
            each.state,
            "-" if each.revision is None else str(each.revision),
            age(each.since, now),
            each.endpoint,
        )
        for each in document.interfaces
    ]
    first, *rest = fitted([header, *rows], whole=1)
    yield Line(first)
    for report, row in zip(document.interfaces, rest, strict=True):
        yield Line(row, len(report.interface), "bold red" if report.reason else "green")
        yield from _interface(report)
    yield from _more(len(document.interfaces), document.interfaces_total)


def _interface(report: InterfaceReport) -> Iterator[Line]:
    if report.reason:
        yield from _indented("reason", report.reason)
    if report.covers:
        yield from _indented("now", ", ".join(report.covers))
    for word, titles in (
        ("ingress", report.ingress),
        ("egress", report.egress),
        ("forward", report.forward),
        ("untracked", report.untracked),
        ("pre-DNAT", report.pre_dnat),
        ("profiles", report.profiles),
    ):
        if titles.listed:
            yield from _indented(word, _titles(titles))


def _titles(titles: Titles) -> str:
    more = f", {titles.more} more" if titles.more else ""
    return f"{', '.join(titles.listed)}{more}"


def _foreign(report: ForeignReport, now: datetime) -> Iterator[Line]:
    if report.problem:
        yield from _section("OTHER PACKET FILTERS", [f"could not be looked at: {report.problem}"])
        return
    found = [
        f"{each.title} (hook {each.hook}, policy {each.policy}, owner {each.owner or 'unknown'}) "
        + ("drops what it does not accept itself" if each.drops_by_default else "has rules that can drop")
        for each in report.chains
    ]
    yield from _section(
        f"OTHER PACKET FILTERS (LOOKED AT {age(report.looked_at, now)} AGO)", found, report.total
    )


def _section(title: str, items: Iterable[str], total: int = 0) -> Iterator[Line]:
    listed = list(items)
    if not listed:
        return
    yield Line("")
    yield Line(title)
    for each in listed:
        yield from wrapped(printable(each), "  ")
    yield from _more(len(listed), total)


def _more(listed: int, total: int) -> Iterator[Line]:
    if total > listed:
        yield Line(f"  … and {total - listed} more")


def _fact(word: str, text: str) -> Iterator[Line]:
    yield Line(f"  {word:<11}{printable(text)}")


def _indented(word: str, text: str) -> Iterator[Line]:
    lines = [line.text.strip() for line in wrapped(printable(text), " " * 15)]
    for number, line in enumerate(lines):
        yield Line(f"    {word if not number else '':<11}{line}")


def _when(time: str | None, now: datetime) -> str:
    return "?" if not time else f"{time} ({age(time, now)} ago)"
