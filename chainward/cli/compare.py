"""`chainward compare`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainward.cli.paths import Folder

if TYPE_CHECKING:
    from chainward.results.changes import Change, Changes
    from chainward.results.gates import Beyond
    from chainward.results.snapshots import Snapshot

_COLUMNS = {
    "label": "strategy",
    "auroc": "AUROC (95 %)",
    "gas": "gas",
    "latency": "latency",
    "bytes": "bytes",
    "disclosures": "seen",
    "time": "time",
}
MOST = 60
"""How many causes are printed of one table."""


@click.command("compare")
@click.argument("before", type=Folder(path_type=Path), metavar="A")
@click.argument("after", type=Folder(path_type=Path), metavar="B")
@click.option("--gates", "gates_file", type=Folder(path_type=Path), help="What may change [benchmarks/gates.toml].")
@click.option("--keep", type=Folder(path_type=Path), metavar="FILE", help="Write what B came to, as a later A.")
@click.option("--json", "json_output", is_flag=True, help="Print all figures as JSON.")
def command(before: Path, after: Path, gates_file: Path | None, keep: Path | None, json_output: bool) -> None:
    """Tell what changed from report A to report B. Each is a folder, or a file that --keep wrote.

    Accuracy by paired differences on the same patients, gas, latency, bytes and disclosures exactly, measured time as
    a ratio. Exits with 1 where something changed beyond the gates, and names the cause.

    \b
    Examples:
      chainward compare reports/before reports/after
      chainward compare reports/before reports/after --json
      chainward compare baseline.json reports/after --gates gates.toml
    """
    from chainward.folders import GATES
    from chainward.results import gates, snapshots
    from chainward.results.changes import changes

    limits = gates.read(gates_file or GATES)
    first, second = _read(before), _read(after)
    found = changes(first, second)
    failures = gates.beyond(found, limits)
    if keep is not None:
        snapshots.write(keep, second)
    if json_output:
        _print_json(found, failures)
    else:
        print_changes(found, failures)
        _print_verdict(failures, f"gates of {gates_file}" if gates_file else "shipped gates")
    if failures:
        sys.exit(1)


def _read(path: Path) -> Snapshot:
    """Read the snapshot of a report folder, or one that was kept.

    Raises:
        ChainwardError: there is neither, or its files are not what they should be.
    """
    from chainward.errors import ChainwardError
    from chainward.report.tables.snapshot import snapshot_of
    from chainward.results import snapshots
    from chainward.results.folder import opened, read_manifest

    if not path.is_dir():
        return snapshots.read(path)
    try:
        return snapshot_of(opened(path, read_manifest(path)))
    except ChainwardError as error:
        raise ChainwardError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    except ValueError as error:
        raise ChainwardError(f"{path}: {error}; run the trial again") from None


def _print_json(found: Changes, failures: Sequence[Beyond]) -> None:
    from chainward.cli.output import as_json
    from chainward.report.tables.changes import change_row, line_row

    as_json(
        {
            "within_gates": not failures,
            "beyond": [
                {"quantity": one.quantity, **line_row(one.line), "told": one.told, "message": str(one)}
                for one in failures
            ],
            "lines": [change_row(one) for one in found.lines],
            "added": [line_row(line) for line in found.added],
            "versions": {name: list(pair) for name, pair in found.versions.items()},
            "removed": [line_row(line) for line in found.removed],
        }
    )


def print_changes(found: Changes, failures: Sequence[Beyond]) -> None:
    """Print one table a task and setting, and under it what changed and by what; `!` marks what is beyond a gate."""
    from chainward.cli.output import as_table, tell
    from chainward.results.change_words import version_words

    for (task, setting), members in groupby(found.lines, key=lambda one: (one.after.task, one.after.setting)):
        lines = list(members)
        as_table([_row(one) for one in lines], _COLUMNS, title=f"\n{task}: {setting}")
        causes = [cause for one in lines for cause in _causes(one, failures)]
        tell("\n".join(causes[:MOST]) if causes else "  nothing changed")
        if causes[MOST:]:
            tell(f"  and {len(causes) - MOST} more, which --json prints")
    if found.versions:
        tell(f"\n  other versions: {version_words(found)}")
    held = any(one.line in found.removed for one in failures)
    others = {"  added": found.added, "! removed" if held else "  removed": found.removed}
    told = [f"{word}: {line.name} ({line.setting})" for word, lines in others.items() for line in lines]
    if told:
        tell("\n".join(["", *told]))


def _print_verdict(failures: Sequence[Beyond], gates: str) -> None:
    from chainward.cli.output import tell

    count = f"{len(failures)} change{'s' * (len(failures) > 1)} beyond the {gates}, marked with !"
    tell(f"\n{count}" if failures else f"\nwithin the {gates}")


def _row(change: Change) -> dict[str, Any]:
    from chainward.results.change_words import cost_cell

    time = change.time
    return {
        "label": change.after.label,
        "auroc": _auroc(change),
        **{name: cost_cell(cost) for name, cost in change.costs.items()},
        "time": None if time is None else f"{time.ratio:.2g} x",
    }


def _auroc(change: Change) -> str | None:
    from chainward.results.change_words import signed

    found = change.accuracy
    if found is None:
        return None
    if found.equal:
        return "equal"
    if found.difference is None:
        return "not estimable"
    moved = found.difference
    return f"{signed(moved.estimate)} +- {moved.high - moved.estimate:.3f}"


def _causes(change: Change, failures: Sequence[Beyond]) -> Iterator[str]:
    """What is to be said of a line besides its row: what is beyond a gate, each change of a cost, what lacks."""
    from chainward.results.change_words import cost_words, lost_words, rounding_words, time_words

    name, found = change.after.label, change.accuracy
    beyond = [one for one in failures if one.line is change.after]
    yield from (f"! {one}" for one in beyond)
    quantities = {one.quantity for one in beyond}
    if found is not None and not found.equal and "accuracy" not in quantities:
        yield f"  accuracy of {name}: a patient's probability moved by up to {found.apart:.2g}"
    for quantity, cost in change.costs.items():
        if cost.moved and quantity not in quantities:
            yield f"  {quantity} of {name}: {cost_words(quantity, cost)}"
        if cost.rounded:
            yield f"  {quantity} of {name}: {rounding_words(cost)}"
    if "trials" not in quantities:
        yield from (f"  trials of {name}: {told}" for told in lost_words(change))
    if change.time and change.time.low and change.time.high and not change.time.low <= 1 <= change.time.high:
        yield f"  time of {name}: {time_words(change.time)}"
    if change.other_code and not change.equal:
        yield f"  {name}: its code is another"
    yield from (f"  {name}: {note}" for note in change.notes)
