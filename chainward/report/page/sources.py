"""Where a paper is published, as its card tells it -> links to it."""

from __future__ import annotations

import re
from urllib.parse import quote

_DOI = re.compile(r"\b(10\.\d{4,9}/[^\s,;()<>\"']+)")
_ARXIV = re.compile(r"\barXiv[: ]\s*(\d{4}\.\d{4,5})\b", re.IGNORECASE)


def sources(where: str) -> tuple[tuple[str, str], ...]:
    """Name and address of each DOI and arXiv number in a text, without repetition, in that order."""
    dois = [("doi", f"https://doi.org/{quote(found.rstrip('.'), safe='/:')}") for found in _DOI.findall(where)]
    prints = [("arXiv", f"https://arxiv.org/abs/{found}") for found in _ARXIV.findall(where)]
    return tuple(dict.fromkeys((*dois, *prints)))
