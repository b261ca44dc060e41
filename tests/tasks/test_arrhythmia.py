"""Heart beats: made ones by hand and by seed, MIT-BIH's files as wfdb writes them, and both protocols."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainward import tasks
from chainward.errors import BadParameter, ChainwardError, DataMissing
from chainward.folders import CHECKOUT
from chainward.tasks import beats_made, mitdb_files
from chainward.tasks.arrhythmia import Arrhythmia, cohort_of
from chainward.tasks.beats import AAMI, COLUMNS, PEAK, POINTS, cut, plausible
from chainward.tasks.division import BY_TIME, LEAVE_ONE_HOSPITAL_OUT, Division, Partition
from chainward.tasks.metrics import auroc
from chainward.tasks.mitdb_files import DS1, DS2
from chainward.testing.cohorts import digest

RATE = 100.0
SMALL: dict[str, Any] = {"records": 4, "beats": 40}


def spikes(peaks: list[int], values: int = 1_000) -> np.ndarray:
    """A signal of 1 mV at each peak and 0 elsewhere."""
    signal = np.zeros(values)
    signal[peaks] = 1.0
    return signal


def test_intervals_and_windows_by_hand() -> None:
    peaks = [100, 200, 320, 400, 500]
    beats = cut(spikes(peaks), peaks, "NVNAN", RATE)
    assert beats.intervals.tolist() == pytest.approx(np.array([[1.0, 1.2, 1.0], [1.2, 0.8, 1.1], [0.8, 1.0, 1.0]]))
    assert beats.classes.tolist() == ["V", "N", "S"]
    assert beats.seconds.tolist() == [2.0, 3.2, 4.0]
    assert beats.left_out == 2
    assert beats.windows.shape == (3, POINTS)
    assert beats.windows.argmax(axis=1).tolist() == [PEAK] * 3
    assert beats.windows.max(axis=1).tolist() == [1.0] * 3


def test_the_local_mean_is_of_the_last_ten_intervals() -> None:
    peaks = np.cumsum([100, *[50] * 5, *[100] * 10, 70, 70])
    beats = cut(np.zeros(2_000), peaks, "N" * len(peaks), RATE)
    assert beats.intervals[-2:, 2] == pytest.approx([1.0, 0.97])


def test_a_window_that_is_not_whole_is_left_out() -> None:
    peaks = [0, 20, 100, 200, 230]
    beats = cut(spikes(peaks, 240), peaks, "NNNNN", RATE)
    assert beats.seconds.tolist() == [1.0]
    assert beats.left_out == 4


def test_windows_do_not_depend_on_the_rate_or_on_the_level() -> None:
    def wave(rate: float) -> np.ndarray:
        return 3.0 + np.sin(np.arange(round(10 * rate)) / rate)

    slow, fast = (cut(wave(rate), np.arange(1, 9) * int(rate), "N" * 8, rate).windows for rate in (100.0, 400.0))
    np.testing.assert_allclose(slow, fast, atol=1e-4)
    assert np.median(slow, axis=1) == pytest.approx(0, abs=1e-9)


def test_what_is_beyond_is_missing_and_counted() -> None:
    features = np.zeros((2, len(COLUMNS)))
    features[:, -3:] = 1.0
    features[0, 0], features[1, 1], features[1, -1] = 21.0, -21.0, 11.0
    found, counts = plausible(features)
    assert np.isnan(found).sum() == 3
    assert counts == {
        "a point beyond -20 to 20 mV is missing": 2,
        "RR, local mean beyond 0.1 to 10 s is missing": 1,
    }


def test_the_classes_are_those_of_the_standard() -> None:
    """Table 1 of de Chazal et al. 2004, all five classes of it."""
    expected = {"N": "NLRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ"}
    assert {name: set(symbols) for name, symbols in AAMI.items()} == {name: set(one) for name, one in expected.items()}


# --- made ----------------------------------------------------------------------------------------


def test_made_beats_are_the_same_for_a_seed_and_others_for_another() -> None:
    one, again, other = (beats_made.record(population, 1, 20) for population in (0, 0, 1))
    assert one.features.tobytes() == again.features.tobytes()
    assert one.features.tobytes() != other.features.tobytes()
    assert one.classes.tolist() == again.classes.tolist()


def test_a_patients_beats_do_not_depend_on_how_many_there_are() -> None:
    few, more = (Arrhythmia(records=records, beats=30)._made() for records in (2, 3))
    assert few.frame.to_numpy().tobytes() == more.frame.to_numpy()[: len(few)].tobytes()


def test_made_beats_are_what_they_are_called() -> None:
    beats = beats_made.record(0, 1, 600)
    by_class = {name: beats.classes == name for name in "NSV"}
    before, after = ({name: beats.intervals[rows, at].mean() for name, rows in by_class.items()} for at in (0, 1))
    assert before["S"] < 0.9 * before["N"] > before["V"]
    assert after["V"] > 1.1 * after["N"]
    wide = {name: (beats.windows[rows] > 0.6).sum(axis=1).mean() for name, rows in by_class.items()}
    assert wide["V"] > 1.3 * wide["N"]
    assert np.mean(by_class["N"]) > 0.7


def test_the_default_is_small_whole_and_says_that_it_is_synthetic() -> None:
    task = tasks.load("arrhythmia")
    cohort = task.cohort()
    assert (len(cohort), len(cohort.names)) == (1_440, 12)
    assert "synthetic" in task.sites
    assert any("SYNTHETIC" in note for note in cohort.notes)
    assert any("SYNTHETIC" in note for note in task.dataset(0).notes)
    for target in ("veb", "sveb"):
        labels = Arrhythmia(target=target).cohort().labels
        assert 0.02 < labels.mean() < 0.2
    assert digest(Arrhythmia(target="sveb").cohort()) != digest(cohort)


def test_beats_are_in_the_order_of_time_in_every_part() -> None:
    cohort = Arrhythmia(**SMALL).cohort()
    for hospital in Arrhythmia(**SMALL).dataset(0, Division(split=BY_TIME)).hospitals:
        times = [cohort.times[part.patients] for part in (hospital.train, hospital.validation, hospital.test)]
        assert all((np.diff(part) >= np.timedelta64(0)).all() for part in times if len(part))
        assert times[0].max() <= times[2].min()


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("arrhythmia", "mitdb_files"):
        monkeypatch.setattr(f"chainward.tasks.{module}.find_spec", lambda name: None)
    for data in ("synthetic", "mitdb"):
        told = Arrhythmia(data=data).requires()
        assert told is not None
        assert "pip install 'chainward[ecg]'" in told
        assert "\n" not in told
        with pytest.raises(DataMissing, match="ecg"):
            Arrhythmia(data=data).dataset(0)


def test_who_only_names_the_task_waits_for_no_plots() -> None:
    program = "import sys; from chainward import tasks; tasks.load('arrhythmia').requires()"
    command = [sys.executable, "-c", f"{program}; print('matplotlib' in sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


# --- protocols -----------------------------------------------------------------------------------


def parts(task: Arrhythmia, seed: int = 0) -> dict[str, tuple[int, int, int]]:
    found = task.dataset(seed)
    return {one.name: (len(one.train), len(one.validation), len(one.test)) for one in found.everyone}


def test_between_patients_nobody_knows_who_is_tested() -> None:
    found = parts(Arrhythmia(protocol="inter-patient", **SMALL))
    assert [sum(found[f"made 0{place}"][:2]) for place in (1, 2, 3, 4)] == [40, 40, 0, 0]
    assert [found[f"made 0{place}"][2] for place in (1, 2, 3, 4)] == [0, 0, 40, 40]


def test_the_first_minutes_of_the_tested_train_too() -> None:
    task = Arrhythmia(protocol="first-minutes", minutes=0.25, **SMALL)
    cohort, dataset = task.cohort(), task.dataset(0)
    seconds = cohort.times.astype(np.int64)
    for hospital in dataset.hospitals[2:]:
        assert seconds[hospital.test.patients].min() >= 15
        known = np.concatenate([hospital.train.patients, hospital.validation.patients])
        assert seconds[known].max() < 15
        assert len(known) + len(hospital.test) == 40
    assert [len(hospital.test) for hospital in dataset.hospitals[:2]] == [0, 0]
    assert task.dataset(1).hospitals[2].test.patients.tolist() == dataset.hospitals[2].test.patients.tolist()


@pytest.mark.parametrize(
    "division",
    [
        Division(split=BY_TIME),
        Division(split=LEAVE_ONE_HOSPITAL_OUT),
        Division(partition=Partition("iid", hospitals=2)),
    ],
)
def test_a_protocol_refuses_to_be_split_otherwise(division: Division) -> None:
    with pytest.raises(ChainwardError, match="says who is tested"):
        Arrhythmia(protocol="inter-patient", **SMALL).dataset(0, division)
    assert Arrhythmia(**SMALL).dataset(0, division).hospitals


@pytest.mark.parametrize("params", [{"data": "mit"}, {"target": "n"}, {"records": 1}, {"minutes": 0.0}, {"beats": 0}])
def test_wrong_parameters_are_refused_by_name(params: dict[str, Any]) -> None:
    with pytest.raises(BadParameter, match=next(iter(params))):
        tasks.load("arrhythmia", **params)


# --- MIT-BIH -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All records as PhysioNet ships them, each of twelve beats, one with another first lead."""
    wfdb = pytest.importorskip("wfdb", reason="needs the extra ecg")
    root = tmp_path_factory.mktemp("data")
    (root / "mitdb").mkdir()
    for record in (*DS1, *DS2):
        write(wfdb, root / "mitdb", record)
    return root


