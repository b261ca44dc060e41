"""Whatever lies in a report's folder: exit code 0, 1 or 2, no traceback, no wait, and nothing written outside it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile import PLAIN, decent, examples, mutated, untouched
from hypothesis import given
from hypothesis import strategies as st
from tiny_plan import PLAN

from chainward.report.charts import Drawing

CONTENTS = st.sampled_from(
    [
        *(b"", b"{", b"{}", b"[]", b"null", b"NaN", b'"x"', b"\xff\xfe", b"0" * 5000, b'{"a": NaN}', b'{"schema": 1}'),
        *(b"[" * 100_000, b'{"a":' * 50_000, b'{"schema": 1e999}', b"\x1b[31m", b'{"id": "\\ud800"}', b"PK\x03\x04"),
    ]
)
KINDS = [
    "text",
    "folder",
    "fifo",
    "link outside",
    "link nowhere",
    "link to itself",
    "unreadable",
    "gone",
    "json",
    "json",
]


class Place:
    """A finished run, copied for each example into `out`; beside it a file that is nobody's business."""

    def __init__(self, root: Path, finished: Path, plan: Path) -> None:
        self.root, self.out, self._finished, self.plan = root, root / "out", finished, plan
        self.secret = root / "secret"
        self.secret.mkdir()
        (self.secret / "file").write_text('{"secret": "kept"}', encoding="utf-8")

    def fresh(self) -> list[Path]:
        """The files of a fresh copy."""
        if self.out.is_symlink():
            self.out.unlink()
        shutil.rmtree(self.out, ignore_errors=True)
        shutil.copytree(self._finished, self.out)
        found = (path for path in self.out.rglob("*") if path.suffix not in (".csv",))
        return sorted(found)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, chainward: Any) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("folders")
    plan = root / "tiny.toml"
    plan.write_text(PLAN.replace("seeds = 2", "seeds = 1").replace("rounds = 2", "rounds = 1"), encoding="utf-8")
    assert chainward("run", plan, "--out", root / "finished").code == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr("chainward.trials.runner.run", lambda *_, **__: None)
        # What takes time and is not looked at here: pictures, and the disk's word that all is written.
        patch.setattr("chainward.report.charts.draw", lambda charts: {one.key: Drawing("<svg/>") for one in charts})
        patch.setattr("os.fsync", lambda file: None)
        yield Place(root, root / "finished", plan)


def spoil(path: Path, kind: str, data: st.DataObject, place: Place) -> None:
    """Put something else where a file or a folder was."""
    if kind == "json" and path.suffix == ".json" and path.is_file() and not path.is_symlink():
        path.write_bytes(sealed(data.draw(mutated(json.loads(path.read_bytes()), JSON))))
        return
    if kind == "unreadable":
        path.chmod(0)
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    if kind == "folder":
        path.mkdir()
        (path / "file").touch()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "link outside":
        path.symlink_to(place.secret / "file" if path.suffix else place.secret)
    elif kind == "link nowhere":
        path.symlink_to(place.secret / "new")
    elif kind == "link to itself":
        path.symlink_to(path)
    elif kind in ("text", "json"):
        path.write_bytes(data.draw(CONTENTS))


JSON = PLAIN.filter(lambda value: isinstance(value, str | int | float))


def sealed(document: Any) -> bytes:
    """JSON that begins with the digest of its content, where it did before."""
    seal = isinstance(document, dict) and document.pop("content", None)
    content = json.dumps(document, separators=(",", ":")).encode()
    if not seal:
        return content
    return b'{"content":"%s",%s' % (hashlib.sha256(content).hexdigest().encode(), content[1:])


def renew(out: Path) -> None:
    """Make manifest and records agree again, as somebody would who changes them on purpose."""
    path = out / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes())
        for name in (name for name in manifest["files"] if (out / name).is_file()):
            manifest["files"][name] = hashlib.sha256((out / name).read_bytes()).hexdigest()
        path.write_text(json.dumps(manifest), encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return


@examples(0.2)
@given(data=st.data())
def test_any_folder(data: st.DataObject, place: Place, chainward: Any) -> None:
    files = place.fresh()
    for path in data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=2, unique=True)):
        if path.exists() and not path.is_symlink():
            spoil(path, data.draw(st.sampled_from(KINDS)), data, place)
    if data.draw(st.booleans()) and (place.out / "manifest.json").is_file():
        renew(place.out)
    command = data.draw(st.sampled_from(["report", "report", "verify", "verify", "run", "pack"]))
    words = ("run", place.plan, "--out", place.out) if command == "run" else (command, place.out)
    with untouched(place.root, place.out):
        outcome = chainward(*words, *data.draw(st.sampled_from([(), ("--json",)])))
    decent(outcome, lines=10 if command == "run" else 1)


@pytest.mark.parametrize("command", ["report", "verify", "run"])
@pytest.mark.parametrize("kind", ["fifo", "file", "link nowhere", "link to itself", "empty"])
def test_no_folder_at_all(command: str, kind: str, place: Place, chainward: Any) -> None:
    place.fresh()
    shutil.rmtree(place.out)
    make = {
        "fifo": lambda: os.mkfifo(place.out),
        "file": place.out.touch,
        "link nowhere": lambda: place.out.symlink_to("nowhere"),
        "link to itself": lambda: place.out.symlink_to(place.out),
        "empty": place.out.mkdir,
    }
    make[kind]()
    words = ("run", place.plan, "--out", place.out) if command == "run" else (command, place.out)
    try:
        decent(chainward(*words), lines=10)
    finally:
        shutil.rmtree(place.out) if place.out.is_dir() and not place.out.is_symlink() else place.out.unlink()
