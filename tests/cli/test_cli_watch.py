"""What a run tells while it goes on: what runs now, when all will have ended, and what went wrong."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainward.cli.stopping import stoppable
from chainward.cli.watch import Watch, clock, remaining, told, watched
from chainward.errors import Stopped
from chainward.plans.specification import Specification
from chainward.trials.sweep import Job, Sweep

A, B = ("a", "t", 1), ("b", "t", 1)


def job(strategy: str, seed: int = 0) -> Job:
    return Job(Specification(strategy, "t", seed, 1), f"{strategy}{seed}" + 62 * "0", "", "")


def failed(message: str) -> Any:
    return SimpleNamespace(status="failed", error=SimpleNamespace(message=message))


def test_the_end_is_told_by_trials_of_the_same_setting() -> None:
    assert remaining({}, [(A, 0.0)], [A]) is None
    assert remaining({A: [10.0], B: [2.0]}, [(A, 4.0)], [A, B, B]) == 6 + 10 + 2 + 2
    assert remaining({A: [10.0]}, [(B, 4.0)], [B]) == 6 + 10
    assert remaining({A: [10.0]}, [(A, 25.0)], [A]) == 10
    assert remaining({A: [10.0]}, [(A, 0.0), (A, 0.0)], [A, A]) == 20


@given(took=st.floats(0.1, 100), waiting=st.integers(0, 20), since=st.floats(0, 200))
def test_the_end_comes_nearer(took: float, waiting: int, since: float) -> None:
    first, later = (remaining({A: [took]}, [(A, at)], [A] * waiting) for at in (since, since + 1))
    assert first is not None
    assert later is not None
    assert 0 <= later <= first <= took * (waiting + 1) + 1e-9


def test_a_run_tells_of_its_trials() -> None:
    now = [0.0]
    sweep = Sweep((job("a"), job("a", 1), job("b")), ("recorded",))
    watch = Watch(sweep, Path("out"), lambda: now[-1])
    assert watch.running() == "starting"
    watch.started(job("a"))
    assert (watch.running(), watch.ending()) == ("a on t, seed 0", "no estimate")
    now.append(20.0)
    watch.done(job("a"), SimpleNamespace(status="completed"))
    watch.started(job("a", 1))
    watch.started(job("b"))
    now.append(21.0)
    assert watch.running() == "a on t, seed 1 and 1 more"
    assert watch.ending() == "0:00:19 left"
    assert watch.recorded == "2 of 4 trials recorded"


def test_seconds_of_recorded_trials_tell_the_end_from_the_first_second() -> None:
    watch = Watch(Sweep((job("a"),), ("recorded",), took={A: [30.0]}), Path("out"), lambda: 5.0)
    watch.started(job("a"))
    assert watch.ending() == "0:00:30 left"


def test_a_long_message_is_cut_and_says_where_the_rest_is() -> None:
    assert list(told(job("a"), failed("short"), Path("out"))) == ["failed: a on t, seed 0: short"]
    first, second = told(job("a"), failed("long " * 1000), Path("out"))
    assert len(first) == 500
    assert second == f"  all of it: {Path('out') / 'records' / 'a00000000000*.json'}"


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt(), 130), (Stopped(signal.SIGTERM), 143)])
def test_who_stops_a_run_is_told_what_is_recorded(stop: BaseException, code: int, capsys) -> None:
    def run() -> None:
        with stoppable("run the same command to go on"), watched(Sweep((job("a"),), ("b", "c")), Path("out")):
            raise stop

    with pytest.raises(SystemExit) as left:
        run()
    assert left.value.code == code
    assert "; 2 of 3 trials recorded; run the same command to go on\n" in capsys.readouterr().err


def test_ctrl_c_ends_any_command_with_its_code(chainward, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chainward.cli.output.as_table", stop)
    stopped = chainward("list", "strategies")
    assert (stopped.code, stopped.err) == (130, "stopped by Ctrl-C\n")


def test_a_time_is_told_in_hours_minutes_and_seconds() -> None:
    assert [clock(seconds) for seconds in (0.4, 59.6, 86400)] == ["0:00:00", "0:01:00", "24:00:00"]
