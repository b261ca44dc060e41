"""`chainward report`."""

from __future__ import annotations

from pathlib import Path

import click

from chainward.cli.paths import Folder


@click.command("report")
@click.argument("folder", type=Folder(path_type=Path))
@click.option("--assume", multiple=True, metavar="NAME=VALUE", help="A price, e.g. ether_usd=2500; repeatable.")
@click.option("--json", "json_output", is_flag=True, help="Print the leaderboard as JSON.")
def command(folder: Path, assume: tuple[str, ...], json_output: bool) -> None:
    """Render the report in FOLDER again, from what its manifest names, and print its leaderboard.

    Nothing is rendered from files that are not as the manifest says: they are named.

    \b
    Examples:
      chainward report reports/demo
      chainward report reports/demo --json
      chainward report reports/demo --assume ether_usd=2500 --assume l1_busy_gwei=30
    """
    from chainward.cli.progress import render
    from chainward.results.folder import opened, read_manifest
    from chainward.trials.alone import writable

    prices = read_prices(assume)
    manifest = read_manifest(folder)
    results = opened(folder, manifest)
    writable(folder)
    render(results, manifest, folder, json_output, prices)


def read_prices(values: tuple[str, ...]) -> dict[str, float]:
    """Read NAME=VALUE prices.

    Raises:
        ChainwardError: a name is unknown or a value is no number from zero up.
    """
    from dataclasses import fields

    from chainward.errors import ChainwardError
    from chainward.report import Assumptions

    known = [field.name for field in fields(Assumptions)]
    prices = {}
    for value in values:
        name, _, number = value.partition("=")
        if name not in known:
            raise ChainwardError(f"--assume {value!r}: no price {name!r}; there is {', '.join(known)}")
        if not (number.isascii() and number.replace(".", "", 1).isdigit()):
            raise ChainwardError(f"--assume {value!r}: write {name}=NUMBER, zero or more")
        prices[name] = float(number)
    return prices
