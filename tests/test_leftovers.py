"""What a process that died left on disk goes; what one that lives holds stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from chainward import leftovers
from chainward.files import replace_file
from chainward.leftovers import clean_parts, clean_temporary, is_orphaned, owner_tag, temporary_folder

DIES = """
import os, signal, sys
from pathlib import Path
from chainward import files
from chainward.leftovers import temporary_folder
folder = temporary_folder()
Path(folder.name, "server.key").write_text("secret")
os.fsync = lambda _: print(folder.name, flush=True) or os.kill(os.getpid(), signal.SIGKILL)
files.replace_file(Path(sys.argv[1], "record.json"), b"half")
"""


def test_what_a_killed_process_left_goes(tmp_path: Path) -> None:
    died = subprocess.run([sys.executable, "-c", DIES, tmp_path], capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGKILL
    keys = Path(died.stdout.strip())
    assert (keys / "server.key").is_file()
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    clean_temporary()
    clean_parts(tmp_path)
    assert not keys.exists()
    assert not list(tmp_path.iterdir())


def test_what_lives_or_is_elsewhere_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    elsewhere = tmp_path / f"chainward-{'0' * 4}-{2**22 + 1}-1-abcd"  # of another machine
    unnamed = tmp_path / "chainward-abcd"
    target, link = tmp_path / "precious", tmp_path / f"chainward-{leftovers._host()}-{2**22 + 1}-1-abcd"
    for path in (elsewhere, unnamed, target):
        path.mkdir()
    link.symlink_to(target)
    with temporary_folder() as own:
        part = tmp_path / f"record.json.{owner_tag()}.1.part"
        part.touch()
        clean_temporary()
        clean_parts(tmp_path)
        assert all(path.exists() for path in (elsewhere, unnamed, target, link, part, Path(own)))
    assert not Path(own).exists()


def test_a_number_used_again_is_not_the_same_process() -> None:
    host, pid, start = owner_tag().split("-")
    assert pid == str(os.getpid())
    assert not is_orphaned(f"{host}-{pid}-{start}")
    assert is_orphaned(f"{host}-{pid}-{int(start) - 1000}")


def test_only_its_user_reads_a_temporary_folder() -> None:
    with temporary_folder() as own:
        assert Path(own).stat().st_mode & 0o077 == 0


def test_a_part_is_named_after_its_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    fsync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: seen.extend(path.name for path in tmp_path.iterdir()) or fsync(handle)
    )
    replace_file(tmp_path / "record.json", b"{}")
    assert seen[0].startswith(f"record.json.{owner_tag()}.")
    assert seen[0].endswith(".part")
