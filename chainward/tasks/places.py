"""Where the user's own files lie: at a path as given, or below a folder of data."""

from __future__ import annotations

import os
from pathlib import Path

from chainward.tasks import sources


def place(path: str) -> Path | None:
    """The file or folder `path`: absolute or below the current folder, else below `$CHAINWARD_DATA`, else below the
    user's data folder, else None."""
    given = os.environ.get("CHAINWARD_DATA")
    below = [Path(), *([Path(given)] if given else []), sources.folder()]
    return next((found for found in (place / path for place in below) if found.exists()), None)


def absent(path: str, what: str) -> str:
    """One line for who has no file or folder `path`."""
    return f"{path}: no {what} here, below $CHAINWARD_DATA or below {sources.folder()}; put it there, or name another"
