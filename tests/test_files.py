"""A file is the old or the whole new one, whichever step of writing fails."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chainward.errors import ChainwardError
from chainward.files import Unwritable, replace_file, replace_files

STEPS = ("fsync", "replace", "open")


def failing_at(number: int, call: Callable[..., Any]) -> Callable[..., Any]:
    """`call`, which at its so manyth use finds the disk full."""
    uses = iter(range(number, -1, -1))

    def step(*arguments: Any, **options: Any) -> Any:
        if next(uses, None) == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return call(*arguments, **options)

    return step


@pytest.mark.parametrize("step", STEPS)
def test_whichever_step_fails_every_file_is_whole(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / name for name in ("index.html", "report.json", "records.csv")]
    told = []
    for number in range(10):
        for path in paths:
            replace_file(path, b"old")
        with monkeypatch.context() as patch:
            patch.setattr(os, step, failing_at(number, getattr(os, step)))
            try:
                replace_files(dict.fromkeys(paths, b"new"))
            except Unwritable as error:
                told.append(str(error))
        assert {path.read_bytes() for path in paths} <= {b"old", b"new"}
        assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert all("No space left on device" in line and str(tmp_path) in line for line in told)
    assert len(told) == {"fsync": 4, "replace": 3, "open": 1}[step]


def test_nothing_is_replaced_before_all_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / name for name in "abc"]
    replace_files(dict.fromkeys(paths, b"old"))
    monkeypatch.setattr(os, "fsync", failing_at(2, os.fsync))
    with pytest.raises(Unwritable):
        replace_files(dict.fromkeys(paths, b"new"))
    assert {path.read_bytes() for path in paths} == {b"old"}


def test_a_file_that_cannot_be_written_is_a_mistake_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ChainwardError, match=r"x: cannot be written \(.+\); make room") as told:
        replace_file(tmp_path / "file" / "x", b"")
    assert isinstance(told.value, OSError)
    assert told.value.strerror
