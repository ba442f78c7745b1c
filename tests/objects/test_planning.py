from __future__ import annotations

import pytest
from tests.objects.documents import document, endpoint, stored, wanted_of

from catflap.model import DocumentError
from catflap.objects.changes import KeyChange
from catflap.objects.planning import Outcome, deletion, outdated, set_key, wanted
from catflap.objects.stored import StoredObject, Subject, stored_objects
from catflap.store import ABSENT, Entry

[(PATH, VALUE)] = stored(endpoint()).items()


def at_version(version: int) -> StoredObject:
    [found] = stored_objects({PATH: Entry(VALUE, version)})
    return found


def test_the_namespace_is_filled_in() -> None:
    item = wanted(document("NetworkSet", "a"))
    assert item.subject == Subject("NetworkSet", "default", "a")
    assert item.document["metadata"] == {"name": "a", "namespace": "default"}


def test_what_has_no_name() -> None:
    with pytest.raises(DocumentError):
        wanted({"kind": "HostEndpoint"})


@pytest.mark.parametrize(
    ("seen", "now", "said"),
    [
        (None, None, None),
        (None, 7, None),
        ("7", 7, None),
        (7, 7, None),  # YAML takes it for a number
        ("6", 7, "is 6, but its version is 7 now"),
        ("6", None, "is 6, but there is no such object now: leave resourceVersion out"),
    ],
)
def test_a_version_that_the_author_has_seen(seen: object, now: int | None, said: str | None) -> None:
    [item] = wanted_of(endpoint(resourceVersion=seen))
    refusal = outdated(3, item, None if now is None else at_version(now))
    assert (refusal is None) == (said is None)
    if refusal is not None and said is not None:
        assert refusal.message.startswith(said)
        assert (refusal.number, refusal.field) == (3, "metadata.resourceVersion")


def test_a_deletion_takes_every_key_in_the_version_that_was_seen() -> None:
    [planned] = deletion([at_version(7)])
    assert planned.outcome is Outcome.DELETED
    assert planned.changes == (KeyChange(PATH, VALUE, None, 7),)


def test_setting_a_key() -> None:
    assert set_key(PATH, b"x", None) == KeyChange(PATH, None, b"x", ABSENT)
    assert set_key(PATH, b"x", at_version(7)) == KeyChange(PATH, VALUE, b"x", 7)
    assert set_key("/other", b"x", at_version(7)) == KeyChange("/other", None, b"x", ABSENT)
