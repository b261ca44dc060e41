"""A run as a user sees it: what is skipped, a bar while trials run, the leaderboard, where the report is."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainward.cli.leaderboard import print_attacks, print_leaderboard, print_verdicts, say
from chainward.cli.output import as_json
from chainward.names import visible
from chainward.plans.plan import Plan
from chainward.results import store
from chainward.trials import runner
from chainward.trials.on_ray import Cluster
from chainward.trials.sweep import Job, Sweep, sweep_of


def run_with_progress(plan: Plan, out: Path, workers: int | Cluster, json_output: bool) -> None:
    """Run a plan, write manifest and report and print the leaderboard; exit with 1 if a trial failed."""
    for missing in plan.left_out:
        say(f"a part of the plan is left out: {missing}")
    sweep = sweep_of(plan, out)
    if sweep.skipped:
        say(f"{len(sweep.skipped)} of {len(sweep.identifiers)} trials are on record and skipped")
    failed = _run(plan, sweep, out, workers)
    records = [found for name in sweep.identifiers if (found := store.read(store.path_of(out, name)))]
    records.sort(key=store.order)
    manifest = store.write_manifest(out, [found["id"] for found in records], store.provenance(plan.device))
    render(records, manifest, out, json_output)
    if failed:
        say(f"{failed} trials failed; their errors are in the report")
        sys.exit(1)


def render(
    records: list[dict[str, Any]],
    manifest: dict[str, Any],
    out: Path,
    json_output: bool,
    prices: Mapping[str, float] | None = None,
) -> None:
    """Write the report of records into a folder, under `prices` where given, and print its leaderboard."""
    from rich.console import Console

    from chainward.judges import verdicts  # SciPy's statistics load for a second: not before the first trial
    from chainward.report import Assumptions, all_tables, write_tables

    assumptions = Assumptions(**(prices or {}))
    with Console(stderr=True).status(f"judging claims and drawing the report of {len(records)} trials"):
        judged = verdicts(records)
        tables = all_tables(records, judged, assumptions)
        write_tables(tables, out, manifest, assumptions)
    if json_output:
        as_json(tables["leaderboard"])
        return
    print_leaderboard(tables["leaderboard"])
    print_attacks(tables["attacks"])
    print_verdicts(judged)
    say(f"\nreport: {out / 'index.html'}")


def _run(plan: Plan, sweep: Sweep, out: Path, workers: int | Cluster) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    failed = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("trials", total=len(sweep.jobs))

        def done(job: Job, document: dict[str, Any]) -> None:
            nonlocal failed
            if document["status"] == "failed":
                failed += 1
                message = visible(document["error"]["message"], keep="\n")
                progress.console.print(f"failed: {job.specification.label}: {message}", markup=False)
            progress.update(bar, advance=1, description=job.specification.label)

        runner.run(sweep.jobs, out, workers, plan.device, done)
    return failed
