"""One run a folder; what cannot be written there is one line and leaves what was there."""

from __future__ import annotations

import errno
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chainward import files
from chainward.folders import CHECKOUT
from chainward.results import folder

HOLDS = """
import sys
from pathlib import Path
from chainward.trials.lock import sole_run
sys.argv = ["chainward", "run", "the plan.toml"]
with sole_run(Path({folder!r})):
    print("here", flush=True)
    sys.stdin.read()
"""


def test_two_runs_in_one_folder_and_one_after_the_other_died(finished, chainward) -> None:
    script = HOLDS.format(folder=str(finished.folder))
    manifest = (finished.folder / "manifest.json").read_bytes()
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=CHECKOUT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "here\n"
        complaint = chainward("run", finished.plan, "--out", finished.folder).complaint
        for part in (str(other.pid), platform.node(), "since 20", "chainward run 'the plan.toml'", "another --out"):
            assert part in complaint
        assert (finished.folder / "manifest.json").read_bytes() == manifest
        other.send_signal(signal.SIGKILL)
    assert chainward("run", finished.plan, "--out", finished.folder).code == 0


def pages(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name[0] != "."}


@pytest.mark.parametrize("name", [".run.json", "manifest.json", "index.html", "leaderboard.csv", "report.json"])
def test_a_disk_that_is_full_is_one_line_and_the_old_page_stays(name, finished, chainward, monkeypatch) -> None:
    before = pages(finished.folder)
    full_for(name, monkeypatch)
    told = chainward("run", finished.plan, "--out", finished.folder)
    assert told.code == 2
    assert f"{name}: cannot be written (No space left on device)" in told.err.splitlines()[-1]
    after = pages(finished.folder)
    if name != "manifest.json":  # it is written before the page, and new of itself
        del before["manifest.json"], after["manifest.json"]
    assert after == before
    assert not folder.verify(finished.folder, folder.read_manifest(finished.folder))
    assert not list(finished.folder.rglob("*.part"))


def test_a_disk_that_is_full_for_a_record_ends_the_run_in_one_line(plan, tmp_path, chainward, monkeypatch) -> None:
    full_for("records", monkeypatch)
    told = chainward("run", plan, "--out", tmp_path / "none", "--in-process")
    assert told.code == 2
    assert "cannot be written (No space left on device)" in told.err.splitlines()[-1]
    assert "Traceback" not in told.err


def full_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write = files._write

    def full(path: Path, data: bytes) -> Any:
        if name == path.parent.name or path.name.startswith(f"{name}."):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, data)

    monkeypatch.setattr(files, "_write", full)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize("bytes_", [1_000, 40_000])
def test_a_file_over_the_users_limit_is_one_line(bytes_: int, finished) -> None:
    import resource

    before = pages(finished.folder)
    done = subprocess.run(
        [sys.executable, "-m", "chainward", "report", finished.folder],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_)),
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "cannot be written (File too large)" in done.stderr
    assert pages(finished.folder) == before
