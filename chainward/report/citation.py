"""How to cite a report: chainward itself, and the papers whose strategies it compares, as text and as BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chainward.report.tables.groups import Row
from chainward.report.tex import tex

TITLE, AUTHORS, LICENSE = "chainward", "chainward contributors", "Apache-2.0"
"""As CITATION.cff has them."""

ABOUT = "A benchmark of the published ways to combine a blockchain with deep learning on health records"

_DOI = re.compile(r"\b10\.\d{4,9}/[^\s,;()<>\"']+")
_ARXIV = re.compile(r"\barXiv[: ]\s*(\d{4}\.\d{4,5})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Citation:
    """One work, by the name that BibTeX gives it; `fields` are BibTeX's, in the order in which they are told."""

    key: str
    kind: str
    title: str
    authors: str
    text: str
    fields: tuple[tuple[str, str], ...]
    doi: str = ""

    @property
    def bibtex(self) -> str:
        """The entry; no text in it is a command of LaTeX."""
        lines = (f"  {name} = {{{value}}},\n" for name, value in self.fields if value)
        return f"@{self.kind}{{{self.key},\n{''.join(lines)}}}\n"


def citations(cards: Iterable[Row], machines: Sequence[Row]) -> tuple[Citation, ...]:
    """Return chainward in the versions that ran the trials, then each paper by its strategy's key.

    A reference that no paper describes is chainward's own, and so is left out.
    """
    return _software(machines), *(_paper(card) for card in cards if card["authors"] != "reference")


def _software(machines: Sequence[Row]) -> Citation:
    version = version_of(machines)
    year = max((str(row["last"]) for row in machines), default="")[:4]
    told = ", ".join(filter(None, (f"version {version}" if version else "", year)))
    fields = (("title", f"{TITLE}: {ABOUT}"), ("author", AUTHORS), ("version", version), ("year", year))
    escaped = [(name, _name(value) if name == "author" else tex(value)) for name, value in fields]
    text = f"{AUTHORS}. {TITLE}: {ABOUT}{f', {told}' if told else ''}. {LICENSE}."
    return Citation("chainward", "software", TITLE, AUTHORS, text, (*escaped, ("license", LICENSE)))


def version_of(machines: Iterable[Row]) -> str:
    """Return the versions of chainward that ran the trials, in words; empty where none is known."""
    return " and ".join(sorted({found for row in machines if (found := _version(row["versions"]))}))


def _version(versions: str) -> str:
    """The version of chainward among those of a machine."""
    told = (part.partition(" ") for part in versions.split(", "))
    return next((version for name, _, version in told if name == TITLE), "")


def _paper(card: Row) -> Citation:
    where, year = str(card["where"]), str(card["year"])
    title, authors = str(card["title"]), str(card["authors"])
    found, arxiv = _DOI.search(where), _ARXIV.search(where)
    doi = found[0].rstrip(".") if found else ""
    fields = (
        ("title", f"{{{tex(title)}}}"),
        ("author", _authors(authors)),
        ("year", tex(year)),
        ("howpublished", tex(where)),
        ("doi", tex(doi)),
        ("eprint", arxiv[1] if arxiv else ""),
        ("archiveprefix", "arXiv" if arxiv else ""),
    )
    dated = where if year in where else f"{where}, {year}"
    key = re.sub(r"[^A-Za-z0-9_.-]", "-", str(card["strategy"]))[:64]
    return Citation(key, "misc", title, authors, f"{authors}. {title}. {dated}.", fields, doi)


def _authors(authors: str) -> str:
    """A list by commas as BibTeX has it."""
    names = authors.removesuffix(" et al.").split(", ")
    others = ["others"] if authors.endswith(" et al.") else []
    return " and ".join([*(_name(name) for name in names), *others])


def _name(name: str) -> str:
    """One name, which BibTeX is not to take apart where it has several words and no initial."""
    told = tex(name)
    return f"{{{told}}}" if " " in name and "." not in name else told
