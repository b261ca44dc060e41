"""Tables -> one HTML file that needs nothing else: no network, no JavaScript, no fonts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from chainward import codec
from chainward.report.formats import printable, shown, sortable
from chainward.report.page import columns
from chainward.report.page import origin as origins
from chainward.report.page.attacks import attack_tables
from chainward.report.page.choices import choices, strategy_facts
from chainward.report.page.figures import Pictures, figures
from chainward.report.page.needs import findings, need_table
from chainward.report.page.settings import ROWS, Picture, Setting, Table, settings
from chainward.report.page.sources import sources
from chainward.report.page.summary import headline, resolution, totals
from chainward.report.tables.by_name import Tables
from chainward.report.tables.eyes import with_eyes
from chainward.report.tables.groups import Row
from chainward.report.tables.scenarios import Assumptions
from chainward.results.manifest import Manifest
from chainward.world.clock import Speeds

if TYPE_CHECKING:
    from chainward.report.charts import Drawing


RECORDS, ATTACKS = 300, 12
"""How many trials the index of a page holds, and how many tables of attacks."""
SCRIPTS, STYLES = ("state", "tables", "explore", "money", "marks", "report"), ("report", "explore", "narrow", "print")
"""The files of the page's script and of its style, which are one each in it."""
CARDS = {"board": columns.LEADERBOARD, "drops": columns.ATTACKS, "traffic": columns.TRAFFIC}
"""The shapes of tables whose rows are cards on a phone."""


def page(
    tables: Tables,
    manifest: Manifest | None = None,
    assumptions: Assumptions | None = None,
    origin: origins.Origin | None = None,
) -> str:
    """The report as HTML; equal arguments give an equal page."""
    source = origin or origins.Origin()
    tables = {**tables, "leaderboard": with_eyes(tables["leaderboard"], tables["disclosures"])}
    lists = _lists(tables)
    views, proofs, figured = _illustrated(tables, lists["proofs"])
    script = "\n".join(asset(f"{name}.js") for name in SCRIPTS)
    context = {
        "settings": views,
        "headline": headline(manifest, tables["provenance"], source.plan),
        "tasks": list(dict.fromkeys(view.task for view in views)),
        "totals": totals(tables["leaderboard"], tables["claims"]),
        "findings": findings(tables["needs"], _papers(views)),
        "needs": need_table(tables["needs"]),
        "strategies": (strategies := strategy_facts(tables)),
        "strategy_ids": {one["key"]: i for i, one in enumerate(strategies)},
        "choices": choices(tables, strategies),
        "sources": {one["strategy"]: sources(one["where"]) for one in tables["cards"]},
        "label_cards": {row["label"]: row["strategy"] for row in tables["leaderboard"]},
        "leaderboard_columns": columns.LEADERBOARD[1:],
        "others_left_out": len(tables["resolution"]) - len(views),
        "main_rows": _columns([row for view in views if view.main for row in view.leaderboard.rows]),
        "tables": tables,
        "attacks": (attacks := attack_tables(tables["attacks"]))[:ATTACKS],
        "attacks_left_out": max(0, len(attacks) - ATTACKS),
        "lists": lists,
        "proofs": proofs,
        "figures": figured,
        "record_ids": {row["id"] for row in lists["records"].rows},
        "cards": tables["cards"],
        "card_ids": {row["strategy"]: f"card-{i}" for i, row in enumerate(tables["cards"], 1)},
        "assumptions": assumed(assumptions or Assumptions()),
        "provenance": origins.provenance(tables, manifest, source, lists["records"]),
        "speeds": assumed(Speeds()),
        "manifest": _facts(manifest) if manifest else [],
        "theme": Markup(asset("theme.js")),  # ours, from the package
        "script": Markup(script),
        "style": Markup("\n".join([*(asset(f"{name}.css") for name in STYLES), card_labels()])),
        "script_hashes": [_digest(text) for text in (asset("theme.js"), script)],
    }
    return printable(environment().get_template("page.html.j2").render(context)) + "\n"


def card_labels() -> str:
    """Style by which a row that is a card, on a phone, names its figures: by column, not in every cell."""
    rules = (
        f'.{shape} td:nth-child({place}):not([data-wide])::before {{ content: "{column.title}"; }}'
        for shape, found in CARDS.items()
        for place, column in enumerate(found, 1)
    )
    return "\n".join(["@media (max-width: 700px) {", *rules, "}"])


def assumed(values: Any) -> list[tuple[str, str]]:
    """Names and values of a dataclass of assumptions."""
    return [(field.name.replace("_", " "), f"{getattr(values, field.name):,.12g}") for field in fields(values)]


