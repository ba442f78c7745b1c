"""Whether the agent is alive, and whether the kernel holds what policy says: one judgement for everybody who asks.

*Alive* means that restarting the agent would not help: its event loop turns, and nothing hangs in the kernel. *Ready*
means that the kernel holds what it should, for every interface, and that this was looked at. A store that is away makes
neither false: what is enforced stays right for all that anybody knows, and no restart or rerouting brings the store
back. It is told as a remark, and has metrics of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from catflap.agent.kernel_check import CheckStatus
from catflap.agent.passes import Passes
from catflap.agent.status import AgentStatus, State

STUCK: Final = (
    300.0  # seconds that one piece of work may take; a first load of the largest fleets measured takes 20
)
LATE: Final = 10.0  # seconds that a known change may wait for the kernel


class Health(msgspec.Struct, frozen=True):
    """The judgement at one moment; the JSON that is served has these fields.

    Attributes:
        alive: restarting the agent would not help.
        ready: the kernel holds what it should.
        problems: why it is not alive or not ready.
        remarks: what people should know though it changes neither.
        store_state: see `State`.
        revision_enforced: the store's revision that is in force; None until there is one.
        kernel_checked_seconds_ago: since the kernel was found to hold what it should; None where it never was.
    """

    alive: bool
    ready: bool
    problems: tuple[str, ...]
    remarks: tuple[str, ...]
    store_state: str
    revision_enforced: int | None
    kernel_checked_seconds_ago: float | None


def judge(status: AgentStatus, passes: Passes, check: CheckStatus) -> Health:
    """Judge an agent whose event loop turns. It reads single values and may be called by any thread."""
    busy, behind = passes.busy, passes.behind
    alive = busy <= STUCK
    stuck = () if alive else (f"one piece of work has been going on for {busy:.0f} s",)
    problems = (*stuck, *_problems(status, passes, check, behind))
    return Health(
        alive=alive,
        ready=not problems,
        problems=problems,
        remarks=tuple(_remarks(status)),
        store_state=status.store.state,
        revision_enforced=status.revision_enforced,
        kernel_checked_seconds_ago=None if check.seconds_ago is None else round(check.seconds_ago, 3),
    )


def hanging(seconds: float) -> Health:
    """Of an agent whose event loop has given no answer for so many seconds."""
    problem = f"the event loop has given no answer for {seconds:g} s"
    return Health(
        alive=False,
        ready=False,
        problems=(problem,),
        remarks=(),
        store_state="unknown",
        revision_enforced=None,
        kernel_checked_seconds_ago=None,
    )


def _problems(status: AgentStatus, passes: Passes, check: CheckStatus, behind: float) -> Iterator[str]:
    if passes.failure is not None:
        yield f"programming the kernel failed, and what was in force stays: {passes.failure}"
    if status.revision_enforced is None:
        yield f"this agent has enforced nothing yet: {status.store.reason or status.store.state}"
        return
    if status.not_enforced:
        yield f"the kernel refuses the policy of: {', '.join(status.not_enforced)}"
    if passes.unsupported:
        yield f"these interfaces are not policed: {', '.join(map(repr, passes.unsupported))}"
    if behind > LATE:
        yield f"a change has been waiting for the kernel for {behind:.0f} s"
    if check.problem is not None:
        yield f"table inet catflap: {check.problem}"
    elif check.seconds_ago is None:
        yield "the kernel has not been compared with what it should hold yet"


def _remarks(status: AgentStatus) -> Iterator[str]:
    if status.store.state is not State.IN_SYNC and status.revision_enforced is not None:
        yield (
            f"store {status.store.state} for {status.store.seconds_in_state:.0f} s, what is enforced stays:"
            f" {status.store.reason or 'it will pass'}"
        )
    elif status.store.reason is not None:
        yield status.store.reason
    if status.invalid_objects:
        yield f"{status.invalid_objects} stored objects are invalid, and count as missing"
    if status.kept.problem is not None:
        yield f"the rule set in force is not kept for the next boot: {status.kept.problem}"
