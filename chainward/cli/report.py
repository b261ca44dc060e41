"""`chainward report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chainward.cli.paths import Folder

if TYPE_CHECKING:
    from chainward.report import Assumptions
    from chainward.report.tables.by_name import Tables
    from chainward.results.manifest import Manifest


@click.command("report")
@click.argument("folder", type=Folder(path_type=Path))
@click.option("--assume", multiple=True, metavar="NAME=VALUE", help="A price, e.g. ether_usd=2500; repeatable.")
@click.option("--markdown", is_flag=True, help="Write report.md too: the findings, for a pull request.")
@click.option("--latex", is_flag=True, help="Write tables.tex too: leaderboard, costs and claims, for a paper.")
@click.option("--bom", is_flag=True, help="Write sheets/*.csv too: every table, for a spreadsheet.")
@click.option("--site", is_flag=True, help="Write site/ too: the report on pages of its own, for any web server.")
@click.option("--json", "json_output", is_flag=True, help="Print the leaderboard as JSON.")
def command(folder: Path, assume: tuple[str, ...], json_output: bool, **wanted: bool) -> None:
    """Render the report in FOLDER again, from what its manifest names, and print its leaderboard.

    Nothing is rendered from files that are not as the manifest says: they are named.

    \b
    Examples:
      chainward report reports/demo
      chainward report reports/demo --json
      chainward report reports/demo --markdown --latex
      chainward report reports/demo --assume ether_usd=2500 --assume l1_busy_gwei=30
    """
    from chainward.cli.progress import render
    from chainward.report import Assumptions
    from chainward.results.folder import opened, read_manifest
    from chainward.trials.alone import writable

    prices = read_prices(assume)
    manifest = read_manifest(folder)
    results = opened(folder, manifest)
    writable(folder)
    tables = render(results, manifest, folder, json_output, prices)
    _export(tables, manifest, folder, Assumptions(**prices), [form for form in wanted if wanted[form]])


def _export(tables: Tables, manifest: Manifest, folder: Path, prices: Assumptions, forms: list[str]) -> None:
    """Write the report in other forms and say where they are."""
    from chainward.cli.output import say
    from chainward.files import replace_files
    from chainward.report.exports.forms import FORMS
    from chainward.report.page.origin import origin_of

    if forms:
        origin = origin_of(folder, manifest, tables)
        for form in forms:
            texts = FORMS[form](tables, manifest, prices, origin)
            replace_files({folder / name: text.encode("utf-8", "replace") for name, text in texts.items()})
            say(f"{form}: {folder / next(iter(texts))}")


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
