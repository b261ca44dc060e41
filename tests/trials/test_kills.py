"""Kill a run at any moment, in any way: nothing it started lives on, and the same command goes on to the same tables.

`CHAINWARD_KILLS=100,30,30,10 pytest tests/trials/test_kills.py -s` tries so many kills of the whole group, of the run
alone, of one worker and of the template they are forked from; some half an hour.
"""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from left_processes import nothing_left

from chainward.folders import CHECKOUT
from chainward.leftovers import is_orphaned
from chainward.results import folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="counts processes by /proc"),
]

KILLS = [int(number) for number in os.environ.get("CHAINWARD_KILLS", "1,1,1,1").split(",")]
PATIENCE_S, TRIALS = 180.0, 24
PLAN = """\
strategies = ["fedavg", "local_only", "bflc"]
seeds = 8
rounds = 2

[[tasks]]
key = "synthetic"
hospitals = 4
patients = 30
"""


def start(plan: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "chainward", "run", str(plan), "--out", str(out), "--jobs", "2"]
    return subprocess.Popen(
        command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def recorded(out: Path) -> int:
    return len(list(out.glob("records/*.json")))


def await_records(out: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while recorded(out) < count and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)


def leaderboard(out: Path) -> list[dict[str, str]]:
    """The leaderboard without measured times."""
    with (out / "leaderboard.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if not k.startswith("compute_")} for row in csv.DictReader(file)]


def workers(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The run's workers: the children of its template."""
    with suppress(psutil.Error):
        children = psutil.Process(process.pid).children()
        return [
            worker for child in children if "forkserver" in " ".join(child.cmdline()) for worker in child.children()
        ]
    return []


def kill_group(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def kill_main(process: subprocess.Popen[bytes]) -> None:
    process.kill()


def kill_worker(process: subprocess.Popen[bytes]) -> None:
    """Kill one; the run goes on."""
    for worker in workers(process)[:1]:
        with suppress(psutil.Error):
            worker.kill()
    assert process.wait(PATIENCE_S) in (0, 1)


def nothing_half_done(out: Path) -> None:
    assert not list(out.rglob("*.part"))
    assert not [path.name for path in Path(tempfile.gettempdir()).glob("chainward-*") if is_orphaned(path.name)]


def kill_template(process: subprocess.Popen[bytes]) -> None:
    """Kill what workers are forked from, which ends them too; the run goes on with another."""
    for child in psutil.Process(process.pid).children():
        with suppress(psutil.Error):
            if "forkserver" in " ".join(child.cmdline()):
                child.kill()
    assert process.wait(PATIENCE_S) in (0, 1)


KINDS = (kill_group, kill_main, kill_worker, kill_template)


def test_a_killed_run_leaves_nothing_and_goes_on(tmp_path: Path) -> None:
    plan, whole, out = tmp_path / "plan.toml", tmp_path / "whole", tmp_path / "killed-0"
    plan.write_text(PLAN)
    assert start(plan, whole).wait(PATIENCE_S) == 0
    expected = leaderboard(whole)
    kinds = [kind for kind, number in zip(KINDS, KILLS, strict=True) for _ in range(number)]
    seed = int(os.environ.get("CHAINWARD_KILLS_SEED", time.time_ns() % 1000))
    draw = random.Random(seed)
    draw.shuffle(kinds)
    for number, kill in enumerate(kinds):
        with nothing_left(patience_s=5.0):
            process = start(plan, out)
            await_records(out, recorded(out) + draw.randint(1, 4), process)
            time.sleep(draw.uniform(0, 0.4))
            before = recorded(out)
            kill(process)
            process.wait(PATIENCE_S)
        assert recorded(out) >= before
        print(f"seed {seed}, kill {number}: {kill.__name__} at {before} of {TRIALS}", flush=True)
        if recorded(out) > TRIALS - 5 or kill in (kill_worker, kill_template) or number == len(kinds) - 1:
            assert start(plan, out).wait(PATIENCE_S) == 0
            assert leaderboard(out) == expected
            assert not folder.verify(out, folder.read_manifest(out))
            nothing_half_done(out)
            out = tmp_path / f"killed-{number + 1}"
