"""Cohorts that took long to read, kept on this disk: every trial is a process of its own and reads its task again.

A kept cohort is one file, readable by its user only, in `$CHAINWARD_CACHE` or the user's cache folder. It lies under a
name that follows from the task's parameters, every source file's path, size and time of change, and the code that read
them, so a change in any makes it anew; so does any damage. Removing the folder loses nothing but time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np
import platformdirs

from chainward.leftovers import clean_parts, owner_tag
from chainward.tasks.cohort import Cohort, Column, Series

Arrays = dict[str, Any]
_LAYOUT = 1
"""Of the files: raise it when what they hold changes."""
_WHOLE = ("labels", "hospitals", "patients", "times")
_HEADER = "header"


def folder() -> Path:
    """Where cohorts are kept."""
    given = os.environ.get("CHAINWARD_CACHE")
    return (Path(given) if given else platformdirs.user_cache_path("chainward", appauthor=False)) / "cohorts"


def prepared(
    key: str, params: Mapping[str, Any], files: Iterable[Path], modules: Iterable[str], make: Callable[[], Cohort]
) -> Cohort:
    """The cohort that `make` returns, from the disk when it was kept there, equal in every array, type and word.

    key, params: the task and its fields, of JSON's types; files: all that `make` reads; modules: the names of the
    modules whose code decides what comes of them. Of several processes that want the same one makes it, the others
    wait. Where nothing can be written, nothing is kept.
    """
    path = folder() / f"{key}-{_name(key, params, files, modules)[:32]}.npz"
    with _alone(path) as writable:
        try:
            return _read(path)
        except FileNotFoundError:
            pass
        except Exception:  # whatever is wrong with it, it can be made anew
            with suppress(OSError):
                path.unlink()
        cohort = make()
        if writable:
            with suppress(OSError):
                _write(path, cohort)
        return cohort


def _name(key: str, params: Mapping[str, Any], files: Iterable[Path], modules: Iterable[str]) -> str:
    found = [(str(path.resolve()), path.stat()) for path in files]
    facts = {
        "layout": _LAYOUT,
        "task": [key, dict(params)],
        "files": sorted([path, at.st_size, at.st_mtime_ns] for path, at in found),
        "code": {name: hashlib.sha256(_source(name)).hexdigest() for name in sorted(modules)},
        "libraries": {name: version(name) for name in ("numpy", "pandas")},
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _source(module: str) -> bytes:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ValueError(f"module {module} has no file")
    return Path(spec.origin).read_bytes()


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """One process at a time, where the folder can be written to; whether it can."""
    from filelock import FileLock  # only who reads a heavy source needs it

    lock = FileLock(path.with_suffix(".lock"), mode=0o600)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire()
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _write(path: Path, cohort: Cohort) -> None:
    """Write all of it or nothing, for the user's eyes only."""
    clean_parts(path.parent)
    part = path.with_name(f"{path.name}.{owner_tag()}.{get_ident()}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, **_packed(cohort))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _packed(cohort: Cohort) -> Arrays:
    """Arrays without objects: texts are numbers of words, and the words lie in the header, which is JSON."""
    import pandas as pd

    arrays: Arrays = {name: part for name in _WHOLE if (part := getattr(cohort, name)) is not None}
    columns: list[dict[str, Any]] = []
    for place, column in enumerate(cohort.columns):
        cells = cohort.frame[column.name]
        arrays[f"column {place}"], words = _cells(cells) if column.kind == "category" else (cells.to_numpy(), None)
        columns.append({"column": asdict(column), "type": str(cells.dtype), "words": words})
    header: dict[str, Any] = {
        "columns": columns,
        "variables": None,
        "names": cohort.names,
        "rows": cohort.rows,
        "excluded": dict(cohort.excluded),
        "repaired": dict(cohort.repaired),
        "notes": cohort.notes,
    }
    if cohort.series is not None:
        arrays["series"] = cohort.series.values
        header["variables"] = [asdict(variable) for variable in cohort.series.variables]
    assert cohort.frame.index.equals(pd.RangeIndex(len(cohort))), "a loader's rows are numbered from 0"
    arrays[_HEADER] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    return arrays


def _cells(cells: Any) -> tuple[Any, list[str]]:
    codes, words = cells.factorize()
    return codes.astype(np.int32), [str(word) for word in words]


def _read(path: Path) -> Cohort:
    """The cohort in a file; raises FileNotFoundError without one, anything at all for one that is broken."""
    import pandas as pd

    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:  # which leaves a broken one open
        parts = {name: arrays[name] for name in arrays.files}
    header = json.loads(parts[_HEADER].tobytes())
    columns = tuple(_column(told["column"]) for told in header["columns"])
    cells = [
        _restored(parts[f"column {place}"], told["type"], told["words"]) for place, told in enumerate(header["columns"])
    ]
    frame = pd.DataFrame(
        {column.name: part for column, part in zip(columns, cells, strict=True)},
        index=pd.RangeIndex(len(parts["labels"])),
    )
    variables = header["variables"]
    return Cohort(
        columns=columns,
        frame=frame,
        labels=parts["labels"],
        hospitals=parts["hospitals"],
        patients=parts.get("patients"),
        times=parts.get("times"),
        names=tuple(header["names"]),
        rows=header["rows"],
        excluded=header["excluded"],
        repaired=header["repaired"],
        notes=tuple(header["notes"]),
        series=None if variables is None else Series(tuple(map(_column, variables)), parts["series"]),
    )


def _restored(cells: Any, kind: str, words: list[str] | None) -> Any:
    import pandas as pd

    if words is None:
        return pd.Series(cells, dtype=kind)
    return pd.Series(np.array([*words, None], dtype=object)[cells], dtype=kind)  # code -1 is the last: None


def _column(told: Mapping[str, Any]) -> Column:
    return Column(**{**told, "levels": tuple(told["levels"])})
