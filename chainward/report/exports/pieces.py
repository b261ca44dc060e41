"""A page of ours taken apart: its sections and cards by id, and which page an anchor is on once they are apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

_LINK = re.compile(r'href="#([^"]*)"')
_HEADING = re.compile(r"<h[23]>(.*?)</h[23]>", re.DOTALL)
_TAGS = re.compile(r"<[^>]*>")
_LOOKED_UP = re.compile(r"""\b(?:at|getElementById)\(["']([\w-]+)["']\)""")
_ROWS = re.compile(r'(<script type="application/json" id="rows">).*?(</script>)', re.DOTALL)


@dataclass(frozen=True)
class Piece:
    """A section or a card: where it stands in the page, and its HTML."""

    id: str
    tag: str
    start: int
    end: int
    html: str

    @property
    def heading(self) -> str:
        """Its first heading, still escaped; its id as a word where it has none."""
        found = _HEADING.search(self.html)
        return " ".join(_TAGS.sub("", found[1]).split()) if found else self.id.capitalize()


class _Finder(HTMLParser):
    """Notes where sections and articles with an id begin and end; one within another of its kind is part of that."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self._html = html
        self._open: dict[str, list[tuple[str, int]]] = {"section": [], "article": []}
        self.found: list[Piece] = []
        self._lines = [0, *(place + 1 for place, letter in enumerate(html) if letter == "\n")]
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where it begins."""
        if tag in self._open:
            self._open[tag].append((dict(attrs).get("id") or "", self._place()))

    def handle_endtag(self, tag: str) -> None:
        """Note where it ends."""
        if self._open.get(tag):
            name, start = self._open[tag].pop()
            end = self._html.index(">", self._place()) + 1
            if name and not self._open[tag]:
                self.found.append(Piece(name, tag, start, end, self._html[start:end]))

    def _place(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column


def pieces(html: str) -> tuple[list[Piece], list[Piece]]:
    """Return the sections and the cards of a page, in order."""
    found = sorted(_Finder(html).found, key=lambda piece: piece.start)
    return [one for one in found if one.tag == "section"], [one for one in found if one.tag == "article"]


def frame(html: str) -> tuple[str, str]:
    """Return what stands in a page before the content of its main part and after it."""
    start, end = html.index("<main>") + len("<main>"), html.rindex("</main>")
    return html[:start], html[end:]


def anchors(html: str) -> list[str]:
    """Every id in a piece."""
    return re.findall(r'\bid="([^"]*)"', html)


def linked(html: str, here: str, homes: Mapping[str, str]) -> str:
    """Return a piece whose links lead to the page where their anchor is now."""

    def moved(found: re.Match[str]) -> str:
        home = homes.get(found[1], here)
        return found[0] if home == here else f'href="{home}#{found[1]}"'

    return _LINK.sub(moved, html)


def stand_ins(html: str) -> str:
    """Return hidden elements for what the page's script looks for by id and this page has not."""
    there = set(anchors(html))
    missing: Sequence[str] = sorted(set(_LOOKED_UP.findall(html)) - there)
    hidden = "".join(f'<button type="button" id="{name}"></button>' for name in missing)
    return f"<div hidden>{hidden}</div>" if missing else ""


def without_rows(html: str) -> str:
    """Return the end of a page without the rows that only its summary offers for download."""
    return _ROWS.sub(r"\1[]\2", html)
