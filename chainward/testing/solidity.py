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
_IMPORT = re.compile(rf"\bimport\b[^;\"]*({_STRING})")
_CALLED = re.compile(r"\w+(?=\s*\()")
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

    A modifier's refusals belong to each function that has it, and those of a function in an imported source to each
    that calls it. A reason is the text that a refusal ends with, or "" if it has none. Whom a function calls is told
    by the name alone, so overloads are one function.
    """
    parts = list(_parts(path))
    functions = [part for part in parts if not part.is_modifier]
    modifiers = {part.place.function: part for part in parts if part.is_modifier}
    imported = {part.place.function: part for source in _imported(path) for part in _parts(source)}
    refusals = {part.place: Counter[str]() for part in functions}
    calls = {part.place: frozenset[Place]() for part in functions}
    for part in functions:
        words = re.findall(r"\w+", part.header)
        for whole in _with_called(imported, part, *(modifiers[word] for word in words if word in modifiers)):
            refusals[part.place].update(whole.reasons())
            calls[part.place] |= {other.place for other in functions if other.place.function in whole.called()}
        if part.place.function == "constructor":  # its header names the contract it extends
            calls[part.place] |= {place for place in calls if place[1] == "constructor" and place[0] in words}
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

    def called(self) -> list[str]:
        """Return what looks like the name of a function that it calls, for each call."""
        return _CALLED.findall(self.body)


def _text(path: Path) -> str:
    return _COMMENT.sub(lambda found: found[1] or " ", path.read_text(encoding="utf-8"))


def _imported(path: Path) -> set[Path]:
    """Return the sources that a source imports by a path from its own folder, and those that they import."""
    found, ahead = set[Path](), {path.resolve()}
    while ahead:
        source = ahead.pop()
        named = {(source.parent / literal_eval(name)).resolve() for name in _IMPORT.findall(_text(source))}
        ahead |= named - found
        found |= named
    return found


def _with_called(imported: Mapping[str, _Part], *parts: _Part) -> Iterator[_Part]:
    """Yield parts, and after each the imported functions it calls, as often as it does."""
    for part in parts:
        yield part
        others = {name: other for name, other in imported.items() if other is not part}
        yield from _with_called(others, *(others[name] for name in part.called() if name in others))


def _parts(path: Path) -> Iterator[_Part]:
    for contract, body in _blocks(_CONTRACT, _text(path)):
        for found, inner in _blocks(_FUNCTION, body):
            kind, name, special, header = found.groups()
            yield _Part(kind == "modifier", Place(contract[1], name or special), header, inner)


def _blocks(head: re.Pattern[str], text: str, brackets: str = "{}") -> Iterator[tuple[re.Match[str], str]]:
    """Yield each head with what stands in the brackets after it."""
    for found in head.finditer(text):
        depth = 0
        for mark in re.compile(rf"{_STRING}|[{brackets}]").finditer(text, found.end()):
            depth += {brackets[0]: 1, brackets[1]: -1}.get(mark[0], 0)
            if depth == 0:
                yield found, text[found.end() + 1 : mark.start()]
                break
