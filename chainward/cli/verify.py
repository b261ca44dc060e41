"""`chainward verify`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from chainward.cli.paths import Folder


@click.command("verify")
@click.argument("folder", type=Folder(path_type=Path))
@click.option("--json", "json_output", is_flag=True, help="Print the outcome as JSON.")
def command(folder: Path, json_output: bool) -> None:
    """Check every file in FOLDER against its manifest and the manifest against its Merkle root.

    Exits with 1 if something differs.

    \b
    Example:
      chainward verify reports/demo
    """
    from chainward.cli.output import as_json, tell
    from chainward.results import folder as folders

    manifest = folders.read_manifest(folder)
    problems = folders.verify(folder, manifest)
    if json_output:
        as_json({"sound": not problems, "problems": problems, "merkle_root": manifest.merkle_root})
    elif problems:
        tell("\n".join(problems))
    else:
        tell(f"{len(manifest.trials)} records are as recorded; Merkle root {manifest.merkle_root}")
    if problems:
        sys.exit(1)
