"""`chainward recommend`."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainward.cli.paragraphs import paragraph
from chainward.cli.paths import Folder

if TYPE_CHECKING:
    from chainward.report.tables.recommend import Candidate, Recommendation

LARGEST = 200_000_000
"""Bytes of a report.json."""

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}


class Duration(click.ParamType[float]):
    """Seconds, written with their unit."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read 60s, 1.5min or 2h."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|min|h)", str(value))
        if found is None:
            self.fail(f"{value!r}: write a number and its unit, as 60s, 1.5min or 2h", param, ctx)
        return float(found[1]) * UNITS[found[2]]


@click.command("recommend")
@click.argument("folder", type=Folder(path_type=Path), required=False)
@click.option("--task", help="The task whose figures count; the one with most papers if not given.")
@click.option("--hospitals", type=click.IntRange(1, 100_000), help="Hospitals of the federation.")
@click.option("--rounds", type=click.IntRange(1, 1_000_000), help="Rounds of a training; those that ran if not given.")
@click.option("--budget-usd", type=click.FloatRange(0), help="USD of a whole training, all hospitals together.")
@click.option("--hospital-budget-usd", type=click.FloatRange(0), help="USD of a whole training for each hospital.")
@click.option(
    "--scenario",
    type=click.Choice(["l1-calm", "l1-busy", "rollup", "private", "own"]),
    default="l1-calm",
    show_default=True,
    help="Where gas is paid for; own: the chain of the setting.",
)
@click.option("--max-latency", "max_latency_s", type=Duration(), help="Of one round, with its unit: 60s, 1.5min, 2h.")
@click.option("--min-auroc", type=click.FloatRange(0, 1), help="The least that the 95 % interval may reach down to.")
@click.option("--threat", "threats", multiple=True, metavar="KIND", help="An attack to withstand; repeatable.")
@click.option(
    "--privacy",
    type=click.Choice(["no-raw-data", "noised-or-hidden", "no-individual-updates"]),
    help="The ladder, from its lowest step.",
)
@click.option("--absence", is_flag=True, help="Hospitals may be absent.")
@click.option("--pays", is_flag=True, help="Contributors are paid.")
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def command(folder: Path | None, json_output: bool, threats: tuple[str, ...], **options: Any) -> None:
    """Tell which papers satisfy given needs by the report in FOLDER, and why the others do not.

    Papers of which it is not known are a group of their own. Without FOLDER by the reference report, which comes with
    the installation. Figures for other rounds are marked as extrapolated; for other hospitals they take a law over
    three sizes, or are not known. KIND is sign-flip, label-flip, free-rider, copy, false-score, silent, malformed,
    first-to-answer, false-size, collusion, scaled, gaussian, inverted or random-weights.

    \b
    Examples:
      chainward recommend --hospitals 20 --rounds 50 --privacy no-raw-data
      chainward recommend --budget-usd 100 --scenario rollup --max-latency 60s
      chainward recommend --task stroke --threat silent --json
    """
    from chainward.cli.output import as_json
    from chainward.errors import ChainwardError
    from chainward.report.tables.asked import Needs
    from chainward.report.tables.recommend import recommend

    needs = Needs(threats=tuple(map(_kind, threats)), **options)
    if needs == Needs(task=needs.task, hospitals=needs.hospitals, rounds=needs.rounds, scenario=needs.scenario):
        raise ChainwardError("no need is named; give --budget-usd, --max-latency, --privacy, --threat or another")
    found = recommend(_read(folder), needs)
    if json_output:
        as_json({"needs": asdict(needs), **asdict(found)})
    else:
        _print(found)


def _kind(text: str) -> str:
    from chainward.errors import ChainwardError
    from chainward.report.tables.threatened import KNOWN

    name = text.replace("-", "_")
    if name not in KNOWN:
        known = ", ".join(kind.replace("_", "-") for kind in KNOWN)
        raise ChainwardError(f"--threat {text!r}: no such kind; there is {known}")
    return name


def _read(folder: Path | None) -> Any:
    """The evidence in a folder's report.json, or in the one that comes along."""
    from chainward.errors import ChainwardError
    from chainward.files import read_file
    from chainward.folders import REFERENCE
    from chainward.report.tables.evidence import evidence

    path = (REFERENCE if folder is None else folder) / "report.json"
    try:
        return evidence(json.loads(read_file(path, LARGEST)), str(path))
    except FileNotFoundError:
        raise ChainwardError(f"{path}: there is none; `chainward run` or `chainward report` writes it") from None
    except (ValueError, RecursionError) as error:
        raise ChainwardError(f"{path}: no report ({error}); render it again with `chainward report`") from None


def _print(found: Recommendation) -> None:
    from chainward.cli.output import tell
    from chainward.report.tables.standing import Standing

    tell(paragraph(f"By {found.rests}."))
    headings = {
        Standing.SATISFIES: "satisfy all needs",
        Standing.UNKNOWN: "may or may not, as something is not known",
        Standing.FALLS_OUT: "fall out",
    }
    for standing, words in headings.items():
        papers = found.group(standing)
        tell(f"\n{len(papers)} of {len(found.candidates)} papers {words}{':' if papers else ''}")
        for paper in papers:
            tell("\n".join(_lines(paper, standing)))
    if found.best:
        best = ", ".join(found.best)
        tell("\n" + paragraph(f"Of those that satisfy all, not told apart in AUROC from the best: {best}."))


def _lines(paper: Candidate, standing: Any) -> list[str]:
    """A paper with its reasons; of those that do not satisfy all needs, only what keeps them out."""
    from chainward.report.tables.standing import Standing

    shown = [one for one in paper.judged if standing == Standing.SATISFIES or one.standing != Standing.SATISFIES]
    marks = {Standing.SATISFIES: "+", Standing.UNKNOWN: "?", Standing.FALLS_OUT: "-"}
    reasons = [f"{marks[one.standing]} {one.need}: {one.reason}" for one in shown]
    heading = paragraph(f"{paper.label} (AUROC {paper.auroc})", indent=2)
    return [heading, *(paragraph(line, indent=4, hanging=2) for line in reasons)]
