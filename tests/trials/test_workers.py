"""What workers rest on: a template that can be forked, limits in words, and what a record keeps of an error."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from chainward.folders import CHECKOUT
from chainward.methods import boosting, logistic
from chainward.trials.last_words import first_place, how_ended
from chainward.trials.words import LONGEST, one_line, presentable
from chainward.trials.worker import ONE_THREAD

ENGINES = {
    "no engine": "",
    "lightning": "chainward.engines.local.lightning",
    "flower-simulation": "chainward.engines.flower.simulation",
    "flower-deployment": "chainward.engines.flower.deployment.engine",
    "stock strategies": "chainward.strategy.flower.stock",
    "references": ", ".join((*boosting.IMPORTED_LATE, *logistic.IMPORTED_LATE)),
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only there trials are forked")
@pytest.mark.parametrize("engine", ENGINES)
def test_importing_starts_no_thread(engine: str) -> None:
    """A fork copies one thread only: locks that others held would stay locked for ever."""
    module = ENGINES[engine]
    if "flower" in module:
        pytest.importorskip("flwr", reason="needs the flower extra: pip install 'chainward[flower]'")
    imports = "\n".join(f"import {name}" for name in ("os", "chainward.trials.template", module) if name)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{imports}\nprint(len(os.listdir('/proc/self/task')))"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **ONE_THREAD},
    )
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exit code 0"),
        (-11, "SIGSEGV (Segmentation fault)"),
        (-9, "SIGKILL (Killed; by hand, or for want of memory?)"),
        (255, "exit code 255, or with the process that starts trials"),
        (None, "hung up"),
        (-63, "signal 63"),
    ],
)
def test_how_a_process_ended(code: int | None, words: str) -> None:
    assert words in how_ended(code)


def test_where_a_process_was() -> None:
    frame = f'File "{CHECKOUT}/chainward/world/world.py", line 3 in ask'
    told = f"Fatal Python error: Aborted\n\nCurrent thread 0x1 (most recent call first):\n  {frame}\n  {frame}\n"
    assert first_place(told).startswith(', at File "chainward/world/world.py", line 3 in ask < File')
    assert first_place("") == ""


def test_the_middle_of_a_long_text_is_left_out() -> None:
    found = presentable("a" * 60_000 + "z")
    assert len(found) <= LONGEST
    assert found.startswith("aaa")
    assert found.endswith("aaz")
    assert "[40101 characters]" in found
    assert presentable("short") == "short"


def test_one_line() -> None:
    assert one_line("a\nb", 80) == "a b"
    assert one_line("word " * 30_000, 10) == "word word…"
