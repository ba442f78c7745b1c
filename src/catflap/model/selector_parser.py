"""Selector text to nodes: one pass of a regular expression for the tokens, then recursive descent.

The grammar is the current one of ``projectcalico.org/v3``, plus line breaks as white space, which makes it a
superset of what the old agent accepted::

    selector   = [ or ] END                        nothing, or blanks only, means all()
    or         = and { "||" and }
    and        = unary { "&&" unary }
    unary      = { "!" } ( "(" or ")" | "all()" | "global()" | "has(" label ")" | comparison )
    comparison = label ( "==" | "!=" ) string
               | label ( "in" | "not" "in" ) "{" [ string { "," string } [ "," ] ] "}"
               | label ( "contains" | "starts" "with" | "ends" "with" ) string

Words are operators only after a label, so ``in in {"x"}`` is a comparison of the label ``in``. Strings stand in
double or single quotes and have no escapes. The two words of an operator may be written as one (``notin``). No blank
may stand before the parenthesis of ``has(``, ``all(`` and ``global(``. Parsing never raises anything but
`SelectorError`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from catflap.model.selector_nodes import Always, And, Equal, Has, Member, Node, Not, Or, Substring

MAX_NESTING: Final = 100  # levels of "(" and "!"; keeps recursion far from the interpreter's limit
MAX_LABEL: Final = 512  # characters, as in the current grammar

_TOKENS = re.compile(
    r"""[ \t\r\n]*(?:
        (?P<has>has\()
      | (?P<always>(?:all|global)\([ \t\r\n]*\))
      | (?P<word>[A-Za-z0-9_./-]+)
      | "(?P<double>[^"]*)"
      | '(?P<single>[^']*)'
      | (?P<symbol>&&|\|\||==|!=|[!(){},])
      | (?P<end>\Z)
      | (?P<other>.)
    )""",
    re.VERBOSE | re.DOTALL,
)
_WORD_OPERATORS: Mapping[str, str] = {
    "in": "in",
    "notin": "not in",
    "contains": "contains",
    "startswith": "starts with",
    "endswith": "ends with",
}
_FIRST_WORDS: Mapping[str, str] = {"not": "in", "starts": "with", "ends": "with"}


class SelectorError(ValueError):
    """A text is not a selector. ``position`` (from 0) is where reading stopped; the message names it."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"{reason} at position {position}")
        self.position = position


class _Token(NamedTuple):
    """One word of the language: ``kind`` is a group of the expression, or the symbol itself."""

    kind: str
    value: str
    position: int


def parse(text: str) -> Node:
    """The node that a selector's text stands for.

    Raises:
        SelectorError: the text is not a selector, or nests deeper than `MAX_NESTING`.
    """
    tokens = _tokenize(text)
    if tokens[0].kind == "end":
        return Always("all()")
    return _Parser(tokens).whole()


def _tokenize(text: str) -> list[_Token]:
    tokens = []
    for match in _TOKENS.finditer(text):
        kind = match.lastgroup or ""
        value, position = match[kind], match.start(kind)
        if kind == "symbol":
            kind = value
        elif kind == "other":
            raise _unreadable(value, position)
        elif kind in ("double", "single"):
            kind, position = "string", position - 1  # where the quote stands
        tokens.append(_Token(kind, value, position))
        if kind == "end":
            break
    return tokens


def _unreadable(character: str, position: int) -> SelectorError:
    if character in "\"'":
        return SelectorError("unterminated string", position)
    if character in "&|=":
        return SelectorError(f"expected {character * 2!r}", position)
    return SelectorError(f"unexpected character {character!r}", position)


