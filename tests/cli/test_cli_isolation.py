"""Whatever a trial does to its process, it costs its own record only: the sweep goes on and ends with code 1."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chainward.results import store
from chainward.results.record import Record
from chainward.testing import without_times

posix = pytest.mark.skipif(sys.platform != "linux", reason="signals and limits of Linux")

FATAL = {
    "leaves": ("sys.exit(0)", "SystemExit", "0"),
    "vanishes": ("os._exit(0)", "ProcessEnded", "exit code 0"),
    "vanishes_loudly": ("os._exit(3)", "ProcessEnded", "exit code 3"),
    "crashes": ("ctypes.string_at(0)", "ProcessEnded", "SIGSEGV"),
    "is_killed": ("os.kill(os.getpid(), signal.SIGKILL)", "ProcessEnded", "SIGKILL"),
    "aborts": ("os.abort()", "ProcessEnded", "SIGABRT"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt", "in round"),
    "generates": ("raise GeneratorExit", "GeneratorExit", "in round"),
    "panics": ("pyrevm.EVM(fork_url='nowhere://')", "PanicException", "in round"),
    "hangs_up": ("os.closerange(3, 1000)", None, ""),
    "hangs": ("time.sleep(600)", "Timeout", "in round"),
    "eats": ("food = [(time.sleep(0.02), b'x' * (1 << 25)) for _ in range(100)]", "OutOfMemory", "1000 MiB"),
}
"""What a round does, with the type of the error on record and a part of its message."""

BENIGN = {
    "moves": "os.chdir('/')",
    "doubles": "torch.set_default_dtype(torch.float64)",
    "raises_on_zero": "np.seterr(all='raise')",
    "warns": "warnings.simplefilter('error')",
    "reseeds": "random.seed(1); np.random.seed(1); torch.manual_seed(1)",
    "sets": "os.environ.update(OMP_NUM_THREADS='7', CHAINWARD_DATA='/nowhere', HOME='/nowhere')",
    "hides": "sys.modules.pop('chainward.codec'); sys.path.clear()",
    "patches": "np.mean = None; torch.zeros = None",
    "threads": "threading.Thread(target=time.sleep, args=(600,)).start()",
    "begets": "subprocess.Popen(['sleep', '597'])",
    "prints": "print('{{{')",
}
"""What a round leaves behind; the trial itself ends as FedAvg's does or fails by itself."""

BODY = (
    "def round(self, state, world):\n"
    "        import ctypes, os, random, signal, subprocess, sys, threading, time, warnings\n"
    "        import numpy as np, pyrevm, torch\n"
    "        found = super().round(state, world)\n"
    "        {}\n"
    "        return found"
)


def run(plan: Path, out: Path, chainward: Callable[..., Any], *options: Any) -> Any:
    return chainward("run", plan, "--out", out, "--seeds", 1, *options)


def by_strategy(out: Path) -> dict[str, Record]:
    return {one.specification.strategy: one for one in store.read_all(out)}


@posix
def test_a_bad_trial_is_one_failed_record(plan, tmp_path, chainward, strategy_package, finished) -> None:
    for key, (statement, _, _) in FATAL.items():
        strategy_package(key, BODY.format(statement))
    names = [option for key in FATAL for option in ("--strategy", key)]
    out = tmp_path / "bad"
    limits = ("--trial-timeout", 12, "--trial-memory", 1000)
    told = run(plan, out, chainward, *names, "--strategy", "fedavg", *limits, "--jobs", 2)
    assert told.code == 1
    found = by_strategy(out)
    assert set(found) == {*FATAL, "fedavg"}
    for key, (_, kind, part) in FATAL.items():
        if kind is not None:
            error = found[key].error
            assert error.type == kind, (key, error)
            assert part in error.message, (key, error)
    for key in ("vanishes", "crashes", "hangs", "eats"):
        assert f"{key} on synthetic, seed 0" in found[key].error.message
    assert "in string_at" in found["crashes"].error.message
    clean = {one.id: without_times(one) for one in store.read_all(finished.folder)}
    assert without_times(found["fedavg"]) == clean[found["fedavg"].id]


