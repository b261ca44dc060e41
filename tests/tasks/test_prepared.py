import json
import os
import stat
import threading
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from chainward.tasks import prepared
from chainward.tasks.cohort import Cohort, Column, Series

CODE = ("chainward.tasks.cohort",)


def small(**changes):
    cohort = Cohort(
        columns=(
            Column("age", unit="a", least=18),
            Column("smokes", "flag"),
            Column("ward", "category", levels=("a", "b c")),
            Column("note", "category", missing="“never” written"),
            Column("seen", "time"),
        ),
        frame=pd.DataFrame(
            {
                "age": [1.5, np.nan, -0.0],
                "smokes": [1.0, 0.0, np.nan],
                "ward": pd.Series(["b c", None, "a"], dtype=object),
                "note": pd.Series([None, None, None], dtype=object),
                "seen": np.array(["2001-02-03T04:05:06", "NaT", "1800-01-01"], dtype="datetime64[s]"),
            }
        ),
        labels=np.array([0, 1, 1]),
        hospitals=np.array([1, 0, 1]),
        names=("é", "B, C"),
        rows=5,
        excluded={"too young": 2},
        repaired={"zero is missing": 7},
        patients=np.array([4, 4, 9]),
        times=np.array(["2001-01-01", "2002-01-01", "NaT"], dtype="datetime64[s]"),
        series=Series((Column("pulse", clipped=True),), np.array([[[1], [np.nan]]] * 3, dtype=np.float32)),
        notes=("first", "second"),
    )
    return replace(cohort, **changes)


class Maker:
    def __init__(self, cohort):
        self.cohort, self.made = cohort, 0

    def __call__(self):
        self.made += 1
        return self.cohort


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINWARD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "cohorts"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("1,2\n")
    return path


def get(make, source, params=None, key="ours", code=CODE):
    return prepared.prepared(key, params or {"hours": 24}, [source], code, make)


def kept(cache):
    (path,) = cache.glob("*.npz")
    return path


def same(one, other):
    assert one.columns == other.columns
    pd.testing.assert_frame_equal(one.frame, other.frame, check_exact=True, check_index_type="exact")
    for name in ("labels", "hospitals", "patients", "times"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)
    for name in ("names", "rows", "notes"):
        assert getattr(one, name) == getattr(other, name)
    assert dict(one.excluded) == dict(other.excluded)
    assert dict(one.repaired) == dict(other.repaired)
    assert (one.series is None) == (other.series is None)
    if one.series is not None:
        assert one.series.variables == other.series.variables
        assert one.series.values.dtype == other.series.values.dtype
        np.testing.assert_array_equal(one.series.values, other.series.values)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"patients": None, "times": None, "series": None, "notes": ()},
        {"labels": np.array([True, False, True])},
        {"excluded": {}, "rows": 3},
        {"columns": (), "frame": pd.DataFrame(index=pd.RangeIndex(3))},
    ],
    ids=["everything", "nothing optional", "truth values", "nothing excluded", "no columns"],
)
def test_what_is_kept_comes_back_exactly(source, changes):
    make = Maker(small(**changes))
    first, second = get(make, source), get(make, source)
    assert make.made == 1
    same(first, make.cohort)
    same(second, make.cohort)


def test_missing_texts_and_signed_zeros_come_back_as_they_were(source):
    get(Maker(small()), source)
    frame = get(Maker(None), source).frame
    assert frame["ward"].tolist() == ["b c", None, "a"]
    assert np.signbit(frame["age"].to_numpy()[2])


def test_texts_of_their_own_type_come_back_as_such(source):
    cohort = small()
    frame = cohort.frame.assign(ward=pd.Series(["b c", None, "a"], dtype="string"))
    get(Maker(replace(cohort, frame=frame)), source)
    same(get(Maker(None), source), replace(cohort, frame=frame))


@pytest.mark.parametrize(
    "change",
    [
        lambda source: source.write_text("1,3\n1\n"),
        lambda source: os.utime(source, ns=(0, source.stat().st_mtime_ns + 1)),
    ],
    ids=["another size", "another time"],
)
def test_a_changed_source_is_read_again(source, change):
    make = Maker(small())
    get(make, source)
    change(source)
    get(make, source)
    assert make.made == 2


@pytest.mark.parametrize("other", [{"params": {"hours": 48}}, {"key": "theirs"}, {"code": ("chainward.tasks.base",)}])
def test_other_parameters_tasks_and_code_are_kept_apart(source, cache, other):
    make = Maker(small())
    get(make, source)
    get(make, source, **other)
    assert make.made == 2
    assert len(list(cache.glob("*.npz"))) == 2


def test_changed_code_reads_again(source, tmp_path, monkeypatch):
    (tmp_path / "reader_of_ours.py").write_text("LEAST = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    make = Maker(small())
    get(make, source, code=("reader_of_ours",))
    (tmp_path / "reader_of_ours.py").write_text("LEAST = 2\n")
    get(make, source, code=("reader_of_ours",))
    assert make.made == 2


def _cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def _flipped(path, what):
    data = path.read_bytes()
    assert data.count(what) == 1
    path.write_bytes(data.replace(what, bytes([what[0] ^ 1]) + what[1:]))


def _in_an_array(path):
    _flipped(path, small().series.values.tobytes())


def _in_a_word(path):
    _flipped(path, b"too young")


def _without_rows(path):
    with np.load(path) as arrays:
        parts = dict(arrays)
    header = json.loads(parts["header"].tobytes())
    header["rows"] = 4
    parts["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(path, **parts)


def _pickled(path):
    with np.load(path) as arrays:
        parts = dict(arrays)
    np.savez(path, **{**parts, "labels": np.array([0, 1, "x"], dtype=object)})


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        _in_an_array,
        _in_a_word,
        _without_rows,
        _pickled,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("PK"),
    ],
    ids=[
        "cut",
        "a bit of an array",
        "a bit of a word",
        "rows that do not add up",
        "pickled",
        "empty",
        "something else",
    ],
)
def test_damage_is_made_good(source, cache, damage):
    make = Maker(small())
    get(make, source)
    damage(kept(cache))
    same(get(make, source), make.cohort)
    assert make.made == 2
    same(get(make, source), make.cohort)
    assert make.made == 2


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_it_is_for_its_user_only_and_leaves_nothing_half_written(source, cache):
    get(Maker(small()), source)
    assert stat.S_IMODE(kept(cache).stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert not list(cache.glob("*.part"))


def test_where_nothing_can_be_written_nothing_is_kept(source, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CHAINWARD_CACHE", str(tmp_path / "file"))
    make = Maker(small())
    same(get(make, source), make.cohort)
    same(get(make, source), make.cohort)
    assert make.made == 2


def test_a_full_disk_costs_time_and_nothing_else(source, cache, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    make = Maker(small())
    same(get(make, source), make.cohort)
    assert not list(cache.glob("*.npz"))
    assert not list(cache.glob("*.part"))


def test_an_error_while_reading_is_the_callers(source, cache):
    def fails():
        raise OSError("the source is broken")

    with pytest.raises(OSError, match="the source is broken"):
        get(fails, source)
    assert not list(cache.glob("*.npz"))


def test_of_two_who_want_the_same_one_makes_it(source):
    make = Maker(small())

    def slow():
        time.sleep(0.3)
        return make()

    threads = [threading.Thread(target=get, args=(slow, source)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert make.made == 1


def test_rows_that_are_not_numbered_from_zero_are_refused(source):
    frame = small().frame.set_axis([3, 4, 5])
    with pytest.raises(AssertionError, match="numbered from 0"):
        get(Maker(small(frame=frame)), source)
