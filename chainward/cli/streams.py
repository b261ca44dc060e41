"""What this process writes to: how wide it is, and what its encoding can hold."""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import suppress
from typing import TextIO

from chainward.cli.letters import encodable
from chainward.names import visible

NARROWEST, USUAL = 20, 80
_HANDLER = "chainward.in-ascii"


def forgive() -> None:
    """Let nothing that is printed break off at a letter which the encoding lacks: it is written in ASCII."""
    codecs.register_error(_HANDLER, _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def width(stream: TextIO) -> int | None:
    """Return how many columns the terminal has that a stream is, as `COLUMNS` says where it is set; None of a file."""
    with suppress(ValueError, OSError):  # it is closed, or no file at all
        if stream.isatty():
            told = os.environ.get("COLUMNS", "")
            known = int(told) if told.isdecimal() else os.get_terminal_size(stream.fileno()).columns
            return max(NARROWEST, known or USUAL)
    return None


def for_stream(stream: TextIO, text: str, keep: str = "\n") -> str:
    """Return text with nothing that acts on a terminal but `keep`, in letters that the stream's encoding has."""
    encoding = getattr(stream, "encoding", None)  # a stream of a test has none, and holds all
    shown = visible(text, keep=keep)
    return encodable(shown, encoding) if encoding else shown


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return encodable(error.object[error.start : error.end], error.encoding), error.end
