"""`chainward meds`."""

from __future__ import annotations

from pathlib import Path

import click

from chainward.cli.paths import Folder


@click.command("meds")
@click.argument("folder", type=Folder(path_type=Path))
@click.argument("out", type=Folder(path_type=Path, file_okay=False))
def command(folder: Path, out: Path) -> None:
    """Write the predictions in the report FOLDER to OUT, a Parquet file a trial, in the MEDS evaluation schema.

    The report itself holds no subject_id: subjects are read again from the data set that the trials ran on. What is
    written names subjects, so keep it where the data set may be.

    \b
    Example:
      chainward meds reports/sepsis predictions
    """
    from chainward.cli.output import tell
    from chainward.files import replace_file
    from chainward.results import meds
    from chainward.results.folder import opened, read_manifest

    written = list(meds.files(opened(folder, read_manifest(folder))))
    out.mkdir(parents=True, exist_ok=True)
    for name, content in written:
        replace_file(out / name, content)
    tell(f"{len(written)} trials in {out}")
