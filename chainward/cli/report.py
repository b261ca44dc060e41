"""`chainward report`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "json_output", is_flag=True, help="Print the leaderboard as JSON.")
def command(folder: Path, json_output: bool) -> None:
    """Render the report in FOLDER again, from the records its manifest names, and print its leaderboard.

    \b
    Examples:
      chainward report reports/demo
      chainward report reports/demo --json
    """
    from chainward.cli.progress import render
    from chainward.cli.run import writable
    from chainward.errors import ChainwardError
    from chainward.trials import record

    manifest = record.read_manifest(folder)
    records = [found for name in manifest["records"] if (found := record.read(record.path_of(folder, name)))]
    if not records:
        raise ChainwardError(f"{folder}: no sound record; run the plan again")
    writable(folder)
    render(sorted(records, key=record.order), manifest, folder, json_output)
