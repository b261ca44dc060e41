"""Sentences on a terminal as wide as it is; anywhere else each is one line."""

from __future__ import annotations

import sys
from textwrap import wrap

from chainward.cli import streams


def paragraph(text: str, indent: int = 0, hanging: int = 0) -> str:
    """Return a text as a paragraph, `indent` blanks before it and `hanging` more before its further lines."""
    words = " ".join(text.split())
    width = streams.width(sys.stdout)
    if width is None:
        return " " * indent + words
    return "\n".join(wrap(words, width, initial_indent=" " * indent, subsequent_indent=" " * (indent + hanging)))
