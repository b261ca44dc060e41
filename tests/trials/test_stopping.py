"""A run that is asked to end does so in order: what is recorded is kept, and nothing lives on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from left_processes import commands, marked, nothing_left
from misbehaving import install
from test_kills import PATIENCE_S, PLAN, await_records, recorded

from chainward.folders import CHECKOUT
from chainward.leftovers import is_orphaned

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="counts processes by /proc"),
]

# A helper in a session of its own, as servers put them, which no signal to a group and no closed pipe reaches.
HELPER = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)"


# Tests may themselves run where signals are ignored (nohup, a job in the background), which processes inherit.
LISTENING = (
    "import os, signal, sys\n"
    "for number in (signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_DFL)\n"
    "os.execv(sys.executable, [sys.executable, '-m', 'chainward', *sys.argv[1:]])"
)

INTERRUPTED = """
import os, signal
from multiprocessing import forkserver
from chainward.trials import isolated
signal.signal(signal.SIGINT, signal.default_int_handler)
isolated.prepare()
server = forkserver._forkserver
os.kill(server._forkserver_pid, signal.SIGINT)
os.close(server._forkserver_alive_fd)  # the template ends once it has imported everything
print("template", os.waitstatus_to_exitcode(os.waitpid(server._forkserver_pid, 0)[1]))
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("caller hears", flush=True)
os._exit(0)
"""


def begin(tmp_path: Path, *options: str) -> tuple[subprocess.Popen[str], Path]:
    plan, out = tmp_path / "plan.toml", tmp_path / "report"
    place = install(tmp_path / "installed", "slow", f"{HELPER}; time.sleep(600)")
    plan.write_text(PLAN.replace('["fedavg", "local_only", "bflc"]', '["fedavg", "slow"]').replace("= 8", "= 1"))
    path = os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", LISTENING, "run", str(plan), "--out", str(out), *options]
    process = subprocess.Popen(
        command, cwd=CHECKOUT, text=True, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    )
    return process, out


def await_process(mark: str, words: str) -> None:
    """Wait until the run has started a process with these words in its command."""
    end = time.monotonic() + PATIENCE_S
    while not any(words in commands(pid) for pid in marked(mark)):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_a_signal_to_the_run_ends_all_of_it(number: int, code: int, tmp_path: Path) -> None:
    with nothing_left(patience_s=5.0) as mark:
        process, out = begin(tmp_path, "--jobs", "2")
        await_records(out, 1, process)
        await_process(mark, "time.sleep(600)")
        process.send_signal(number)
        _, told = process.communicate(timeout=90)
    assert process.returncode == code
    assert recorded(out) == 1
    assert "Traceback" not in told
    assert ("1 of 2 trials recorded; run the same command to go on" in told) == (number != signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize(
    ("options", "program"),
    [
        (("--engine", "flower-deployment", "--insecure"), "flower-supernode"),
        (("--engine", "flower-simulation"), "raylet"),
        (("--engine", "flower-simulation", "--in-process"), "raylet"),
    ],
)
def test_what_a_trial_started_ends_with_the_run(options, program: str, number: int, tmp_path: Path) -> None:
    pytest.importorskip("flwr", reason="needs the flower extra: pip install 'chainward[flower]'")
    with nothing_left(patience_s=5.0) as mark:
        process, _ = begin(tmp_path, *options)
        await_process(mark, program)
        process.send_signal(number)
        process.communicate(timeout=30)
    assert not [path.name for path in Path(tempfile.gettempdir()).glob("chainward-*") if is_orphaned(path.name)]


def test_the_template_hears_no_ctrl_c_while_it_imports() -> None:
    """It would end in a traceback on the user's terminal; the caller still hears its own."""
    told = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=90, check=False)
    assert (told.returncode, told.stdout, told.stderr) == (0, "template 0\ncaller hears\n", "")