def write(wfdb: Any, folder: Path, record: int, beats: int = 12, **others: Any) -> None:
    rng = np.random.default_rng(record)
    peaks = 360 + np.cumsum(rng.integers(250, 350, beats)) if beats else np.array([400])
    signal = rng.normal(0, 0.01, (int(peaks[-1]) + 400, 2))
    lead = 1 if record == 114 else 0
    signal[peaks, lead] = 1.0
    names = ["V5", "MLII"] if lead else ["MLII", "V1"]
    told = {"fs": 360, "units": ["mV", "mV"], "sig_name": names, "p_signal": signal, "fmt": ["212", "212"]}
    wfdb.wrsamp(str(record), **{**told, **others}, write_dir=str(folder))
    symbols = [*("NVNAQFN+N/NN"[:beats] if beats else "~")]
    wfdb.wrann(str(record), "atr", peaks, symbol=symbols, write_dir=str(folder))


@pytest.fixture
def here(written: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("CHAINWARD_DATA", str(written))
    monkeypatch.setenv("CHAINWARD_CACHE", str(tmp_path))
    return written


@pytest.mark.usefixtures("here")
def test_the_published_files_are_read() -> None:
    task = Arrhythmia(data="mitdb")
    assert task.requires() is None
    cohort = task.cohort()
    assert (len(cohort.names), cohort.names[0], cohort.names[22]) == (44, "record 101", "record 100")
    # Eleven annotations of each are beats, the first and the last of which have no neighbour.
    assert (cohort.rows, len(cohort), sum(cohort.excluded.values())) == (44 * 11, 44 * 9, 44 * 2)
    assert cohort.labels.sum() == 44
    assert Arrhythmia(data="mitdb", target="sveb").cohort().labels.sum() == 44
    assert not any("SYNTHETIC" in note for note in cohort.notes)


@pytest.mark.usefixtures("here")
def test_a_record_whose_first_lead_is_another_is_read_from_mlii() -> None:
    for record in (101, 114):
        heights = mitdb_files.read(record).windows.max(axis=1)
        assert heights.min() > 0.3, "the R peaks are in the other lead"


@pytest.mark.usefixtures("here")
def test_paced_records_take_no_part_and_nobody_twice() -> None:
    everybody = (*DS1, *DS2)
    assert len(set(everybody)) == 44
    database = {*range(100, 125), *range(200, 235)} - {110, 120, 204, 206, 211, 216, 218, *range(224, 228), 229}
    assert len(database) == 48
    assert set(everybody) == database - {102, 104, 107, 217}


@pytest.mark.usefixtures("here")
def test_on_mit_bih_the_first_half_are_ds1_and_the_second_ds2() -> None:
    """Who gives for the base, by `general`, and who is tested, stand in this order in the trial."""
    task = Arrhythmia(data="mitdb", protocol="first-minutes", minutes=0.1)
    names = [one.name for one in task.dataset(0).hospitals]
    assert names == [f"record {record}" for record in (*DS1, *DS2)]
    between = Arrhythmia(data="mitdb", protocol="inter-patient").dataset(0)
    assert [one.name for one in between.hospitals] == names[:22]
    assert [one.name for one in between.outside] == names[22:]


def test_what_is_missing_is_told_in_one_line(written: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    monkeypatch.setattr("chainward.tasks.sources.folder", lambda: tmp_path / "own")
    told = Arrhythmia(data="mitdb").requires()
    assert told is not None
    assert "101.hea and 131 more files" in told
    assert "physionet.org" in told
    assert "\n" not in told
    for call in (Arrhythmia(data="mitdb").cohort, lambda: mitdb_files.read(100)):
        with pytest.raises(DataMissing):
            call()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: (folder / "101.dat").write_bytes(b""), "101"),
        (lambda folder: (folder / "101.hea").write_text("nonsense", encoding="ascii"), "101: cannot be read"),
        (lambda folder: (folder / "101.atr").write_bytes(b"\xff"), "101"),
        (lambda folder: write(__import__("wfdb"), folder, 101, beats=2), "101: has 2 beats"),
    ],
)
def test_a_broken_file_is_told_by_its_name(
    spoil: Any, told: str, written: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "mitdb"
    folder.mkdir()
    for path in (written / "mitdb").glob("101.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    assert len(mitdb_files.read(101).seconds) == 9
    spoil(folder)
    with pytest.raises(ChainwardError, match=told):
        mitdb_files.read(101)


def test_a_rule_on_the_early_interval_finds_early_beats_across_patients() -> None:
    """What made beats hold is known: how early one comes, by its patient's own mean, says that it is ectopic."""
    cohort = Arrhythmia().cohort()
    early = cohort.frame["RR, local mean"] / cohort.frame["RR before"]
    found = auroc(cohort.labels, early.to_numpy())
    assert found is not None
    assert found > 0.85


def test_cohorts_of_records_by_hand() -> None:
    peaks = [100, 200, 320, 400, 500]
    one = cut(spikes(peaks), peaks, "NVNAN", RATE)
    cohort = cohort_of({"a": one, "b": one}, "S", ("made by hand",))
    assert cohort.labels.tolist() == [0, 0, 1] * 2
    assert cohort.hospitals.tolist() == [0, 0, 0, 1, 1, 1]
    assert cohort.times.astype(np.int64).tolist() == [2, 3, 4] * 2
    assert cohort.rows == 10


@pytest.mark.parametrize("name", ["neurokit2", "wfdb"])
def test_a_library_leaves_nothing_in_the_home_folder(name: str, tmp_path: Path) -> None:
    """Both import matplotlib, which keeps a list of fonts there."""
    pytest.importorskip(name, reason="needs the extra: pip install 'chainward[ecg]'")
    code = f"from chainward.tasks.beats import library; import os; library({name!r}); os.environ['MPLCONFIGDIR']"
    kept = {key: value for key, value in os.environ.items() if key not in ("MPLCONFIGDIR", "XDG_CACHE_HOME")}
    environment = {**kept, "HOME": str(tmp_path), "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert "KeyError: 'MPLCONFIGDIR'" in ran.stderr  # it stands for the import alone
    assert not list(tmp_path.iterdir())
