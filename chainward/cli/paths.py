"""Paths that a user names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class Folder(click.Path):
    """A path; `~` at its beginning is the home folder also where no shell wrote it out, as in `--out=~/report`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the path."""
        found = super().convert(value, param, ctx)
        return found.expanduser() if isinstance(found, Path) else found
