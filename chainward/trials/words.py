"""What went wrong, as a record tells it: of a length one can keep, and without this machine's folders."""

from __future__ import annotations

import os
import re
import site
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from chainward.folders import CHECKOUT

LONGEST = 20_000
"""Characters of a message or a traceback that a record keeps."""

_LINE = re.compile(r'File "/(?:[^"/\n]*/)*([^"/\n]*/[^"/\n]*)"')


def presentable(text: str) -> str:
    """Return `text` with paths made relative and, where it is too long, without its middle."""
    return _cut(relative(text))


def relative(text: str) -> str:
    """Return `text` with the folders of the package, of installed packages and of the user taken out of its paths."""
    for folder, instead in _folders():
        text = instead.join(re.split(rf"(?<![\w./-]){re.escape(folder + os.sep)}", text))
    return _LINE.sub(r'File "\1"', text)


def one_line(text: str, width: int) -> str:
    """Return `text` on one line of at most so many characters."""
    line = " ".join(text[: 4 * width].split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _cut(text: str) -> str:
    half = LONGEST // 2 - 50
    return text if len(text) <= LONGEST else f"{text[:half]}\n[{len(text) - 2 * half} characters]\n{text[-half:]}"


def _folders() -> Iterator[tuple[str, str]]:
    """Yield folders with what stands for them, the deepest first."""
    paths = sysconfig.get_paths()
    installed = (paths["purelib"], paths["platlib"], *site.getsitepackages())
    places = {folder: "" for folder in sys.path if Path(folder).is_absolute()}
    with suppress(OSError):  # a trial can remove the folder it works in
        places[str(Path.cwd())] = ""
    places |= {str(Path.home()): f"~{os.sep}", paths["stdlib"]: f"python{os.sep}", str(CHECKOUT): ""}
    places |= dict.fromkeys(installed, f"site-packages{os.sep}")
    return ((folder, places[folder]) for folder in sorted(places, key=len, reverse=True) if len(folder) > 1)
