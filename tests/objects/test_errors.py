from __future__ import annotations

from catflap.model.changes import ChangeHeader
from catflap.objects.errors import (
    ChangedMeanwhileError,
    ChangeInProgressError,
    InterruptedChangeError,
    LostJournalError,
    TakenOverError,
    UnreadableHeaderError,
    described,
)
from catflap.objects.stored import Subject

HEADER = ChangeHeader(
    id="a1", author="ada@admin1", started="2026-01-01T00:00:00Z", objects=300, steps=3, done=1
)
DESCRIBED = "a change of 300 objects by ada@admin1, begun at 2026-01-01T00:00:00Z, is written to 1 of 3 steps"


def test_a_change_in_words() -> None:
    assert described(HEADER) == DESCRIBED


def test_every_error_tells_of_the_change() -> None:
    assert str(ChangeInProgressError(HEADER)) == DESCRIBED
    assert str(InterruptedChangeError(HEADER, "etcd is away")) == f"etcd is away; {DESCRIBED}"
    assert str(LostJournalError(HEADER)) == f"{DESCRIBED}, and its journal is gone or damaged"
    assert str(TakenOverError(HEADER)) == f"somebody else has taken over: {DESCRIBED}"


def test_what_is_no_header_is_named_by_its_path() -> None:
    assert (
        str(UnreadableHeaderError()) == "/calico/v1/catflap/change holds something that describes no change"
    )


def test_what_was_changed_meanwhile_and_to_what() -> None:
    error = ChangedMeanwhileError(
        {Subject("HostEndpoint", "", "a"): "57", Subject("NetworkPolicy", "shop", "b"): None}
    )
    assert str(error) == (
        "hostendpoint/a: it was changed meanwhile, to version 57; "
        "networkpolicy/b in namespace shop: it was deleted meanwhile"
    )
