"""A run as a user sees it: what is skipped, a bar while trials run, the leaderboard, where the report is."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from chainward.cli.bars import busy, counted
from chainward.cli.data_report import tell_tables
from chainward.cli.leaderboard import print_attacks, print_leaderboard, print_verdicts
from chainward.cli.output import as_json, say
from chainward.cli.watch import watched
from chainward.plans.plan import Plan
from chainward.plans.written import as_toml
from chainward.results import folder
from chainward.results.collection import Results
from chainward.results.manifest import Manifest
from chainward.results.provenance import provenance
from chainward.trials import runner
from chainward.trials.runner import Place
from chainward.trials.sweep import Sweep
from chainward.trials.whole import resumed

if TYPE_CHECKING:
    from chainward.report.tables.by_name import Tables


def run_with_progress(plan: Plan, out: Path, place: Place, json_output: bool) -> None:
    """Run a plan, write manifest and report and print the leaderboard; exit with 1 if a trial failed."""
    for missing in plan.left_out:
        say(f"a part of the plan is left out: {missing}")
    place.prepare()
    tell_tables(plan, out)
    plan = _with_rates(plan)
    with busy("reading the data and naming the trials"):
        sweep, remarks = resumed(plan, out)
    for remark in remarks:
        say(remark)
    failed = _run(plan, sweep, out, place)
    told = (plan.name, _command(), provenance(plan.device), as_toml(plan))
    results, manifest = folder.close(out, sweep.identifiers, *told)
    render(results, manifest, out, json_output)
    if failed:
        say(f"{failed} trials failed; their errors are in the report")
        sys.exit(1)


def _with_rates(plan: Plan) -> Plan:
    """The plan with a learning rate for each task that has none, chosen before anybody is compared."""
    from chainward.trials import rates  # PyTorch loads for a second: not before it is needed

    chosen = {}
    for text, asked in rates.open_questions(plan).items():
        with counted(f"learning rate for {asked.task}", len(rates.GRID)) as step:
            found = rates.scores(asked, step)
        chosen[text] = rates.best(found)
        told = f"{asked.task}: learning rate {chosen[text]:g}, with which FedAvg does best on validation patients"
        say(f"{told} (AUROC {found[chosen[text]]:.3f})")
    return rates.answered(plan, chosen)


def _command() -> str:
    return shlex.join(["chainward", *sys.argv[1:]])


def render(
    results: Results,
    manifest: Manifest,
    out: Path,
    json_output: bool,
    prices: Mapping[str, float] | None = None,
) -> Tables:
    """Write the report of results into a folder, under `prices` where given, and print its leaderboard.

    Return its tables.
    """
    from chainward.judges import verdicts  # SciPy's statistics load for a second: not before the first trial
    from chainward.report import Assumptions, all_tables, write_tables

    assumptions = Assumptions(**(prices or {}))
    with busy(f"judging claims and drawing the report of {len(results.records)} trials"):
        judged = verdicts(results)
        tables = all_tables(results, judged, assumptions)
        write_tables(tables, out, manifest, assumptions)
    if json_output:
        as_json(tables["leaderboard"])
        return tables
    print_leaderboard(tables["leaderboard"], tables["resolution"])
    print_attacks(tables["attacks"])
    print_verdicts(judged)
    say(f"\nreport: {out / 'index.html'}")
    return tables


def _run(plan: Plan, sweep: Sweep, out: Path, place: Place) -> int:
    """Run what is left of a plan; return how many trials failed."""
    with watched(sweep, out) as watch:
        runner.run(sweep.jobs, out, place, plan.device, watch.done, watch.started)
    return watch.failed
