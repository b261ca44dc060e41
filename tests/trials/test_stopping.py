"""A run that is asked to end does so in order: what is recorded is kept, and nothing lives on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hostile import install
from left_processes import marked, nothing_left
from test_kills import PATIENCE_S, PLAN, await_records, recorded

from chainward.folders import CHECKOUT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="counts processes by /proc"),
]

# A helper in a session of its own, as servers put them, which no signal to a group and no closed pipe reaches.
HELPER = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)"


def begin(tmp_path: Path) -> tuple[subprocess.Popen[str], Path]:
    plan, out = tmp_path / "plan.toml", tmp_path / "report"
    place = install(tmp_path / "installed", "slow", f"{HELPER}; time.sleep(600)")
    plan.write_text(PLAN.replace('["fedavg", "local_only", "bflc"]', '["fedavg", "slow"]').replace("= 8", "= 1"))
    path = os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "chainward", "run", str(plan), "--out", str(out), "--jobs", "2"]
    process = subprocess.Popen(
        command, cwd=CHECKOUT, text=True, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    )
    return process, out


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_a_signal_to_the_run_ends_all_of_it(number: int, code: int, tmp_path: Path) -> None:
    with nothing_left(patience_s=5.0) as mark:
        process, out = begin(tmp_path)
        await_records(out, 1, process)
        end = time.monotonic() + PATIENCE_S
        while not helpers(mark) and time.monotonic() < end:
            time.sleep(0.05)
        assert helpers(mark)
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    assert process.returncode == code
    assert recorded(out) == 1
    assert "Traceback" not in told
    assert ("the same command goes on" in told) == (number != signal.SIGKILL)


def helpers(mark: str) -> list[int]:
    """The processes that the strategy started."""
    lines = {pid: Path(f"/proc/{pid}/cmdline") for pid in marked(mark)}
    return [pid for pid, path in lines.items() if path.exists() and b"time.sleep(600)" in path.read_bytes()]
