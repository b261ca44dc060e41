"""The cohort engine against Apple's `pfl` simulator, in an environment of its own; see peers/pfl_simulation.py.

The environment is looked for in the user's cache, and made there where CHAINWARD_BENCH_PFL=1 allows it.
"""

from __future__ import annotations

import os
import subprocess
import venv
from importlib.metadata import version
from pathlib import Path

import platformdirs
import pytest
from common_work import against_peer, hold, report

PFL = "0.6.0"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python() -> str:
    """The interpreter of the environment with pfl, and with the torch that chainward runs on here."""
    home = Path(platformdirs.user_cache_path("chainward")) / f"pfl-{PFL}"
    program = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (home / "ready").is_file():
        if os.environ.get("CHAINWARD_BENCH_PFL") != "1":
            pytest.skip("pfl is not installed; CHAINWARD_BENCH_PFL=1 lets this benchmark install it")
        venv.create(home, with_pip=True, clear=True)
        wanted = [f"pfl=={PFL}", f"torch=={version('torch').partition('+')[0]}"]
        call = [program, "-m", "pip", "install", "--quiet", *wanted]
        ended = subprocess.run(call, capture_output=True, text=True, check=False)
        if ended.returncode:
            pytest.skip(f"pfl does not install here: {ended.stderr.strip().splitlines()[-1]}")
        (home / "ready").touch()
    return str(program)


@pytest.mark.parametrize(("hospitals", "target"), [(10, 10), (100, 25)])
def test_cohort_engine_against_pfl(benchmark, python: str, hospitals: int, target: int) -> None:
    ours_s, theirs_s = against_peer(benchmark, python, "pfl_simulation.py", hospitals)
    report(benchmark, f"{hospitals} hospitals", ours_s=ours_s, pfl_s=theirs_s, ratio=theirs_s / ours_s)
    hold(theirs_s / ours_s, target)
