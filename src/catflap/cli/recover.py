"""``catflap apply --recover``: bring a change to an end whose author died in the middle."""

from __future__ import annotations

import argparse
import sys
import time

from catflap.cli.common import FOR_PEOPLE, Exit, print_data
from catflap.cli.progress import StepProgress
from catflap.cli.store_access import in_store
from catflap.objects.recovery import Recovered, recover
from catflap.objects.settling import End
from catflap.store import Store


def run_recovery(options: argparse.Namespace) -> int:
    """Finish or undo the change in progress, and say what became of it."""
    end = End(options.recover)

    async def work(store: Store) -> Recovered | None:
        with StepProgress(time.monotonic()) as progress:
            return await recover(store, end, progress)

    recovered = in_store(options, work)
    if options.output == FOR_PEOPLE:
        print(_headline(recovered, end))
    else:
        print_data(options.output, recovered)
    if recovered is None:
        return Exit.SUCCESS
    for path in recovered.untouched:
        print(
            f"catflap: {path} was changed by somebody else meanwhile, and was left as it is", file=sys.stderr
        )
    lost = end is End.FINISH and not recovered.begun
    return Exit.NO if lost or recovered.untouched else Exit.SUCCESS


def _headline(recovered: Recovered | None, end: End) -> str:
    if recovered is None:
        return "No change is in progress: there is nothing to recover."
    header = recovered.header
    change = f"The change of {header.objects} objects by {header.author}, begun at {header.started},"
    if not recovered.begun:
        return f"{change} had not written any of them yet. It is withdrawn; apply it again if it is still wanted."
    return f"{change} is {'finished' if end is End.FINISH else 'undone'}."
