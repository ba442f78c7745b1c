"""The one document that tells how a host stands: what the agent writes and what `catflap status` reads.

Whoever writes it keeps it small, however much there is to tell: lists are cut, and their totals are told. Whoever reads
it may find anything in its place, an older version's or somebody else's: that is an error with a reason, and no more.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

MAX_SIZE: Final = 32 * 1024  # bytes of a document: a thousand hosts have one each
MAX_LISTED: Final = 50  # interfaces, invalid objects and so on
MAX_TITLES: Final = 20  # policies in one list of an interface
MAX_TEXT: Final = 300  # characters


class DocumentError(Exception):
    """What was found is no status document. The text says why."""


class StoreReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent knows of its store; see `catflap.agent.status.StoreStatus`."""

    state: str = ""
    seconds_since_alive: float = 0.0
    revision_seen: int | None = None
    reason: str | None = None


class Titles(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Policies in the order in which they are asked, as ``tier/policy``; ``more`` are left out."""

    listed: tuple[str, ...] = ()
    more: int = 0


class InterfaceReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An interface (or a pattern for several) and what is in force on it.

    Attributes:
        interface: its name or pattern.
        endpoint: the endpoint that polices it, as ``host endpoint web1/eth0``.
        covers: of a pattern, the interfaces that it stands for now.
        state: ``enforced``; ``kept``: an older policy is, since the kernel refuses the newest; ``closed``: nothing new
            passes but failsafe ports, since the kernel refuses it; ``not policed``: it cannot be; ``absent``: it is as
            soon as there is such an interface.
        reason: why it is not ``enforced``.
        revision: of the store, with which its policy came into force last.
        since: when that was, UTC.
        ingress, egress: policies of the host's own traffic (of a workload: its traffic).
        forward, untracked, pre_dnat: policies of the other kinds, both directions together.
        profiles: of the endpoint.
    """

    interface: str
    endpoint: str = ""
    covers: tuple[str, ...] = ()
    state: str = "enforced"
    reason: str | None = None
    revision: int | None = None
    since: str | None = None
    ingress: Titles = Titles()
    egress: Titles = Titles()
    forward: Titles = Titles()
    untracked: Titles = Titles()
    pre_dnat: Titles = Titles()
    profiles: Titles = Titles()


class InvalidReport(msgspec.Struct, frozen=True, kw_only=True):
    """A stored object that cannot be used. Without ``reasons`` the agent's log has them."""

    path: str
    subject: str = ""
    reasons: tuple[str, ...] = ()


class ForeignChain(msgspec.Struct, frozen=True, kw_only=True):
    """A base chain of somebody else that can drop what policy allows."""

    title: str  # ``ip filter INPUT``
    hook: str = ""
    policy: str = ""
    owner: str = ""
    drops_by_default: bool = False


class ForeignReport(msgspec.Struct, frozen=True, kw_only=True):
    """Base chains of others, as of ``looked_at`` (UTC; None: not yet); ``problem`` is why nobody could look."""

    looked_at: str | None = None
    problem: str | None = None
    total: int = 0
    chains: tuple[ForeignChain, ...] = ()


class KeptReport(msgspec.Struct, frozen=True, kw_only=True):
    """See `catflap.agent.status.KeptStatus`."""

    revision: int | None = None
    problem: str | None = None


class HostDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How a host stands. Times are UTC.

    Attributes:
        version: of the agent.
        hostname: of the host.
        pid: of the agent's process.
        started: when it did.
        time: of this report.
        lifetime: seconds after which the report no longer counts.
        store: see there.
        revision_enforced: the revision of the store that is in force; None until there is one.
        enforced_since: when the kernel had it.
        entries: how many entries agents follow had the store at that revision.
        interfaces: what is in force on which interface, what is not enforced first; ``interfaces_total`` there are.
        endpoints: how many endpoints this host has.
        without_interface: the endpoints that no interface belongs to, or that lost theirs to another endpoint.
        not_enforced: the interfaces of which the kernel refuses the policy; ``not_enforced_total`` there are.
        invalid_objects: how many stored objects are invalid; ``invalid`` are some of them.
        notices: conflicts, and what else is not enforced; ``notices_total`` there are.
        foreign: see there.
        kept_for_boot: see there.
    """

    version: str = ""
    hostname: str = ""
    pid: int = 0
    started: str = ""
    time: str = ""
    lifetime: int = 0
    store: StoreReport = StoreReport()
    revision_enforced: int | None = None
    enforced_since: str | None = None
    entries: int | None = None
    interfaces: tuple[InterfaceReport, ...] = ()
    interfaces_total: int = 0
    endpoints: int = 0
    without_interface: tuple[str, ...] = ()
    not_enforced: tuple[str, ...] = ()
    not_enforced_total: int = 0
    invalid_objects: int = 0
    invalid: tuple[InvalidReport, ...] = ()
    notices: tuple[str, ...] = ()
    notices_total: int = 0
    foreign: ForeignReport = ForeignReport()
    kept_for_boot: KeptReport = KeptReport()


def cut(text: str) -> str:
    """A text that is not too long for a report."""
    text = text.encode(errors="replace").decode()  # names may hold bytes that are no text
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def encode(document: HostDocument) -> bytes:
    """The document as JSON of at most `MAX_SIZE` bytes: where it is larger, the lists are halved until it is not."""
    encoded = msgspec.json.encode(document)
    listed = MAX_LISTED
    while len(encoded) > MAX_SIZE and listed:
        listed //= 2
        document = replace(
            document,
            interfaces=document.interfaces[:listed],
            without_interface=document.without_interface[:listed],
            not_enforced=document.not_enforced[:listed],
            invalid=document.invalid[:listed],
            notices=document.notices[:listed],
            foreign=replace(document.foreign, chains=document.foreign.chains[:listed]),
        )
        encoded = msgspec.json.encode(document)
    return encoded


def decode(value: bytes) -> HostDocument:
    """Read a document.

    Raises:
        DocumentError: it is none.
    """
    try:
        return msgspec.json.decode(value, type=HostDocument)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError(f"it is no status document of Catflap: {cut(str(error))}") from None


def lasting(document: HostDocument) -> HostDocument:
    """What of a document is worth another report before its time: all but for times.

    Never the revision that was seen: the reports of all agents let it grow, and each would answer all others.
    """
    return replace(
        document,
        time="",
        store=replace(document.store, seconds_since_alive=0.0, revision_seen=None),
        foreign=replace(document.foreign, looked_at=None),
    )
