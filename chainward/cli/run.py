"""`chainward run`."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainward.cli import completion, tables
from chainward.cli.overrides import overrides
from chainward.cli.paths import Folder
from chainward.errors import ChainwardError

if TYPE_CHECKING:
    from chainward.trials.runner import Place


def _place(jobs: str, ray_address: str | None, timeout_s: float | None, memory_mib: float | None, here: bool) -> Place:
    """Read where trials run: in so many processes, on which cluster, or in this process."""
    from chainward.trials.isolated import Limits
    from chainward.trials.on_ray import Cluster
    from chainward.trials.workers import InProcess, Workers

    for option, value in (("--trial-timeout", timeout_s), ("--trial-memory", memory_mib)):
        if value is not None and math.isnan(value):
            raise ChainwardError(f"{option} {value}: write a number above zero")
    limits = Limits(timeout_s, memory_mib)
    if ray_address is not None and (here or jobs != "ray"):
        raise ChainwardError("--ray-address: is said of --jobs ray; leave it out, or give both")
    if here and (jobs != "1" or limits != Limits()):
        raise ChainwardError("--in-process: leave out --jobs, --trial-timeout and --trial-memory, which need processes")
    if here:
        return InProcess()
    if jobs == "ray":
        return Cluster(ray_address, limits)
    if not re.fullmatch("[1-9][0-9]{0,3}", jobs):
        raise ChainwardError(f"--jobs {jobs!r}: write a number of processes from 1 to 9999, or ray")
    return Workers(int(jobs), limits)


@click.command("run")
@click.argument("plan", nargs=-1, metavar="PLAN", shell_complete=completion.plans)
@click.option("--claims", is_flag=True, help="The trials that claims ask for: in place of PLAN name papers, or none.")
@click.option("--out", type=Folder(path_type=Path), help="Folder of the report [reports/<plan name>].")
@click.option("--jobs", default="1", show_default=True, metavar="N|ray", help="Trials side by side, or on Ray.")
@click.option(
    "--trial-timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="End a trial that takes longer and record it as failed; the others go on [no limit].",
)
@click.option(
    "--trial-memory",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MIB",
    help="End a trial whose process takes more memory than this, in MiB, and record it as failed; a small trial "
    "takes about 500 [no limit].",
)
@click.option(
    "--in-process",
    is_flag=True,
    help="Run trials one by one in the command's own process, e.g. for a debugger: a trial that crashes ends the run.",
)
@click.option("--ray-address", help="Ray cluster, e.g. auto or ray://host:10001 [one of its own, for this run].")
@click.option("--name", help="Name of the plan.")
@click.option("--title", help="Title of the report.")
@click.option(
    "--task",
    "tasks",
    multiple=True,
    metavar="KEY|csv:FILE",
    shell_complete=completion.tasks,
    help="Task instead of the plan's; repeatable.",
)
@tables.options
@click.option(
    "--leak",
    "leaks",
    multiple=True,
    metavar="COLUMN=REASON",
    help="Why a column may give the outcome away; repeatable.",
)
@click.option(
    "--strategy",
    "strategies",
    multiple=True,
    metavar="KEY",
    shell_complete=completion.strategies,
    help="Strategy instead of the plan's; repeatable.",
)
@click.option("--seeds", type=int, help="How many seeds, from 0; five predict every patient once.")
@click.option("--seed", type=int, multiple=True, metavar="N", help="The value of a seed, instead of 0 on; repeatable.")
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="STRATEGY.FIELD=VALUE",
    help="A parameter of a strategy of the plan, as `chainward show` lists them; repeatable.",
)
@click.option("--rounds", type=int, help="Rounds instead of the task's.")
@click.option("--split", help="by-patient, leave-one-hospital-out or by-time: who is tested.")
@click.option(
    "--partition",
    metavar="KIND[:NAME=VALUE,...]",
    help="Deal patients anew: iid, labels, quantity, features, or sample of the largest hospitals.",
)
@click.option("--preparation", help="federated or per-hospital: by what patients are prepared.")
@click.option("--track", help="common, tuned or published.")
@click.option("--training", multiple=True, metavar="NAME=VALUE", help="How all train, e.g. learning_rate=0.1.")
@click.option(
    "--engine",
    metavar="KEY",
    shell_complete=completion.engines,
    help="Where local work runs; see `chainward list engines`.",
)
@click.option("--insecure", is_flag=True, help="A Flower deployment without TLS and authentication.")
@click.option("--device", help="auto, cpu or cuda.")
@click.option(
    "--ledger",
    metavar="KEY",
    shell_complete=completion.ledgers,
    help="Where contracts run; see `chainward list ledgers`.",
)
@click.option("--consensus", help="Model of block times: poa, pos, pow, pbft, raft or committee.")
@click.option("--absent", multiple=True, metavar="HOSPITAL[:ROUNDS]", help="A hospital that does not answer.")
@click.option("--delay", multiple=True, metavar="HOSPITAL:SECONDS", help="A hospital that answers late.")
@click.option(
    "--attack", "attacks", multiple=True, metavar="KIND[:SHARE[:STRENGTH]]", help="Hospitals that attack; none: honest."
)
@click.option("--speed", multiple=True, metavar="NAME=VALUE", help="An assumption of the time model.")
@click.option("--estimate", is_flag=True, help="Print what the plan will cost, from small trials, and run nothing.")
@click.option("--json", "json_output", is_flag=True, help="Print the leaderboard as JSON.")
def command(
    plan: tuple[str, ...],
    claims: bool,
    out: Path | None,
    jobs: str,
    ray_address: str | None,
    trial_timeout: float | None,
    trial_memory: float | None,
    in_process: bool,
    estimate: bool,
    json_output: bool,
    **options: Any,
) -> None:
    """Run PLAN and write its report; without one, all strategies on each --task.

    PLAN is a TOML file, or the name of a plan that comes with chainward: see `chainward list plans`.

    What is already recorded in the folder is not run again, so an interrupted run goes on where it was. Each trial
    runs in a process of its own: one that fails, crashes or is over a limit is a failed record, and the others go on.

    \b
    Examples:
      chainward run demo
      chainward run demo --jobs 2 --out reports/quick --seeds 1
      chainward run demo --strategy bflc --task heart --absent Hungary:3,4
      chainward run line-up --strategy two_cp --param two_cp.setting=consortium --seed 7
      chainward run demo --trial-timeout 600 --trial-memory 4000
      chainward run demo --attack none --attack sign_flip:0.3:4
      chainward run --claims bflc biscotti
      chainward run --task csv:cohort.csv --label died --site hospital --patient id
      chainward run demo --task stroke --partition labels:hospitals=10,concentration=0.3
      chainward run demo --estimate
    """
    from chainward.cli.progress import run_with_progress
    from chainward.cli.stopping import stoppable
    from chainward.trials.alone import alone_in, writable

    place = _place(jobs, ray_address, trial_timeout, trial_memory, in_process)
    loaded = _plan(plan, claims, overrides(options))
    if estimate:
        from chainward.cli.estimate import print_estimates

        print_estimates(loaded, json_output)
        return
    folder = out or Path("reports") / loaded.name
    writable(folder)
    with stoppable("run the same command to go on"), alone_in(folder):
        run_with_progress(loaded, folder, place, json_output)


def _plan(named: tuple[str, ...], claims: bool, given: dict[str, Any]) -> Any:
    """Read the one plan, or make that of papers' claims, and see that what its papers claim can be judged."""
    from chainward.judges import checked_claims
    from chainward.names import visible
    from chainward.plans.file import of_claims, of_options, read
    from chainward.plans.shipped import find
    from chainward.strategy import discovery

    alone = not named and bool(given.get("tasks"))
    if not claims and len(named) != 1 and not alone:
        raise click.UsageError("name one PLAN, or a --task, or --claims with papers or none")
    if claims:
        plan = of_claims(named, given)
    elif alone:
        plan = of_options(tables.plan_name(given["tasks"][0]), given)
    else:
        found = find(named[0])
        if found.told:
            click.echo(visible(found.told), err=True)
        plan = read(found.path, given)
    for key in sorted({strategy.key for leaf in plan.leaves for strategy in leaf.strategies}):
        checked_claims(discovery.load(key))
    return plan
