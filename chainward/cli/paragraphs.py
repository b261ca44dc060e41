"""Sentences on a terminal as wide as it is; anywhere else each is one line."""

from __future__ import annotations

import shutil
import sys
from textwrap import wrap

NARROWEST = 40


def paragraph(text: str, indent: int = 0, hanging: int = 0) -> str:
    """Return a text as a paragraph, `indent` blanks before it and `hanging` more before its further lines."""
    words = " ".join(text.split())
    if not sys.stdout.isatty():
        return " " * indent + words
    width = max(NARROWEST, shutil.get_terminal_size().columns)
    return "\n".join(wrap(words, width, initial_indent=" " * indent, subsequent_indent=" " * (indent + hanging)))