@posix
def test_a_trial_leaves_nothing_to_the_next(plan, tmp_path, chainward, strategy_package, finished) -> None:
    """Each is followed by a trial whose record must be that of a clean run."""
    twins = {f"after_{key}": key for key in BENIGN}
    for key, statement in BENIGN.items():
        strategy_package(key, BODY.format(statement))
        strategy_package(f"after_{key}", "pass")
    names = [option for twin, key in twins.items() for option in ("--strategy", key, "--strategy", twin)]
    out = tmp_path / "bad"
    told = run(plan, out, chainward, *names, "--json")
    assert told.code in (0, 1)
    found = by_strategy(out)
    fedavg = next(one for one in store.read_all(finished.folder) if one.specification.strategy == "fedavg")
    for twin in twins:
        assert found[twin].status == "completed", found[twin].error
        for part in ("predictions", "setup", "rounds"):
            assert getattr(without_times(found[twin]), part) == getattr(without_times(fedavg), part), twin
    assert not subprocess.run(["pgrep", "-f", "sleep 597"], capture_output=True, check=False).stdout


def test_in_process_gives_the_same_records(finished, plan, tmp_path, chainward) -> None:
    other = tmp_path / "other"
    assert chainward("run", plan, "--out", other, "--in-process").code == 0
    here, there = ({one.id: without_times(one) for one in store.read_all(at)} for at in (finished.folder, other))
    assert here == there


def test_in_process_too_a_strategy_cannot_leave(plan, tmp_path, chainward, strategy_package) -> None:
    strategy_package("leaves_here", BODY.format("os.chdir('/'); sys.exit(0)"))
    out = tmp_path / "bad"
    told = run(plan, out, chainward, "--strategy", "leaves_here", "--strategy", "fedavg", "--in-process")
    assert told.code == 1
    assert {key: one.status for key, one in by_strategy(out).items()} == {
        "fedavg": "completed",
        "leaves_here": "failed",
    }


@pytest.mark.parametrize("option", [("--jobs", 2), ("--trial-timeout", 5), ("--trial-memory", 900)])
def test_in_process_takes_no_option_that_needs_processes(option, plan, tmp_path, chainward) -> None:
    assert "--in-process" in run(plan, tmp_path / "none", chainward, "--in-process", *option).complaint


def test_a_long_message_is_one_line_on_the_terminal_and_bounded_on_record(
    plan, tmp_path, chainward, strategy_package
) -> None:
    strategy_package("babbles", BODY.format("raise ValueError('start\\\\n' + 'word ' * 20_000 + 'end')"))
    out = tmp_path / "bad"
    started = time.monotonic()
    told = run(plan, out, chainward, "--strategy", "babbles")
    (line,) = (line for line in told.err.splitlines() if line.startswith("failed: babbles"))
    assert len(line) <= 500
    assert line.endswith("…")
    error = by_strategy(out)["babbles"].error
    for text in (error.message, error.traceback):
        assert len(text) <= 20_000
        assert text.rstrip().endswith("end")
    assert error.message.startswith("start")
    assert time.monotonic() - started < 60


def test_a_failed_record_names_no_folder_of_this_machine(plan, tmp_path, chainward, strategy_package) -> None:
    strategy_package("tells", BODY.format("torch.zeros(1).view(7, os.getcwd())"))
    strategy_package("tells_where", BODY.format("raise ValueError(np.__file__, os.getcwd() + '/x.csv', __file__)"))
    out = tmp_path / "bad"
    run(plan, out, chainward, "--strategy", "tells", "--strategy", "tells_where")
    for found in by_strategy(out).values():
        text = found.error.message + found.error.traceback
        for folder in (Path.cwd(), Path.home(), Path(sys.prefix), tmp_path):
            assert f"{folder}/" not in text, text
    assert 'File "chainward/trials/run.py"' in by_strategy(out)["tells"].error.traceback
    assert "site-packages/numpy/__init__.py" in by_strategy(out)["tells_where"].error.message


@pytest.mark.parametrize("option", ["--trial-timeout", "--trial-memory"])
def test_a_limit_is_a_number(option: str, plan, tmp_path, chainward) -> None:
    assert f"{option} nan" in run(plan, tmp_path / "none", chainward, option, "nan").complaint
    assert "not in the range x>0" in run(plan, tmp_path / "none", chainward, option, 0).err
