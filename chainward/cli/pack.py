"""`chainward pack`."""

from __future__ import annotations

from pathlib import Path

import click

from chainward.cli.paths import Folder


@click.command("pack")
@click.argument("folder", type=Folder(path_type=Path))
@click.option("--undo", is_flag=True, help="Unpack them again.")
def command(folder: Path, undo: bool) -> None:
    """Pack the records in FOLDER with gzip: a third of their size.

    Every command reads packed records as it reads others, a run goes on beside them, and the manifest, which names
    their content, stays as it is. Without chainward: `zcat FOLDER/records/ID.json.gz`.

    \b
    Examples:
      chainward pack reports/demo
      chainward pack reports/demo --undo
    """
    from chainward.cli.output import tell
    from chainward.errors import ChainwardError
    from chainward.report.formats import size
    from chainward.results import store
    from chainward.trials.alone import writable
    from chainward.trials.lock import sole_run

    identifiers = store.identifiers(folder)
    if not identifiers:
        raise ChainwardError(f"{folder}: no records here; name the folder of a report")
    writable(folder)
    with sole_run(folder):
        before = _bytes(folder)
        for identifier in identifiers:
            (store.unpack if undo else store.pack)(folder, identifier)
    tell(f"{len(identifiers)} records {'un' if undo else ''}packed: {size(before)} are {size(_bytes(folder))}")


def _bytes(folder: Path) -> int:
    """The size of all records."""
    return sum(path.stat().st_size for path in (folder / "records").iterdir())
