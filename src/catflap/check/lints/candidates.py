"""What selectors might match: the labels of everything known, and which word of a selector is nobody's.

Fleets have many endpoints with few different labels, so each set of labels is looked at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

from catflap.check.inventory import Labels
from catflap.model.names import MAX_COMPARED
from catflap.model.selector import Selector
from catflap.model.selector_nodes import And, Equal, Has, Member, Node, Not, Or, Substring

_CLOSE = 0.6  # of difflib's ratio: two letters of three exchanged
_DIGITS = re.compile("[0-9]+")


class Candidates:
    """Labels of things of one sort; ``what`` names the sort. False if there are none."""

    def __init__(self, what: str, labels: Iterable[Labels]) -> None:
        self.what = what
        self._distinct = [dict(items) for items in {frozenset(each.items()) for each in labels}]
        self._values: dict[str, set[str]] = {}
        for each in self._distinct:
            for label, value in each.items():
                self._values.setdefault(label, set()).add(value)

    def __bool__(self) -> bool:
        return bool(self._distinct)

    def any_match(self, selector: Selector) -> bool:
        """Whether a selector matches anything here."""
        return any(map(selector.matches, self._distinct))

    def hints(self, selector: Selector) -> Iterable[str]:
        """What was probably meant, for each word of the selector that nobody has and somebody almost has."""
        return dict.fromkeys(_hints(selector.node, self._values))


def _hints(node: Node, values: Mapping[str, set[str]]) -> Iterator[str]:
    match node:
        case And() | Or():
            for operand in node.operands:
                yield from _hints(operand, values)
        case Not():
            yield from _hints(node.operand, values)
        case Has() | Equal() | Member() | Substring() if node.label not in values:
            if close := _closest(node.label, values):
                yield f"Nothing here has a label {node.label!r}. Did you mean {close!r}?"
        case Equal() | Member():
            written = node.values if isinstance(node, Member) else {node.value}
            for value in sorted(written - values[node.label]):
                if close := _closest(value, values[node.label]):
                    yield f"Nothing here has {node.label} == {value!r}. Did you mean {close!r}?"


def _closest(written: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant. Words that differ in digits only, such as web1 and web2, are no slips."""
    if len(written) > MAX_COMPARED:
        return None
    plain = _DIGITS.sub("", written)
    candidates = sorted(word for word in known if _DIGITS.sub("", word) != plain)
    close = difflib.get_close_matches(written, candidates, n=1, cutoff=_CLOSE)
    return close[0] if close else None
