"""What became of objects that were applied or deleted, in words and as data."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import msgspec

from catflap.cli.common import FOR_PEOPLE, print_data
from catflap.cli.progress import StepProgress
from catflap.cli.store_access import author
from catflap.objects.applying import carry_out
from catflap.objects.planning import Planned
from catflap.store import Store


class Item(msgspec.Struct, frozen=True):
    """One object and what became of it; its JSON is a stable interface."""

    kind: str
    namespace: str
    name: str
    outcome: str


class Result(msgspec.Struct, frozen=True):
    """A change of a store; its JSON is a stable interface. ``revision`` is None where nothing was written."""

    store: str
    dry_run: bool
    revision: int | None
    steps: int
    seconds: float
    objects: list[Item]


async def carried_out(store: Store, plans: Sequence[Planned], begun: float, *, dry_run: bool) -> Result:
    """Write what was planned, unless it is to be shown only.

    Raises:
        see `carry_out`.
    """
    written = None
    if not dry_run:
        with StepProgress(begun) as progress:
            written = await carry_out(store, plans, author(), progress)
    objects = [
        Item(each.subject.kind, each.subject.namespace, each.subject.name, str(each.outcome))
        for each in plans
    ]
    revision, steps = (None, 0) if written is None else (written.revision, written.steps)
    return Result(store.url, dry_run, revision, steps, round(time.monotonic() - begun, 3), objects)


def print_result(result: Result, output: str) -> None:
    """Print it in the form that was asked for."""
    if output == FOR_PEOPLE:
        mark = " (dry run)" if result.dry_run else ""
        for each in result.objects:
            print(f"{_title(each)} {each.outcome}{mark}")
        print(_summary(result))
    elif output == "name":
        for each in result.objects:
            print(f"{each.kind.lower()}/{each.name}")
    else:
        print_data(output, result)


def _title(item: Item) -> str:
    namespace = f" in namespace {item.namespace}" if item.namespace not in ("", "default") else ""
    return f"{item.kind.lower()}/{item.name}{namespace}"


def _summary(result: Result) -> str:
    counts = Counter(each.outcome for each in result.objects)
    listed = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    number = len(result.objects)
    objects = f"{number} object{'' if number == 1 else 's'}"
    if result.dry_run:
        end = "nothing was written"
    elif result.revision is None:
        end = "nothing to write"
    else:
        steps = f" in {result.steps} steps" if result.steps > 1 else ""
        end = f"revision {result.revision}{steps}, {result.seconds * 1000:.0f} ms"
    return f"{objects} in {result.store}: {listed or 'none'}; {end}"
