"""How all hosts stand: what their agents say of themselves, against what the store says and who should be there.

Whatever stands in the store under a host's name, of another version, of another program or by mistake, is judged and
shown; nothing of it may end the command.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Mapping

import msgspec

from catflap.agent.document import DocumentError, HostDocument, decode
from catflap.agent.report import ROOT
from catflap.cli.fleet_policy import Policy
from catflap.cli.fleet_problems import problems


class State(enum.StrEnum):
    """How a host stands, the worst first."""

    MISSING = "missing"  # it has host endpoints, and no agent that lives
    UNREADABLE = "unreadable"  # what stands in the place of its document is none
    WAITING = "wait-for-ready"  # its agent enforces nothing new yet
    STALE = "stale"  # its agent has lost the store
    NOT_ENFORCED = "not-enforced"  # the kernel refuses the policy of some interface
    BEHIND = "behind"  # it does not enforce yet what the store says
    UNKNOWN = "no-document"  # an agent lives that writes none: another program's, or an older one
    RESYNC = "resync"
    IN_SYNC = "in-sync"
    ENDED = "ended"  # an agent has reported once, and nothing says that one should


SILENT = frozenset({State.MISSING, State.ENDED})  # no agent lives
FINE = frozenset({State.RESYNC, State.IN_SYNC, State.ENDED})


class HostView(msgspec.Struct, frozen=True, kw_only=True):
    """One host; its JSON is a stable interface.

    Attributes:
        host: its name.
        state: see `State`.
        revision_enforced: the revision of the store that it enforces.
        enforced_since: when that came into force, UTC.
        behind: how many changes of the store it does not enforce yet; None where that is not known.
        endpoints: how many it has, as its agent says; of a silent host, how many host endpoints the store has for it.
        problems: what is the matter, the worst first.
        last_reported: when its agent reported last, UTC.
        document: what its agent says, see `HostDocument`.
    """

    host: str
    state: State
    revision_enforced: int | None = None
    enforced_since: str | None = None
    behind: int | None = None
    endpoints: int = 0
    problems: tuple[str, ...] = ()
    last_reported: str | None = None
    document: HostDocument | None = None

    @property
    def lives(self) -> bool:
        """Whether it has an agent that lives."""
        return self.state not in SILENT

    @property
    def fine(self) -> bool:
        """Whether nothing is the matter."""
        return self.state in FINE and not self.problems


class Fleet(msgspec.Struct, frozen=True):
    """All hosts, problems first; its JSON is a stable interface.

    Attributes:
        store: its URL.
        revision: of the store when its policy was read; None where it has none that can be compared.
        invalid_objects: how many stored objects agents treat as missing, whatever host they are for.
        hosts: all of them.
    """

    store: str
    revision: int | None
    invalid_objects: int
    hosts: tuple[HostView, ...]

    @property
    def fine(self) -> bool:
        """Whether nothing is the matter anywhere."""
        return not self.invalid_objects and all(each.fine for each in self.hosts)


class _Keys(msgspec.Struct):
    """What the store holds of one host."""

    status: bytes | None = None
    last: bytes | None = None
    document: bytes | None = None


def fleet(store: str, policy: Policy, reports: Mapping[str, bytes]) -> Fleet:
    """Judge all hosts.

    Args:
        store: its URL.
        policy: what agents follow.
        reports: everything below the agents' own keys, by path.
    """
    keys = _by_host(reports)
    names = keys.keys() | policy.hosts.keys()
    views = (view(name, keys.get(name, _Keys()), policy) for name in names)
    order = list(State)
    ranked = sorted(views, key=lambda each: (each.fine, order.index(each.state), each.host))
    invalid = max((each.document.invalid_objects for each in ranked if each.document), default=0)
    return Fleet(store, policy.revision, invalid, tuple(ranked))


def _by_host(reports: Mapping[str, bytes]) -> Mapping[str, _Keys]:
    found: defaultdict[str, _Keys] = defaultdict(_Keys)
    for path, value in reports.items():
        host, _, key = path.removeprefix(f"{ROOT}/").partition("/")
        match key:
            case "status":
                found[host].status = value
            case "last_reported_status":
                found[host].last = value
            case "catflap":
                found[host].document = value
    return found


def view(name: str, keys: _Keys, policy: Policy) -> HostView:
    """Judge one host."""
    last = _time_of(keys.status or keys.last)
    if keys.document is not None:
        try:
            return _documented(name, decode(keys.document), policy, last)
        except DocumentError as error:
            return HostView(host=name, state=State.UNREADABLE, problems=(str(error),), last_reported=last)
    expected = policy.hosts.get(name, 0)
    if keys.status is not None:
        reason = "an agent lives that writes no status document: is it Felix?"
        return HostView(
            host=name, state=State.UNKNOWN, endpoints=expected, problems=(reason,), last_reported=last
        )
    if not expected:
        return HostView(host=name, state=State.ENDED, last_reported=last)
    reason = "agent stopped reporting" if last else "no agent has ever reported"
    return HostView(
        host=name, state=State.MISSING, endpoints=expected, problems=(reason,), last_reported=last
    )


def _documented(name: str, document: HostDocument, policy: Policy, last: str | None) -> HostView:
    behind = policy.behind(document.revision_enforced, document.entries)
    found = tuple(problems(document))
    state = _state(document, behind)
    if state in (State.WAITING, State.STALE):
        found = (document.store.reason or "the store cannot be read", *found)
    return HostView(
        host=name,
        state=state,
        revision_enforced=document.revision_enforced,
        enforced_since=document.enforced_since,
        behind=behind,
        endpoints=document.endpoints,
        problems=found,
        last_reported=max(document.time, last or "") or None,
        document=document,
    )


def _state(document: HostDocument, behind: int | None) -> State:
    match document.store.state:
        case State.WAITING:
            return State.WAITING
        case State.STALE:
            return State.STALE
        case _ if document.not_enforced or any(each.reason for each in document.interfaces):
            return State.NOT_ENFORCED
        case _ if behind or document.revision_enforced is None:
            return State.BEHIND
        case State.RESYNC:
            return State.RESYNC
        case _:
            return State.IN_SYNC


def _time_of(value: bytes | None) -> str | None:
    """The time in a key of the old form, if it is one."""
    if value is None:
        return None
    try:
        found = msgspec.json.decode(value, type=_OldForm)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found.time


class _OldForm(msgspec.Struct, frozen=True):
    time: str
