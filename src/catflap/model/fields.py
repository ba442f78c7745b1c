"""Reading an object of a document field by field, with reasons that say where in the document they stand.

Whoever reads an object asks for every field that it may have. What nobody asked for is unknown, and reported with the
closest known name: a slip such as ``selctor`` must not silently select everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from catflap.model.names import MAX_COMPARED, is_label_name, suggestion
from catflap.model.selector import Selector, SelectorError, parse_selector
from catflap.model.shared_labels import with_shared_values
from catflap.model.validation import Reasons, finite_number, show


class Fields:
    """The fields of one object. ``path`` is where it stands in the document (``spec.ingress[0]``).

    A field that is missing or null is absent. After a reason was added the result of a getter means nothing, and is
    thrown away with the document.
    """

    def __init__(self, value: object, path: str, reasons: Reasons) -> None:
        self.reasons = reasons
        self._path = path
        self._asked: list[str] = []
        self._values: Mapping[str, Any] = {}
        if isinstance(value, dict):
            self._values = value
        elif value is not None:
            reasons.add(f"{path or 'document'}: expected an object, got {show(value)}.")

    @property
    def is_empty(self) -> bool:
        """Whether the object is absent or has no fields, so that there is nothing to ask for."""
        return not self._values

    def path(self, name: str) -> str:
        """Where a field stands in the document."""
        return f"{self._path}.{name}" if self._path else name

    def refuse(self, name: str, reason: str) -> None:
        """Note what is wrong with a field."""
        self.reasons.add(f"{self.path(name)}: {reason}")

    def value(self, name: str) -> Any:
        """Whatever is there; None if nothing is."""
        self._asked.append(name)
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.value(name)
        if value is None or isinstance(value, str):
            return value
        self.refuse(name, f"expected a string, got {show(value)}.")
        return None

    def flag(self, name: str) -> bool | None:
        """``true`` or ``false``."""
        value = self.value(name)
        if value is None or isinstance(value, bool):
            return value
        self.refuse(name, f"expected true or false, got {show(value)}.")
        return None

    def number(self, name: str) -> float | None:
        """A finite number."""
        value = self.value(name)
        number = finite_number(value)
        if value is not None and number is None:
            self.refuse(name, f"expected a number, got {show(value)}.")
        return number

    def object(self, name: str) -> Fields:
        """A nested object; an absent one has no fields."""
        return Fields(self.value(name), self.path(name), self.reasons)

    def objects(self, name: str) -> Iterator[Fields]:
        """Each object of a list."""
        for place, item in self.items(name):
            yield Fields(item, self.path(place), self.reasons)

    def items(self, name: str) -> Iterator[tuple[str, Any]]:
        """The name (with index) and value of each item of a list."""
        value = self.value(name)
        if value is None:
            return
        if not isinstance(value, list):
            self.refuse(name, f"expected a list, got {show(value)}.")
            return
        for index, item in enumerate(value):
            yield f"{name}[{index}]", item

    def texts(self, name: str) -> Iterator[tuple[str, str]]:
        """The name (with index) and value of each string of a list."""
        for place, item in self.items(name):
            if isinstance(item, str):
                yield place, item
            else:
                self.refuse(place, f"expected a string, got {show(item)}.")

    def selector(self, name: str) -> Selector | None:
        """A selector; blank text is absent."""
        text = self.text(name)
        if text is None or not text.strip():
            return None
        try:
            return parse_selector(text)
        except SelectorError as error:
            self.refuse(name, f"{show(text)} is not a selector: {error}.")
            return None

    def strings(self, name: str) -> Mapping[str, str]:
        """An object whose values are strings."""
        value = self.value(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.refuse(name, f"expected an object, got {show(value)}.")
            return {}
        for key, item in value.items():
            if not isinstance(item, str):
                self.refuse(name, f"value of {show(key)}: expected a string, got {show(item)}.")
        return value

    def labels(self, name: str) -> Mapping[str, str]:
        """Labels: like `strings`, with names that a selector can name."""
        labels = self.strings(name)
        for key in labels:
            if not is_label_name(key):
                self.refuse(
                    name, f"{show(key)} is not a label name; use letters, digits, '_', '.', '-' and '/'."
                )
        return with_shared_values(labels)

    def unsupported(self, name: str, why: str) -> None:
        """A field that exists, but that cannot be honoured: refused unless it is empty or false."""
        if self.value(name):
            self.refuse(name, f"not supported by this version: {why}.")

    def skip(self, *names: str) -> None:
        """Fields that exist and change nothing."""
        self._asked.extend(names)

    def everything(self) -> Mapping[str, Any]:
        """All fields as they are: for objects whose fields somebody else knows."""
        self.skip(*self._values)
        return self._values

    def close(self) -> None:
        """Report what nobody asked for."""
        for name in sorted(self._values.keys() - self._asked):
            self.refuse(name[:MAX_COMPARED], f"unknown field.{suggestion(name, self._asked)}")


class Document(msgspec.Struct, frozen=True):
    """The parts of a v3 document. ``name`` is the one that its author gave it, which is not always that of its key.

    ``namespace`` is empty for the kinds that have none.
    """

    key_name: str
    name: str
    labels: Mapping[str, str]
    spec: Fields
    namespace: str = ""
