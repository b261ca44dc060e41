"""Alone in the folder of a report, which can be written, and from which nothing leads elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chainward.errors import ChainwardError


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Run alone in a folder, after taking away what runs left that died, and leave nothing however this one ends.

    Raises:
        ChainwardError: somebody else runs there.
    """
    from chainward import leftovers
    from chainward.trials.guard import left_to_a_guard
    from chainward.trials.lock import sole_run

    with sole_run(folder), left_to_a_guard():
        leftovers.clean_temporary()
        leftovers.clean_parts(folder)
        yield


def writable(folder: Path) -> None:
    """Make the folder and try to write in it.

    Raises:
        ChainwardError: that fails, or something in it leads outside or waits for a reader: a link, a pipe.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        strange = [path for path in folder.iterdir() if path.is_symlink() or not (path.is_file() or path.is_dir())]
    except OSError as error:
        raise ChainwardError(f"{folder}: cannot be written ({error.strerror}); choose another with --out") from None
    if strange:
        raise ChainwardError(f"{strange[0]}: is no file and no folder; remove it, or choose another folder with --out")
