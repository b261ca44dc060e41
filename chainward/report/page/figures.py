"""Charts across settings: what attacks cost beside the same without, and sweeps of the number of hospitals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from chainward.report.formats import law
from chainward.report.page.columns import ATTACKS, STRATEGY, Column
from chainward.report.page.settings import Picture, Table
from chainward.report.tables.by_name import Tables
from chainward.report.tables.groups import Row

if TYPE_CHECKING:
    from chainward.report.charts import Chart

    Draws = Callable[[Sequence[Row], str], Chart | None]

Pictures = tuple[Picture, ...]

FIGURES = 6
"""How many settings of each have a picture."""

SCALING = (
    STRATEGY,
    Column("quantity", "Quantity"),
    Column("source", "Figures"),
    Column("rounds", "Rounds", style="integer"),
    Column("hospitals", "Hospitals", style="integer"),
    Column("trials", "Trials", style="count"),
    Column("value", "Mean", "", "significant", "Over trials; gas is measured, latency modelled."),
    Column("fitted", "By the law", "modelled", "significant"),
    Column("form", "Form"),
    Column("law", "Law", "modelled", "long", "Least squares over the sizes of the sweep, N hospitals."),
    Column("r2", "r²", "modelled", "fixed"),
    Column("quoted", "Paper’s law", "quoted", "significant"),
    Column("quoted_law", "As quoted", "quoted", "long"),
)


def figures(tables: Tables) -> Mapping[str, tuple[Picture, ...]]:
    """The pictures of each kind, one a task and setting, not yet drawn."""
    from chainward.report import charts  # and with them altair: only where there is something to draw

    calm = [{**row, "law": _law(row)} for row in tables.get("scaling", []) if not row["attack"]]
    drops = partial(_picture, charts.attack_drops, "What attacks cost", ATTACKS)
    growth = partial(_picture, charts.scaling, "Growth by hospitals", SCALING)
    with charts.unchecked():
        return {
            "attacks": _pictures(tables["attacks"], "attacks", drops),
            "scaling": _pictures(calm, "scaling", growth),
        }


def _law(row: Row) -> str:
    return law(row["coefficients"], "integer" if row["source"] == "measured" else "significant")


def _pictures(rows: Sequence[Row], file: str, picture: Callable[[Sequence[Row], str, str], Picture | None]) -> Pictures:
    """Those of the first settings."""
    settings: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        settings[row["task"], row["setting"]].append(row)
    found = (picture(mine, f"{file}-{number}", file) for number, mine in enumerate(settings.values(), 1))
    return tuple(islice((one for one in found if one), FIGURES))


def _picture(
    chart: Draws, caption: str, shape: tuple[Column, ...], rows: Sequence[Row], key: str, file: str
) -> Picture | None:
    drawn = chart(rows, key)
    return Picture(drawn, Table.of(f"{caption}; {rows[0]['setting']}", shape, rows, file)) if drawn else None
