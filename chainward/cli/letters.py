"""Text in the letters that an encoding has."""

from __future__ import annotations

from collections.abc import Callable

ALIKE = {
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("‘’‚′", "'"),
    **dict.fromkeys("“”„″", '"'),
    **dict.fromkeys("·│┃", "|"),
    **dict.fromkeys("•∙", "*"),
    **dict.fromkeys("█▉▊▋▌▍▎▏▇▆▅▄▃▂▁■", "#"),
    **dict.fromkeys("━╸╺─", "-"),
    "…": "...",
    "µ": "u",
    "μ": "u",
    "×": "x",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "±": "+/-",
    "→": "->",
    "←": "<-",
    "²": "^2",
    "³": "^3",
    "∞": "inf",
    "°": " deg",
    "§": "section ",
    "\u00a0": " ",
    "€": "EUR",
    "✓": "ok",
}
"""Signs in ASCII that read as others do, for terminals and files that have no more."""


def encodable(text: str, encoding: str | None) -> str:
    r"""Return text with what an encoding cannot hold in ASCII: by a sign that reads alike, or written out as `\xfc`.

    Examples:
        >>> encodable("µ ≤ 0 – Zürich…", "ascii"), encodable("µ – Zürich", "latin-1")
        ('u <= 0 - Z\\xfcrich...', 'µ - Zürich')
    """
    try:
        text.encode(encoding or "ascii")
    except LookupError:  # of an encoding that is none
        return encodable(text, None)
    except UnicodeEncodeError:
        return "".join(map(_in_ascii(encoding or "ascii"), text))
    return text


def _in_ascii(encoding: str) -> Callable[[str], str]:
    def written(letter: str) -> str:
        try:
            letter.encode(encoding)
        except UnicodeEncodeError:
            return ALIKE.get(letter) or letter.encode("unicode_escape").decode()
        return letter

    return written
