"""Files that are either old or new, whatever happens."""

from __future__ import annotations

import os
from pathlib import Path
from threading import get_ident


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` so that `path` holds either the old or the whole new content, even if the machine stops."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{get_ident()}.part")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
