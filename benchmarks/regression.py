"""Trials of a fixed plan against what they were: gas, time and predictions that must not change unseen.

python benchmarks/regression.py     # as `make baselines`: print what changed, and renew the baseline
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from chainward.cli.compare import print_changes
from chainward.plans.file import read as read_plan
from chainward.plans.resolve import resolve
from chainward.plans.specification import Specification
from chainward.report.tables.snapshot import snapshot_of
from chainward.results import gates, snapshots
from chainward.results.change_words import version_words
from chainward.results.changes import changes
from chainward.results.collection import InMemory, Results
from chainward.results.gates import Beyond
from chainward.results.record import Completed
from chainward.results.snapshots import Snapshot, Timed
from chainward.results.store import Ended
from chainward.trials.attempt import attempt
from chainward.trials.sweep import job_of
from chainward.trials.threads import one_thread

HERE = Path(__file__).parent
PLAN, BASELINE = HERE / "regression.toml", HERE / "baselines" / "regression" / "snapshot.json"
GATES = BASELINE.with_name("gates.toml")
REPEATS = 2
"""A trial is run so often; the least of its times is the one that least else of the machine is in."""
AGAIN = 2
"""How often trials that are too slow are run again."""


def specifications() -> list[Specification]:
    """The trials of the plan."""
    return list(read_plan(PLAN, {}).specifications())


def kernel() -> float:
    """Seconds of the calibration kernel: what trials are made of, small products in PyTorch and hashing in Python."""
    first, second = torch.ones(8, 32, 31), torch.full((8, 31, 64), 1e-3)
    started = time.perf_counter()
    for _ in range(400):
        first = torch.relu(torch.bmm(torch.bmm(first, second), second.mT))
    link = b""
    for number in range(20_000):
        link = hashlib.sha256(link + number.to_bytes(32, "big")).digest()
    return time.perf_counter() - started


def run(specification: Specification) -> tuple[Ended, Timed]:
    """Run a trial and the kernel in turns; return the trial and the least seconds of both.

    Raises:
        AssertionError: the same trial came out otherwise the second time.
    """
    job, calibrated, ended = job_of(resolve(specification)), [], []
    with one_thread():
        for _ in range(REPEATS):
            calibrated.append(kernel())
            ended.append(attempt(job, None, "cpu"))
    records = [one.record for one in ended]
    walls = [one.measured.wall_s for one in records if isinstance(one, Completed)]
    assert len({one.predictions for one in ended}) == 1, f"{specification.label}: two runs differ in predictions"
    return ended[-1], Timed(min(walls, default=0.0), min(calibrated))


def measured(wanted: Iterable[Specification]) -> Snapshot:
    """Run trials and return their snapshot, with times beside the kernel's."""
    found = [run(one) for one in wanted]
    times = {ended.record.id: timed for ended, timed in found}
    files = {ended.record.id: ended.predictions for ended, _ in found if ended.predictions is not None}
    results = Results(tuple(ended.record for ended, _ in found), {}, InMemory(files))
    return snapshot_of(results, lambda record: times[record.id])


def regressions(before: Snapshot, after: Snapshot) -> tuple[Beyond, ...]:
    """What is beyond the gates of the baseline."""
    return gates.beyond(changes(before, after), gates.read(GATES))


def settled(before: Snapshot, wanted: Sequence[Specification]) -> Snapshot:
    """As `measured`; trials that are too slow are run again, since a busy machine passes and a regression stays."""
    found = measured(wanted)
    for _ in range(AGAIN):
        slow = {(one.line.strategy, one.line.task) for one in regressions(before, found) if one.quantity == "time"}
        again = {line.key: line for line in measured(one for one in wanted if (one.strategy, one.task) in slow).lines}
        found = replace(found, lines=tuple(again.get(line.key, line) for line in found.lines))
    return found


def message(before: Snapshot, after: Snapshot) -> str:
    """What is beyond the gates, a line each, and what may have to do with it; empty where nothing is."""
    told = [str(one) for one in regressions(before, after)]
    other = version_words(changes(before, after))
    return "\n".join([*told, *([f"other versions: {other}"] if other else [])]) if told else ""


def renew() -> None:
    """Print what changed since the baseline was written, and write it anew."""
    found = measured(specifications())
    failed = [f"{line.name}: {why}" for line in found.lines for why in line.failed.values()]
    if failed:
        sys.exit("no baseline is written, since trials failed:\n" + "\n".join(failed))
    if BASELINE.exists():
        before = snapshots.read(BASELINE)
        print_changes(changes(before, found), regressions(before, found))
    snapshots.write(BASELINE, found)
    print(f"\n{BASELINE.relative_to(HERE.parent)}: {BASELINE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    renew()
