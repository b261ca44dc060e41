"""Names and text from outside: what may become a path, a module or an attribute, and how the rest is shown."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 64
_KEY = re.compile(rf"[a-z][a-z0-9_]{{0,{LONGEST - 1}}}")
_IDENTIFIER = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{LONGEST - 1}}}")
_PACKAGE = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST - 1}}}")
_CONTENT_ID = re.compile(r"bafkrei[a-z2-7]{52}")  # CIDv1, raw, sha2-256, base32
# Controls, directions of writing, lone surrogates, breaks of lines: they act on a terminal or hide what stands there.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def is_key(name: object) -> bool:
    """Tell whether this is the key of a strategy: an identifier in lower case."""
    return isinstance(name, str) and _KEY.fullmatch(name) is not None


def is_identifier(name: object) -> bool:
    """Tell whether this is an ASCII identifier, such as the name of a class or a contract."""
    return isinstance(name, str) and _IDENTIFIER.fullmatch(name) is not None


def is_package(name: object) -> bool:
    """Tell whether this can be the name of an installed distribution."""
    return isinstance(name, str) and _PACKAGE.fullmatch(name) is not None


def is_content_id(name: object) -> bool:
    """Tell whether this has the form of the ids that stores give out."""
    return isinstance(name, str) and _CONTENT_ID.fullmatch(name) is not None


def is_plain(text: str) -> bool:
    """Tell whether text holds nothing that acts on a terminal or cannot be seen."""
    return not any(unicodedata.category(letter) in _UNSEEN for letter in text)


def visible(text: str, keep: str = "") -> str:
    r"""Return text with what acts on a terminal or cannot be seen written out, such as `\x1b`; `keep` stays."""
    return "".join(
        letter.encode("unicode_escape").decode()
        if letter not in keep and unicodedata.category(letter) in _UNSEEN
        else letter
        for letter in text
    )


def quoted(value: object) -> str:
    """Return a value as a message shows it: in quotes, on one line, cut where it is long."""
    text = repr(value[: LONGEST + 1] if isinstance(value, str) else value)
    return visible(text if len(text) <= LONGEST + 2 else f"{text[:LONGEST]}…")
