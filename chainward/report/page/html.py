"""Tables -> one HTML file that needs nothing else: no network, no JavaScript, no fonts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from chainward import codec
from chainward.report.formats import printable, shown, sortable
from chainward.report.page import columns
from chainward.report.page.attacks import attack_tables
from chainward.report.page.settings import Setting, Table, settings
from chainward.report.page.summary import glance, resolution, totals
from chainward.report.tables.by_name import Tables
from chainward.report.tables.groups import Row
from chainward.report.tables.scenarios import Assumptions
from chainward.results.manifest import Manifest
from chainward.world.clock import Speeds

if TYPE_CHECKING:
    from chainward.report.charts import Drawing


def page(tables: Tables, manifest: Manifest | None = None, assumptions: Assumptions | None = None) -> str:
    """The report as HTML; equal arguments give an equal page."""
    views = _illustrated(settings(tables))
    script, style = _asset("report.js"), _asset("report.css")
    context = {
        "settings": views,
        "tasks": list(dict.fromkeys(view.task for view in views)),
        "totals": totals(tables["leaderboard"], tables["claims"]),
        "glance": Table("At a glance", columns.GLANCE, tuple(glance(_main(views)))),
        "tables": tables,
        "attacks": attack_tables(tables["attacks"]),
        "lists": _lists(tables),
        "cards": tables["cards"],
        "card_ids": {row["strategy"]: f"card-{i}" for i, row in enumerate(tables["cards"], 1)},
        "assumptions": assumed(assumptions or Assumptions()),
        "speeds": assumed(Speeds()),
        "manifest": _facts(manifest) if manifest else [],
        "script": Markup(script),  # ours, from the package
        "style": Markup(style),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    return printable(_environment().get_template("page.html.j2").render(context)) + "\n"


def assumed(values: Any) -> list[tuple[str, str]]:
    """Names and values of a dataclass of assumptions."""
    return [(field.name.replace("_", " "), f"{getattr(values, field.name):,.12g}") for field in fields(values)]


def interval_picture(row: Row, limits: tuple[float, float]) -> dict[str, str]:
    """Where an interval and its mean stand on a line 100 wide."""
    low, high = limits
    span = (high - low) or 1.0
    names = ("auroc_low", "auroc_mean", "auroc_high")
    return {name: f"{2 + 96 * (row[name] - low) / span:.1f}" for name in names}


def _illustrated(views: tuple[Setting, ...]) -> tuple[Setting, ...]:
    """The settings with their charts drawn, all at once."""
    found = [picture.chart for view in views for picture in view.pictures.values()]
    if not found:
        return views
    from chainward.report.charts import draw

    drawings = draw(found)

    def drawn(view: Setting) -> Setting:
        pictures = {name: replace(one, drawing=drawings[one.chart.key]) for name, one in view.pictures.items()}
        return replace(view, pictures=pictures)

    return tuple(map(drawn, views))


def _svg(drawing: Drawing) -> str:
    # The only markup from elsewhere: vl-convert wrote it and ElementTree escaped it.
    return Markup(drawing.svg) if drawing.svg else f"this chart could not be drawn ({drawing.why})"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "sortable": sortable, "svg": _svg}
    environment.globals |= {"interval_picture": interval_picture, "resolution": resolution}
    return environment


def _asset(name: str) -> str:
    return files(__package__).joinpath("static", name).read_text(encoding="utf-8").strip()


def _main(views: tuple[Setting, ...]) -> list[tuple[Sequence[Row], Row]]:
    return [(view.leaderboard.rows, view.told) for view in views if view.main]


def _lists(tables: Tables) -> dict[str, Table]:
    shapes = {
        "numbers": ("Hyper-parameters asked for, counts used", columns.NUMBERS),
        "outcomes": ("What each protocol decided about each party", columns.OUTCOMES),
        "failed": ("Failed trials", columns.FAILED),
        "records": ("Every trial", columns.RECORDS),
        "provenance": ("Where the trials ran", columns.PROVENANCE),
    }
    return {name: Table(caption, shape, tuple(tables[name])) for name, (caption, shape) in shapes.items()}


def _facts(manifest: Manifest) -> list[tuple[str, str]]:
    """A manifest's facts in words; its long list of files is the index of trials already."""
    told = {"plan": manifest.plan, "command": manifest.command, "merkle root": manifest.merkle_root}
    environment = {name: str(value) for name, value in codec.fields(manifest.environment).items() if name != "versions"}
    return [*told.items(), *environment.items(), *sorted(manifest.environment.versions.items())]