class _Parser:
    """Recursive descent over a list of tokens that ends with ``end``."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._nesting = 0

    def whole(self) -> Node:
        """The selector, and nothing after it."""
        node = self._or()
        token = self._tokens[self._next]
        if token.kind != "end":
            raise _unexpected(token, "'&&', '||' or the end")
        if _depth(node) > MAX_NESTING:
            raise SelectorError(f"more than {MAX_NESTING} levels with all parentheses written out", 0)
        return node

    def _or(self) -> Node:
        operands = [self._and()]
        while self._accept("||"):
            operands.append(self._and())
        if len(operands) == 1:
            return operands[0]
        return Or(_flattened(operands, Or))

    def _and(self) -> Node:
        operands = [self._unary()]
        while self._accept("&&"):
            operands.append(self._unary())
        if len(operands) == 1:
            return operands[0]
        return And(_flattened(operands, And))

    def _unary(self) -> Node:
        outside = self._nesting
        while self._accept("!"):
            self._descend()
        negated = (self._nesting - outside) % 2 == 1
        node = self._operand()
        self._nesting = outside
        return _negate(node) if negated else node

    def _operand(self) -> Node:
        token = self._take()
        match token.kind:
            case "word":
                return self._comparison(token)
            case "has":
                label = _label(self._expect("word", "a label"))
                self._expect(")", "')' after the label of has()")
                return Has(label)
            case "always":
                return Always("all()" if token.value[0] == "a" else "global()")
            case "(":
                self._descend()
                node = self._or()
                self._expect(")", "')'")
                return node
            case _:
                raise _unexpected(token, "a label, has(), all(), '!' or '('")

    def _comparison(self, first: _Token) -> Node:
        label = _label(first)
        operator = self._operator(label)
        match operator:
            case "==" | "!=":
                return Equal(label, self._string(operator), operator == "!=")
            case "in" | "not in":
                return Member(label, self._members(operator), operator == "not in")
            case _:
                return Substring(label, operator, self._string(operator))

    def _operator(self, label: str) -> str:
        token = self._take()
        if token.kind in ("==", "!="):
            return token.kind
        if token.kind == "word":
            word = token.value
            second = _FIRST_WORDS.get(word)
            following = self._tokens[self._next]
            if second is not None and following.kind == "word" and following.value == second:
                self._next += 1
                word += second
            if word in _WORD_OPERATORS:
                return _WORD_OPERATORS[word]
        raise _unexpected(token, f"an operator (==, !=, in, not in, contains, …) after label {label!r}")

    def _string(self, operator: str) -> str:
        return self._expect("string", f"a quoted string after {operator!r}").value

    def _members(self, operator: str) -> frozenset[str]:
        self._expect("{", f"a set in braces after {operator!r}")
        members: list[str] = []
        while not self._accept("}"):
            if members:
                self._expect(",", "',' or '}'")
                if self._accept("}"):
                    break
            members.append(self._expect("string", "a quoted string or '}' in the set").value)
        return frozenset(members)

    def _descend(self) -> None:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise SelectorError(
                f"more than {MAX_NESTING} levels of '(' and '!'", self._tokens[self._next - 1].position
            )

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token

    def _accept(self, kind: str) -> bool:
        if self._tokens[self._next].kind != kind:
            return False
        self._next += 1
        return True

    def _expect(self, kind: str, what: str) -> _Token:
        token = self._take()
        if token.kind != kind:
            raise _unexpected(token, what)
        return token


def _depth(node: Node) -> int:
    """Levels of nesting in the canonical text, which can be more than in the source: it must be readable too."""
    match node:
        case And() | Or():
            return 1 + max(map(_depth, node.operands))
        case Not():
            return 1 + _depth(node.operand)
        case _:
            return 0


def _negate(node: Node) -> Node:
    return node.operand if isinstance(node, Not) else Not(node)


def _flattened(operands: list[Node], junction: type[And | Or]) -> tuple[Node, ...]:
    """``(a && b) && c`` means ``a && b && c``, and shall have the same canonical text."""
    flat: list[Node] = []
    for node in operands:
        flat.extend(node.operands if isinstance(node, junction) else (node,))
    return tuple(flat)


def _label(token: _Token) -> str:
    if len(token.value) > MAX_LABEL:
        raise SelectorError(f"label longer than {MAX_LABEL} characters", token.position)
    return token.value


def _unexpected(token: _Token, wanted: str) -> SelectorError:
    found = "the end" if token.kind == "end" else repr(token.value[:40])
    return SelectorError(f"expected {wanted}, found {found}", token.position)
