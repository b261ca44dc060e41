"""A Flower app on disk: a strategy, its task and the hospitals' records, ready for `flwr run`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from chainward.engines.flower.hospital import places
from chainward.files import replace_files
from chainward.plans.resolve import resolve
from chainward.plans.specification import Specification
from chainward.trials.flower import run_config

_PROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "chainward-{name}"
version = "1.0.0"
description = "{title}"
license = "Apache-2.0"
dependencies = ["chainward[flower]"]

[tool.hatch.build.targets.wheel]
packages = ["."]

[tool.flwr.app]
publisher = "chainward"

[tool.flwr.app.components]
serverapp = "paper:server"
clientapp = "paper:client"

[tool.flwr.app.config]
{config}
"""

_PAPER = '''"""{title}, as a Flower app: the strategy at the server, its local functions at the hospitals."""

from flwr.app import ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp

from chainward.engines.flower.app import HospitalApp
from chainward.trials.flower import strategy_of

server = ServerApp()
client = HospitalApp()


@server.main()
def main(grid: Grid, context: Context) -> None:
    config = context.run_config
    strategy_of(config).start(grid, ArrayRecord(), config["rounds"], config["timeout"])
'''


def write_app(specification: Specification, folder: Path, timeout_s: float) -> dict[str, Path]:
    """Write the app and return the folder of each hospital's records, which are no part of what Flower sends around.

    Raises:
        ChainwardError: there is no such strategy or task.
    """
    root = folder.resolve()
    resolved = resolve(specification)
    config = run_config(specification, root, timeout_s)
    title = json.dumps(resolved.strategy.card.title)[1:-1]
    name = "".join(letter if letter.isalnum() else "-" for letter in specification.strategy)[:20]
    files = {
        "pyproject.toml": _PROJECT.format(name=name, title=title, config=_toml(config)),
        "paper.py": _PAPER.format(title=title),
        ".gitignore": "hospitals/\nreport/\n",
    }
    replace_files({root / file: content.encode() for file, content in files.items()})
    dataset = resolved.task.dataset(specification.seed, specification.division)
    rows = {hospital.name: hospital.train for hospital in dataset.hospitals}
    held_out = {hospital.name: hospital.validation for hospital in dataset.hospitals}
    return {name: place.directory for name, place in places(root / "hospitals", rows, held_out).items()}


def _toml(values: Mapping[str, str | int | float]) -> str:
    return "\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items())
