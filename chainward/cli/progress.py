"""A run as a user sees it: what is skipped, a bar while trials run, the leaderboard, where the report is."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chainward.cli.data_report import tell_tables
from chainward.cli.leaderboard import print_attacks, print_leaderboard, print_verdicts, say
from chainward.cli.output import as_json
from chainward.errors import ChainwardError
from chainward.names import visible
from chainward.plans.plan import Plan
from chainward.plans.written import as_toml
from chainward.results import folder
from chainward.results.collection import Results
from chainward.results.manifest import Manifest
from chainward.results.provenance import provenance
from chainward.results.record import Record
from chainward.trials import runner
from chainward.trials.reasons import with_reasons
from chainward.trials.runner import Place
from chainward.trials.sweep import Job, Sweep, sweep_of
from chainward.trials.words import one_line

if TYPE_CHECKING:
    from chainward.report.tables.by_name import Tables

_LOG_WIDTH = 500


def run_with_progress(plan: Plan, out: Path, place: Place, json_output: bool) -> None:
    """Run a plan, write manifest and report and print the leaderboard; exit with 1 if a trial failed."""
    from rich.console import Console

    for missing in plan.left_out:
        say(f"a part of the plan is left out: {missing}")
    place.prepare()
    tell_tables(plan, out)
    plan = _with_rates(plan)
    manifest = _manifest(out)
    with Console(stderr=True).status("reading the data and naming the trials"):
        sweep = with_reasons(sweep_of(plan, out, manifest), plan)
    for problem in sweep.problems:
        say(f"{problem}; it is run again")
    if sweep.skipped:
        say(f"{len(sweep.skipped)} of {len(sweep.identifiers)} trials are on record and skipped")
    if manifest:
        folder.forget(out, manifest, [job.identifier for job in sweep.jobs])
    failed = _run(plan, sweep, out, place)
    told = (plan.name, _command(), provenance(plan.device), as_toml(plan))
    results, manifest = folder.close(out, sweep.identifiers, *told)
    render(results, manifest, out, json_output)
    if failed:
        say(f"{failed} trials failed; their errors are in the report")
        sys.exit(1)


def _with_rates(plan: Plan) -> Plan:
    """The plan with a learning rate for each task that has none, chosen before anybody is compared."""
    from rich.console import Console
    from rich.progress import Progress

    from chainward.trials import rates  # PyTorch loads for a second: not before it is needed

    chosen = {}
    for text, asked in rates.open_questions(plan).items():
        with Progress(console=Console(stderr=True)) as progress:
            bar = progress.add_task(f"choosing a learning rate for {asked.task}", total=len(rates.GRID))
            found = rates.scores(asked, partial(progress.advance, bar))
        chosen[text] = rates.best(found)
        told = f"{asked.task}: learning rate {chosen[text]:g}, with which FedAvg does best on validation patients"
        say(f"{told} (AUROC {found[chosen[text]]:.3f})")
    return rates.answered(plan, chosen)


def _manifest(out: Path) -> Manifest | None:
    """The manifest of an earlier run; one that is no manifest, or not whole, tells nothing and is written anew."""
    if not (out / folder.MANIFEST).exists():
        return None
    try:
        manifest = folder.read_manifest(out)
    except ChainwardError as error:
        say(f"{error}: records are held against their own digests alone")
        return None
    if not manifest.whole:
        say("the manifest's Merkle root does not belong to its files: records are held against their own digests alone")
        return None
    return manifest


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
    from rich.console import Console

    from chainward.judges import verdicts  # SciPy's statistics load for a second: not before the first trial
    from chainward.report import Assumptions, all_tables, write_tables

    assumptions = Assumptions(**(prices or {}))
    with Console(stderr=True).status(f"judging claims and drawing the report of {len(results.records)} trials"):
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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    failed, running = 0, list[str]()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=len(sweep.jobs))

        def started(job: Job) -> None:
            running.append(job.specification.label)
            progress.update(bar, description=_now(running))

        def done(job: Job, record: Record) -> None:
            nonlocal failed
            running.remove(job.specification.label)
            if record.status == "failed":
                failed += 1
                message = visible(f"failed: {job.specification.label}: {record.error.message}", keep="\n")
                width = progress.console.width if progress.console.is_terminal else _LOG_WIDTH
                progress.console.print(one_line(message, width), markup=False, highlight=False, soft_wrap=True)
            progress.update(bar, advance=1, description=_now(running))

        runner.run(sweep.jobs, out, place, plan.device, done, started)
    return failed


def _now(running: list[str]) -> str:
    """Return what runs now: the first by name, the others by number."""
    more = f" and {len(running) - 1} more" if running[1:] else ""
    return f"{running[0]}{more}" if running else "done"
