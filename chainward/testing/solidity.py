"""Reading Solidity sources for what their functions refuse: every `require`, `revert` and modifier with its reason."""

from __future__ import annotations

import re
from ast import literal_eval
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_STRING = r'"(?:\\.|[^"\\])*"'
_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/", re.DOTALL)
_CONTRACT = re.compile(r"\b(?:contract|library)\s+(\w+)[^{};]*(?=\{)")
_FUNCTION = re.compile(r"\b(?:(function|modifier)\s+(\w+)|(constructor|receive|fallback)\b)([^{};]*)(?=\{)")
_REFUSAL = re.compile(r"\b(?:require|revert(?:\s+[\w.]+)?)\s*(?=\()")
_REASON = re.compile(rf"(?:^|,)\s*({_STRING})\s*$")


class Place(NamedTuple):
    """A function of a contract; that which makes it is its "constructor"."""

    contract: str
    function: str


@dataclass(frozen=True)
class Source:
    """What the functions of a source refuse: how often each gives each reason itself, and which functions it calls."""

    refusals: Mapping[Place, Counter[str]]
    calls: Mapping[Place, frozenset[Place]]

    def reached(self, start: Place) -> frozenset[Place]:
        """Return the functions that a call may come to: `start`, those it calls, and so on, also in other contracts."""
        inherited = {place for place in self.calls if place.function == start.function}
        found, ahead = set[Place](), {start} & inherited or inherited
        while ahead:
            found |= ahead
            ahead = {further for place in ahead for further in self.calls[place]} - found
        return frozenset(found)


def read(path: Path) -> Source:
    """Return what a source refuses.

    A modifier's refusals belong to each function that has it. A reason is the text that a refusal ends with, or "" if
    it has none. Whom a function calls is told by the name alone, so overloads are one function.
    """
    text = _COMMENT.sub(lambda found: found[1] or " ", path.read_text(encoding="utf-8"))
    parts = [part for contract, body in _blocks(_CONTRACT, text) for part in _parts(contract[1], body)]
    functions = [part for part in parts if not part.is_modifier]
    modifiers = {part.place.function: part for part in parts if part.is_modifier}
    refusals = {part.place: Counter[str]() for part in functions}
    calls = {part.place: frozenset[Place]() for part in functions}
    for part in functions:
        words = re.findall(r"\w+", part.header)
        for whole in (part, *(modifiers[word] for word in words if word in modifiers)):
            called = set(re.findall(r"\w+(?=\s*\()", whole.body))
            refusals[part.place].update(whole.reasons())
            calls[part.place] |= {other.place for other in functions if other.place.function in called}
    return Source(refusals, calls)


class _Part(NamedTuple):
    """The text of a function or a modifier."""

    is_modifier: bool
    place: Place
    header: str
    body: str

    def reasons(self) -> Iterator[str]:
        """Yield the reason of each refusal."""
        for _, arguments in _blocks(_REFUSAL, self.body, "()"):
            reason = _REASON.search(arguments)
            yield literal_eval(reason[1]) if reason else ""


def _parts(contract: str, body: str) -> Iterator[_Part]:
    for found, inner in _blocks(_FUNCTION, body):
        kind, name, special, header = found.groups()
        yield _Part(kind == "modifier", Place(contract, name or special), header, inner)


def _blocks(head: re.Pattern[str], text: str, brackets: str = "{}") -> Iterator[tuple[re.Match[str], str]]:
    """Yield each head with what stands in the brackets after it."""
    for found in head.finditer(text):
        depth = 0
        for mark in re.compile(rf"{_STRING}|[{brackets}]").finditer(text, found.end()):
            depth += {brackets[0]: 1, brackets[1]: -1}.get(mark[0], 0)
            if depth == 0:
                yield found, text[found.end() + 1 : mark.start()]
                break
