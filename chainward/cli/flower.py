"""`chainward flower`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from chainward.cli import completion
from chainward.cli.paths import Folder


@click.group("flower")
def command() -> None:
    """Take a strategy to Flower.

    \b
    Example:
      chainward flower export bflc my_app
    """


@command.command("export")
@click.argument("strategy", shell_complete=completion.strategies)
@click.argument("folder", type=Folder(path_type=Path))
@click.option("--task", default="heart", show_default=True, shell_complete=completion.tasks, help="The patients.")
@click.option("--seed", type=int, default=0, show_default=True, help="The split, and all randomness.")
@click.option("--rounds", type=click.IntRange(min=1), help="Rounds instead of the task's.")
@click.option(
    "--timeout", type=float, default=120.0, show_default=True, help="Seconds until a silent hospital is absent."
)
@click.option("--json", "json_output", is_flag=True, help="Print the hospitals' folders as JSON.")
def export(
    strategy: str, folder: Path, task: str, seed: int, rounds: int | None, timeout: float, json_output: bool
) -> None:
    """Write a Flower app for STRATEGY into FOLDER, with a folder of records for each hospital.

    `flwr run FOLDER` starts it; the record of the trial is written to FOLDER/report.

    \b
    Examples:
      chainward flower export bflc my_app
      chainward flower export fedavg my_app --task synthetic --rounds 3
    """
    from chainward import tasks
    from chainward.cli.output import as_json, tell
    from chainward.plans.specification import Specification
    from chainward.strategy import discovery
    from chainward.trials.alone import writable
    from chainward.trials.flower_export import write_app

    discovery.build(strategy, {})  # before a folder is made for it
    many = rounds or tasks.load(task).rounds
    specification = Specification(strategy=strategy, task=task, seed=seed, rounds=many, engine="flower-deployment")
    writable(folder)
    hospitals = write_app(specification, folder, timeout)
    if json_output:
        as_json({"app": str(folder), "hospitals": {name: str(path) for name, path in hospitals.items()}})
        return
    tell(f"{folder}: a Flower app of {strategy} on {task}. Start each hospital's SuperNode with\n")
    for name, path in hospitals.items():
        config = f'directory="{path}" store="{path.parent / "store"}"'
        tell(f"  {name}: --node-config {shlex.quote(config)}")
    tell(f"\nand then: flwr run {folder}")
