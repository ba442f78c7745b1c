"""What is in force before the store has been asked: the table, else the saved rule set, else what BootAction says.

``catflap boot`` does it before the network is up, and an agent when it starts. A rule set that is in force is never
touched here, and a saved one is loaded as it is: what has changed since, the agent learns from the store. It never
opens what was closed, and when it cannot close what was, it says so as loudly as it can.
"""

from __future__ import annotations

import contextlib
import enum
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from catflap.agent.config import Configuration
from catflap.agent.saved_rule_set import FILE_NAME, Origin, SavedRuleSetError, read
from catflap.agent.settings import policy_settings
from catflap.model.resources import Action, Kind, ResourceKey
from catflap.nft import Enforced, EnforceError
from catflap.policy import HostPolicy, Settings
from catflap.policy.host_policy import DirectionPolicy, InterfacePolicy, TierStep

log = logging.getLogger(__name__)

OPEN, FAILSAFE_ONLY = "open", "failsafe-only"  # what BootAction may say


class Programs(Protocol):
    """What programs the kernel: `nft.Enforcer`, or a fake."""

    def in_force(self) -> bool:
        """See `nft.Enforcer.in_force`."""

    def load(self, text: str) -> None:
        """See `nft.Enforcer.load`."""

    def fall_back_to(self, text: str) -> None:
        """See `nft.Enforcer.fall_back_to`."""

    def enforce(self, policy: HostPolicy) -> Enforced:
        """See `nft.Enforcer.enforce`."""


class Result(enum.StrEnum):
    """What was found, and came of it."""

    PRESENT = "present"  # a rule set was in force, and stays
    LOADED = "loaded"  # the saved one is
    MISSING = "missing"  # none was saved: the first start of this host
    DAMAGED = "damaged"  # the saved one cannot be trusted or read
    REFUSED = "refused"  # the kernel does not take the saved one


class Boot(msgspec.Struct, frozen=True):
    """What is in force now, and why.

    Attributes:
        result: see `Result`.
        file: where the saved rule set is looked for; None where none is kept.
        origin: of the saved rule set, where it could be read.
        action: what BootAction says, where it was asked.
        reason: what is wrong with the saved rule set.
        remarks: what people should know of the rule set that was loaded.
    """

    result: Result
    file: str | None
    origin: Origin | None = None
    action: str | None = None
    reason: str | None = None
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        """A sentence for people."""
        origin = self.origin
        of = f", of store revision {origin.revision}, saved at {origin.saved}" if origin else ""
        match self.result:
            case Result.PRESENT:
                return "a rule set is in force already, and stays as it is"
            case Result.LOADED if origin:
                return f"loaded {self.file}{of} by Catflap {origin.version}"
            case Result.MISSING:
                found = f"no rule set was saved in {self.file}" if self.file else "no rule set is kept here"
            case _:
                found = f"THE LAST RULE SET IN FORCE CANNOT BE LOADED: {self.reason}"
        return f"{found}; {_ACTIONS[self.action or OPEN]}"


_ACTIONS = {
    OPEN: "INTERFACES ARE OPEN until an agent has read its store (BootAction=open;"
    " failsafe-only would close all but failsafe ports)",
    FAILSAFE_ONLY: "every interface is closed but for failsafe ports and established connections until an agent has"
    " read its store (BootAction=failsafe-only)",
}


def saved_file(directory: Path | None) -> Path | None:
    """The file of the saved rule set in a state directory."""
    return directory / FILE_NAME if directory else None


def bring_back(programs: Programs, file: Path | None, configuration: Configuration) -> Boot:
    """Put in force what shall be before the store is asked.

    Args:
        programs: the kernel.
        file: the saved rule set; None where none is kept.
        configuration: from outside of the store.

    Raises:
        EnforceError: the kernel cannot be asked, or takes not even what BootAction says.
    """
    name = str(file) if file else None
    if programs.in_force():
        with contextlib.suppress(SavedRuleSetError):  # told when it is needed
            if saved := read(file) if file else None:
                programs.fall_back_to(saved.text)
        return Boot(Result.PRESENT, name)
    found = _load(programs, file, configuration)
    if found.result is Result.LOADED:
        return found
    action = configuration["BootAction"]
    if action == FAILSAFE_ONLY:
        programs.enforce(failsafe_only(policy_settings(configuration)))
    return msgspec.structs.replace(found, action=action)


def tell(boot: Boot) -> None:
    """Log it, as loudly as it is bad."""
    level = logging.INFO if boot.action is None else logging.WARNING
    if boot.reason:
        level = logging.ERROR
    log.log(level, "Before the store is asked: %s", boot)
    for remark in boot.remarks:
        log.warning("%s", remark)


def failsafe_only(settings: Settings) -> HostPolicy:
    """Every interface but the loopback is policed, and no policy allows anything.

    So failsafe ports, established connections and essential ICMPv6 are what passes. Forwarded traffic is closed, too:
    whatever the host forwards, it has no policy that could allow it.
    """
    nothing = (TierStep("boot", (), Action.DENY),)
    closed = InterfacePolicy(
        "*",
        ResourceKey(Kind.HOST_ENDPOINT, "failsafe-only", settings.hostname),
        DirectionPolicy(),
        DirectionPolicy(),
        forward_ingress=nothing,
        forward_egress=nothing,
    )
    return HostPolicy(
        interfaces=(closed,),
        failsafe=settings.failsafe,
        workload_prefixes=settings.workload_prefixes,
        accept_mark=settings.accept_mark,
    )


def _load(programs: Programs, file: Path | None, configuration: Configuration) -> Boot:
    """Load the saved rule set, if there is one that can be loaded."""
    name = str(file) if file else None
    try:
        saved = read(file) if file else None
    except SavedRuleSetError as error:
        return Boot(Result.DAMAGED, name, reason=str(error))
    if saved is None:
        return Boot(Result.MISSING, name)
    try:
        if saved.text:
            programs.load(saved.text)
    except EnforceError as error:
        return Boot(Result.REFUSED, name, saved.origin, reason=str(error))
    return Boot(Result.LOADED, name, saved.origin, remarks=tuple(_remarks(saved.origin, configuration)))


def _remarks(origin: Origin, configuration: Configuration) -> Iterator[str]:
    """Where the rule set may not be what this host wants; it is the best that is known before the store is asked."""
    hostname, prefixes = configuration["FelixHostname"], configuration.settings["interfaceprefix"]
    if origin.hostname != hostname:
        yield (
            f"The rule set that was loaded is that of host {origin.hostname!r}, and this one is {hostname!r}:"
            " it stays in force until an agent has read its store"
        )
    # Without a value outside of the store the one in the store holds, which is not known yet.
    if prefixes.source is not None and origin.workload_prefixes != prefixes.value:
        before, now = (", ".join(each) or "none" for each in (origin.workload_prefixes, prefixes.value))
        yield (
            f"The rule set that was loaded blocks unknown workloads by the prefixes {before}, and InterfacePrefix says"
            f" {now}: that holds when an agent has read its store"
        )
