"""Finding a change whose author or store died in the middle, and bringing it to an end."""

from __future__ import annotations

import msgspec

from catflap.model.changes import ChangeHeader
from catflap.objects.claim import Claim, read_header
from catflap.objects.errors import LostJournalError
from catflap.objects.journal import read_journal, remove_journal
from catflap.objects.settling import End, Progress, no_progress, settle
from catflap.store import Store


class Recovered(msgspec.Struct, frozen=True):
    """A change that has ended.

    ``header`` is as it was found; ``untouched`` are paths with values of somebody else, which were left alone. Of one
    that was not ``begun`` no step was made, and there was nothing to finish or undo.
    """

    header: ChangeHeader
    begun: bool = True
    untouched: tuple[str, ...] = ()


async def recover(store: Store, end: End, progress: Progress = no_progress) -> Recovered | None:
    """Finish or undo the change that is in progress; None if there is none.

    Its author can write nothing more from then on. Safe to interrupt anywhere, and to repeat.

    Raises:
        UnreadableHeaderError: what is there is no header.
        LostJournalError: a part of it is written, and its journal cannot be read.
        TakenOverError: somebody else recovers it at the same time.
        StoreError: the store is unavailable or refuses.
    """
    found, version = await read_header(store)
    if found is None:
        return None
    claim = await Claim.take(store, found, version)
    steps = await read_journal(store, found.id)
    if steps is not None:
        return Recovered(found, untouched=await settle(claim, steps, end, progress))
    if found.done:
        raise LostJournalError(found)
    await claim.release()
    await remove_journal(store, found.id)
    return Recovered(found, begun=False)
