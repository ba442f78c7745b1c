"""The kinds of objects in the words that people type: ``HostEndpoint``, ``hostendpoints``, ``hep``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from catflap.cli.common import CommandError, Exit
from catflap.model.names import suggestion
from catflap.model.v3_documents import INTERPRETERS, NAMESPACED_KINDS, PLURALS
from catflap.objects.stored import DEFAULT_NAMESPACE, Subject

ALL: Final = "all"
SHORT_NAMES: Mapping[str, str] = {
    "hep": "HostEndpoint",
    "heps": "HostEndpoint",
    "wep": "WorkloadEndpoint",
    "weps": "WorkloadEndpoint",
    "gnp": "GlobalNetworkPolicy",
    "gnps": "GlobalNetworkPolicy",
    "np": "NetworkPolicy",
    "nps": "NetworkPolicy",
    "sgnp": "StagedGlobalNetworkPolicy",
    "snp": "StagedNetworkPolicy",
    "gns": "GlobalNetworkSet",
    "netset": "NetworkSet",
    "netsets": "NetworkSet",
    "pro": "Profile",
    "felixconfig": "FelixConfiguration",
    "felixconfigs": "FelixConfiguration",
    "clusterinfo": "ClusterInformation",
    "no": "Node",
    "ipp": "IPPool",
}
_WORDS: Mapping[str, str] = {
    **SHORT_NAMES,
    **{kind.lower(): kind for kind in PLURALS},
    **{plural: kind for kind, plural in PLURALS.items()},
}


class Selection(msgspec.Struct, frozen=True):
    """Which objects are meant: those of these names, or (without any) all of the kinds."""

    kinds: Sequence[str]
    subjects: Sequence[Subject] = ()


def kind_of(word: str) -> str:
    """The kind that a word means.

    Raises:
        CommandError: it is none.
    """
    kind = _WORDS.get(word.lower())
    if kind is None:
        hint = suggestion(word, _WORDS) or f" Kinds are {', '.join(sorted(PLURALS.values()))}."
        raise CommandError(f"{word!r} is no kind of object.{hint}", Exit.USAGE)
    return kind


def selection(words: Sequence[str], namespace: str = DEFAULT_NAMESPACE) -> Selection:
    """What ``KIND[,KIND…] [NAME…]``, ``KIND/NAME…`` or ``all`` means.

    Raises:
        CommandError: nothing.
    """
    if any("/" in word for word in words):
        return _named(words, namespace)
    first, *names = words
    kinds = list(INTERPRETERS) if first.lower() == ALL else [kind_of(word) for word in first.split(",")]
    if names and len(kinds) > 1:
        raise CommandError(f"names of which kind? Write them as {first.split(',')[0]}/{names[0]}", Exit.USAGE)
    return Selection(kinds, [subject(kinds[0], name, namespace) for name in names])


def _named(words: Iterable[str], namespace: str) -> Selection:
    subjects = []
    for word in words:
        kind, slash, name = word.partition("/")
        if not slash or not name:
            raise CommandError(f"{word!r}: write every object as KIND/NAME", Exit.USAGE)
        subjects.append(subject(kind_of(kind), name, namespace))
    return Selection(sorted({each.kind for each in subjects}), subjects)


def subject(kind: str, name: str, namespace: str) -> Subject:
    """An object's name; the namespace counts for kinds that have one."""
    return Subject(kind, namespace if kind in NAMESPACED_KINDS else "", name)