def interval_picture(row: Row, limits: tuple[float, float]) -> dict[str, str]:
    """Where an interval and its mean stand on a line 100 wide."""
    low, high = limits
    span = (high - low) or 1.0
    names = ("auroc_low", "auroc_mean", "auroc_high")
    return {name: f"{2 + 96 * (row[name] - low) / span:.1f}" for name in names}


def _illustrated(tables: Tables, proofs: Table) -> tuple[tuple[Setting, ...], Picture | None, Mapping[str, Pictures]]:
    """The settings, what proofs take, and figures across settings, with their charts drawn, all at once."""
    if not any(row["trials"] > row["failed"] for row in tables["leaderboard"]):
        return settings(tables), None, {}
    from chainward.report.charts import drawer, proof_costs  # and with them altair: only where there is something

    with drawer() as draw:
        views, costs, across = settings(tables), proof_costs(proofs.rows, "proofs"), figures(tables)
        pictured = [picture.chart for view in views for picture in view.pictures.values()]
        pictured += [one.chart for found in across.values() for one in found]
        drawings = draw([*pictured, *([costs] if costs else [])])
    illustrated = tuple(_drawn(view, drawings) for view in views)
    figured = {
        name: tuple(replace(one, drawing=drawings[one.chart.key]) for one in found) for name, found in across.items()
    }
    return illustrated, Picture(costs, proofs, drawings[costs.key]) if costs else None, figured


def _drawn(view: Setting, drawings: Mapping[str, Drawing]) -> Setting:
    return replace(view, pictures={name: _pictured(one, drawings) for name, one in view.pictures.items()})


def _pictured(one: Picture, drawings: Mapping[str, Drawing]) -> Picture:
    return replace(one, drawing=drawings[one.chart.key])


def _svg(drawing: Drawing) -> str:
    # The only markup from elsewhere: vl-convert wrote it and ElementTree escaped it.
    return Markup(drawing.svg) if drawing.svg else f"this chart could not be drawn ({drawing.why})"


@cache
def environment() -> Environment:
    """What templates are rendered with: all text is escaped."""
    found = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"shown": shown, "sortable": sortable, "svg": _svg}
    found.globals |= {"interval_picture": interval_picture, "resolution": resolution}
    return found


def asset(name: str) -> str:
    """The text of a file that stands in pages."""
    return files(__package__).joinpath("static", name).read_text(encoding="utf-8").strip()


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _papers(views: Sequence[Setting]) -> dict[str, int]:
    """How many papers are compared on each task, in its main setting."""
    return {
        view.task: sum(row["rank"] is not None and not row["reference"] for row in view.rows)
        for view in views
        if view.main
    }


def _columns(rows: Sequence[Row]) -> Row:
    """Rows with each name once, without what has a table of its own."""
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name != "auroc_hospitals"]
    return {"names": names, "rows": [[row.get(name) for name in names] for row in rows]}


def _lists(tables: Tables) -> dict[str, Table]:
    shapes = {
        "numbers": ("Hyper-parameters asked for, counts used", columns.NUMBERS, ROWS),
        "outcomes": ("What each protocol decided about each party", columns.OUTCOMES, ROWS),
        "failed": ("Failed trials", columns.FAILED, ROWS),
        "records": ("Every trial", columns.RECORDS, RECORDS),
        "provenance": ("Where the trials ran", columns.PROVENANCE, ROWS),
        "proofs": ("What a proof takes, by batch and features", columns.PROOFS, ROWS),
    }
    rows = {"proofs": [], **tables, "records": _asked_for_first(tables)}
    return {
        name: Table.of(caption, shape, rows[name], name, most=most) for name, (caption, shape, most) in shapes.items()
    }


def _asked_for_first(tables: Tables) -> list[Row]:
    """The index of trials; where a page has no room for all, first those that decide a claim, and those that failed."""
    if len(tables["records"]) <= RECORDS:
        return tables["records"]
    asked = {identifier for row in tables["claims"] for identifier in row["records"]}
    asked |= {row["id"] for row in tables["failed"]}
    return sorted(tables["records"], key=lambda row: row["id"] not in asked)


def _facts(manifest: Manifest) -> list[tuple[str, str]]:
    """A manifest's facts in words; its long list of files is the index of trials already."""
    told = {"plan": manifest.plan, "command": manifest.command, "merkle root": manifest.merkle_root}
    environment = {name: str(value) for name, value in codec.fields(manifest.environment).items() if name != "versions"}
    return [*told.items(), *environment.items(), *sorted(manifest.environment.versions.items())]
