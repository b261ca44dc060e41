"""Text as LaTeX sets it: nothing in it is a command."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from chainward.report.formats import printable

_LIGATURE = re.compile(r"-(?=-)|`(?=`)|[?!](?=`)")
"""What LaTeX would draw together with the letter behind it, as another sign."""


def tex(text: str) -> str:
    r"""Return text on one line that LaTeX sets as it stands; a character that it lacks is a bold question mark.

    Examples:
        >>> tex("50 % of A & B\n\\input{x}")
        '50 \\% of A \\& B {\\textbackslash}input\\{x\\}'
    """
    found: str = _LIGATURE.sub(r"\g<0>{}", _encoder().unicode_to_latex(" ".join(printable(text).split())))
    # In front of these a line break would take an argument.
    return f"{{}}{found}" if found.startswith(("[", "*")) else found


@cache
def _encoder() -> Any:
    from pylatexenc.latexencode import UnicodeToLatexEncoder

    return UnicodeToLatexEncoder(unknown_char_policy="replace", unknown_char_warning=False)
