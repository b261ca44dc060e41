"""`chainward rerun`."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainward.cli.paths import Folder
from chainward.errors import ChainwardError
from chainward.names import quoted

if TYPE_CHECKING:
    from chainward.results.sameness import Quantity
    from chainward.results.store import Ended
    from chainward.trials.again import Again

_LIMIT = click.FloatRange(min=0, min_open=True)


@click.command("rerun")
@click.argument("folder", type=Folder(path_type=Path))
@click.argument("identifiers", nargs=-1, required=True, metavar="ID...")
@click.option("--trial-timeout", type=_LIMIT, metavar="SECONDS", help="End a trial that takes longer [no limit].")
@click.option(
    "--trial-memory", type=_LIMIT, metavar="MIB", help="End a trial whose process takes more MiB than this [no limit]."
)
@click.option("--json", "json_output", is_flag=True, help="Print the outcome as JSON.")
def command(
    folder: Path,
    identifiers: tuple[str, ...],
    trial_timeout: float | None,
    trial_memory: float | None,
    json_output: bool,
) -> None:
    """Run trials recorded in FOLDER again, exactly as they were specified, and tell whether they come out equal.

    ID is the name of a record, or as much of its beginning as no other shares. Compared is what the same code makes of
    the same patients on any machine: predictions, rounds, gas, bytes, disclosures, outcomes, modelled latency. Nothing
    in FOLDER changes. Exits with 1 if something differs.

    \b
    Examples:
      chainward rerun reports/demo 3f2a91bc04
      chainward rerun reports/demo 3f2a91bc04 77c0 --json
    """
    from chainward.cli.output import as_json

    trials = _recorded(folder, identifiers)
    found = _run(trials, trial_timeout, trial_memory)
    equal = all(one.equal for one in found)
    if json_output:
        as_json({"equal": equal, "trials": [_document(one) for one in found]})
    else:
        for one in found:
            _print(one)
    if not equal:
        sys.exit(1)


def _recorded(folder: Path, identifiers: Sequence[str]) -> list[Ended]:
    """The trials of these names, each once, held against the folder's manifest where there is one."""
    from chainward.results.folder import MANIFEST, read_manifest
    from chainward.results.store import identifiers as known
    from chainward.trials.again import recorded

    names = known(folder)
    if not names:
        raise ChainwardError(f"{folder}: no records here; name the folder of a report")
    manifest = read_manifest(folder) if (folder / MANIFEST).exists() else None
    asked = dict.fromkeys(_named(names, given, folder) for given in identifiers)
    return [recorded(folder, identifier, manifest) for identifier in asked]


def _named(names: Sequence[str], given: str, folder: Path) -> str:
    """The one name that begins so."""
    fitting = [name for name in names if given and name.startswith(given.lower())]
    if not fitting:
        raise ChainwardError(f"{folder}: no record begins with {quoted(given)}; records.csv lists them")
    if len(fitting) > 1:
        shortest = next(n for n in range(len(given), 65) if len({name[:n] for name in fitting}) == len(fitting))
        some = ", ".join(name[:shortest] for name in fitting[:5])
        raise ChainwardError(f"{folder}: {len(fitting)} records begin with {quoted(given)}; write more of it: {some}")
    return fitting[0]


def _run(trials: Sequence[Ended], timeout_s: float | None, memory_mib: float | None) -> list[Again]:
    from rich.console import Console

    from chainward import leftovers
    from chainward.cli.stopping import stoppable
    from chainward.trials.again import run_again
    from chainward.trials.guard import left_to_a_guard
    from chainward.trials.isolated import Limits
    from chainward.trials.workers import Workers

    for option, value in (("--trial-timeout", timeout_s), ("--trial-memory", memory_mib)):
        if value is not None and math.isnan(value):
            raise ChainwardError(f"{option} {value}: write a number above zero")
    place = Workers(1, Limits(timeout_s, memory_mib))
    with stoppable("nothing was changed"), left_to_a_guard(), Console(stderr=True).status("") as status:
        leftovers.clean_temporary()
        place.prepare()
        found = []
        for trial in trials:
            status.update(f"running {trial.record.specification.label} again")
            found.append(run_again(trial, place, _device(trial)))
        return found


def _device(trial: Ended) -> str:
    """The kind of device that the record names, where this machine has one."""
    import torch

    wanted = trial.record.provenance.device.partition(":")[0]
    return "cuda" if wanted == "cuda" and torch.cuda.is_available() else "cpu"


def _notes(one: Again) -> list[str]:
    """What a reader must know before the comparison."""
    told = []
    if not one.same_code:
        told.append(f"its code is no longer that of the record: a run today would name this trial {one.job.identifier}")
    if not one.same_data:
        told.append("its patients are no longer those of the record")
    before, now = one.recorded.provenance.device, one.record.provenance.device
    if before and now and before != now:
        told.append(f"it was recorded on {before} and was run again on {now}")
    if one.record.status == "failed":
        told.append(f"run again it failed: {one.record.error.type}: {one.record.error.message}")
    return told


def _document(one: Again) -> dict[str, Any]:
    """The outcome as plain data."""
    specification = one.recorded.specification
    return {
        "id": one.recorded.id,
        **{name: getattr(specification, name) for name in ("strategy", "task", "seed")},
        "equal": one.equal,
        "same_code": one.same_code,
        "same_data": one.same_data,
        "notes": _notes(one),
        "quantities": [{**vars(quantity), "equal": quantity.equal} for quantity in one.quantities],
    }


def _print(one: Again) -> None:
    from chainward.cli.output import as_table, tell

    columns = {"name": "quantity", "outcome": "", "largest": "largest difference", "where": "where"}
    as_table([_line(quantity) for quantity in one.quantities], columns, title=_title(one))
    for note in _notes(one):
        tell(f"note: {note}")


def _title(one: Again) -> str:
    verdict = "equal" if one.equal else "differs"
    return f"\n{one.recorded.id[:12]} {one.recorded.specification.label}: {verdict}"


def _line(quantity: Quantity) -> dict[str, Any]:
    if quantity.equal:
        return {"name": quantity.name, "outcome": "equal", "largest": "", "where": ""}
    largest = "" if quantity.largest is None else f"{quantity.largest:.6g}"
    where = f"{quantity.where}; {quantity.differing} of {quantity.values} values"
    return {"name": quantity.name, "outcome": "differs", "largest": largest, "where": where}
