import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from chainward import tasks
from chainward.cli import group
from chainward.errors import BadParameter, ChainwardError, DataMissing
from chainward.plans.specification import Specification
from chainward.results import meds as exported
from chainward.tasks import meds_files
from chainward.tasks.division import Division, Partition
from chainward.tasks.metrics import auroc
from chainward.testing.small import completed, results_of, run_whole, small

pa = pytest.importorskip("pyarrow")
pytest.importorskip("meds")
from meds import LabelSchema  # noqa: E402
from meds_made import ADMITTED, named, save, save_labels, write  # noqa: E402
from pyarrow import parquet  # noqa: E402

DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
DEALT = Division(partition=Partition(kind="iid", hospitals=2))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write(tmp_path_factory.mktemp("meds"))


def task(folder, site="SITE//", **fields):
    return tasks.load("meds", folder=str(folder), labels=str(folder / "labels"), site=site, **fields)


def few(folder, events, labels, **more):
    """A data set of one shard and its task, without sites."""
    save(folder / "data" / "0.parquet", events)
    save_labels(folder / "labels" / "0.parquet", [(named(subject), at, outcome) for subject, at, outcome in labels])
    return task(folder, **{"site": None, **more})


def same(one, other):
    np.testing.assert_array_equal(one.frame.to_numpy(), other.frame.to_numpy())
    assert [*one.frame.columns] == [*other.frame.columns]
    assert (one.names, one.hospitals.tolist()) == (other.names, other.hospitals.tolist())


def change(path, **columns):
    """Put columns of a file in place of its own, or take them out (None)."""
    table = parquet.read_table(path)
    for name, values in columns.items():
        table = table.drop_columns([name]) if name in table.column_names else table
        table = table if values is None else table.append_column(name, values)
    parquet.write_table(table, path)


def test_the_invented_subjects_are_all_read(made):
    cohort = task(made).cohort()
    assert (len(cohort), cohort.rows, cohort.names) == (400, 400, ("A", "B", "C", "D"))
    assert np.bincount(cohort.hospitals).tolist() == [100] * 4
    assert cohort.excluded == {} == cohort.repaired
    assert 0.3 < cohort.labels.mean() < 0.5
    assert len(set(cohort.identities.tolist())) == 400
    by_subject = sorted(range(400), key=named)  # rows follow subject numbers, which alternate in sign
    np.testing.assert_allclose(cohort.frame["age"], [40 + subject % 50 + 1 / 365.25 for subject in by_subject])
    assert cohort.frame["LAB//lactate: count"].eq(4).all()
    assert cohort.times is not None
    assert cohort.times.dtype == np.dtype("datetime64[s]")


def test_two_readings_give_the_same_bytes(made):
    assert task(made).dataset(1).digest == task(made).dataset(1).digest


def test_features_are_those_of_a_reading_row_by_row(tmp_path, monkeypatch):
    monkeypatch.setattr(meds_files, "BATCH", 37)
    rng = np.random.default_rng(7)
    minutes = iter(rng.permutation(3_000).tolist())  # no two events at one time
    events = []
    for subject in range(40):
        for code in rng.choice(["a", "b", "c", "d"], rng.integers(1, 30), p=[0.5, 0.3, 0.15, 0.05]).tolist():
            at = None if rng.random() < 0.05 else ADMITTED + timedelta(minutes=next(minutes))
            events.append((subject, at, code, None if rng.random() < 0.3 else float(np.float32(rng.normal()))))
    labels = [(subject, ADMITTED + timedelta(minutes=at), bool(at % 2)) for subject in range(40) for at in (900, 2_000)]
    for window in (None, 10.0):
        cohort = few(tmp_path, events, labels, codes=3, window_hours=window).cohort()
        kept = [row for row in sorted(labels, key=lambda row: (named(row[0]), row[1])) if up_to(events, row)]
        assert len(cohort) == len(kept) > 70
        assert cohort.excluded == {"without an event up to the prediction time": 80 - len(kept)}
        for place, row in enumerate(kept):
            for code in "abc":
                own = [event for event in up_to(events, row, window) if event[2] == code]
                values = [value for *_, value in sorted(own, key=when) if value is not None]
                assert cohort.frame[f"{code}: count"].iloc[place] == len(own)
                last = values[-1] if values else np.nan
                np.testing.assert_equal(cohort.frame[f"{code}: last"].iloc[place], last)
        assert "d: count" not in cohort.frame


def up_to(events, row, window=None):
    subject, at, _ = row
    since = datetime.min if window is None else at - timedelta(hours=window)
    return [one for one in events if one[0] == subject and (one[1] is None or since <= one[1] <= at)]


def when(event):
    return event[1] or datetime.min


def test_what_comes_after_the_prediction_time_is_never_seen(tmp_path):
    at = ADMITTED + DAY
    before = [(number, ADMITTED, "x", 1.0) for number in range(4)] + [(0, at, "x", 2.0)]
    after = [(number, at + MOMENT, code, 9.0) for number in range(4) for code in ("x", "late", "MEDS_DEATH", "SITE//Z")]
    after += [(0, at + MOMENT, "MEDS_BIRTH", None)]
    labels = [(number, at, number > 1) for number in range(4)]
    plain = few(tmp_path / "plain", before, labels).cohort()
    same(plain, few(tmp_path / "later", before + after, labels).cohort())
    assert [*plain.frame.columns] == ["age", "x: count", "x: last"]
    first = [named(number) for number in range(4)]
    place = sorted(first).index(named(0))
    assert plain.frame["x: last"].iloc[place] == 2.0  # MEDS: up to and including the prediction time
    with pytest.raises(ChainwardError, match="4 without a site"):
        few(tmp_path / "sites", before + after, labels, site="SITE//").cohort()


def test_codes_are_chosen_without_the_labels(tmp_path):
    rng = np.random.default_rng(1)
    events = [(s, ADMITTED, f"c{code}", 1.0) for s in range(30) for code in np.unique(rng.integers(0, 40, 12)).tolist()]
    labels = [(subject, ADMITTED, subject % 2 == 0) for subject in range(30)]
    one = few(tmp_path / "one", events, labels, codes=6).cohort()
    same(one, few(tmp_path / "other", events, [(*rest, not label) for *rest, label in labels], codes=6).cohort())
    assert any("without their labels" in note for note in one.notes)


def test_neither_the_order_of_events_nor_their_shards_matter(made, tmp_path):
    table = pa.concat_tables([parquet.read_table(path) for path in meds_files.shards(made)])
    mixed = table.take(np.random.default_rng(0).permutation(len(table)))
    for number in range(2):
        (tmp_path / "data").mkdir(exist_ok=True)
        part = mixed.slice(1_000) if number else mixed.slice(0, 1_000)
        parquet.write_table(part, tmp_path / f"data/{number}.parquet")
    again = tasks.load("meds", folder=str(tmp_path), labels=str(made / "labels"), site="SITE//")
    same(task(made).cohort(), again.cohort())


@pytest.mark.parametrize("batch", [1, 1_000])
def test_a_site_is_the_last_code_of_the_prefix_and_no_feature(batch, tmp_path, monkeypatch):
    monkeypatch.setattr(meds_files, "BATCH", batch)
    events = [(0, ADMITTED, "SITE//B", None), (0, None, "SITE//A", None), (0, ADMITTED - DAY, "SITE//C", None)]
    events += [(1, None, "SITE//A", None), (2, ADMITTED, "x", None), (3, ADMITTED + MOMENT, "SITE//B", None)]
    cohort = few(tmp_path, events, [(number, ADMITTED, False) for number in range(4)], site="SITE//").cohort()
    assert cohort.names == ("A", "B")
    assert sorted(cohort.hospitals.tolist()) == [0, 1]
    assert cohort.excluded == {"without an event up to the prediction time": 1, "without a site (SITE//)": 1}
    assert [*cohort.frame.columns] == ["age", "x: count"]


def test_a_site_is_a_column_of_the_labels_before_one_of_the_data(made, tmp_path):
    made = write(tmp_path, count=40, shards=2)
    for path in meds_files.shards(made):
        change(path, hospital=pa.array(["east"] * parquet.read_metadata(path).num_rows))
    assert task(made, site="hospital").cohort().names == ("east",)
    change(made / "labels" / "0.parquet", hospital=pa.array([7 + number % 3 for number in range(40)]))
    cohort = task(made, site="hospital").cohort()
    assert cohort.names == ("7", "8", "9")
    by_subject = sorted(range(40), key=named)
    assert cohort.hospitals.tolist() == [subject % 3 for subject in by_subject]


def test_without_a_site_only_pseudo_sites_can_be_dealt(made):
    unknown = task(made, site=None)
    with pytest.raises(ChainwardError, match="knows no hospitals"):
        unknown.dataset(0)
    dealt = unknown.dataset(0, DEALT)
    assert [hospital.name for hospital in dealt.hospitals] == ["site 1", "site 2"]
    assert any("pseudo-sites" in note for note in dealt.notes)


def test_the_dead_and_the_unknown_are_excluded_by_name(tmp_path):
    events = [(0, ADMITTED, "x", 1.0), (0, ADMITTED + DAY, "MEDS_DEATH", None), (1, ADMITTED + 2 * DAY, "x", 1.0)]
    events += [(2, ADMITTED, "x", float("inf")), (2, ADMITTED - 200 * 365 * DAY, "MEDS_BIRTH", None)]
    cohort = few(tmp_path, events, [(number, ADMITTED + DAY, True) for number in range(4)]).cohort()
    assert (cohort.rows, len(cohort)) == (4, 1)
    assert cohort.excluded == {
        "without an event up to the prediction time": 2,
        "predicted at or after the subject's death": 1,
    }
    assert cohort.repaired == {"age beyond 130 years": 1, "numeric_value is infinite": 1}
    assert np.isnan(cohort.frame[["age", "x: last"]].to_numpy()).all()


def test_all_rows_of_a_subject_are_in_one_part(made, tmp_path):
    events = [(number, ADMITTED, "x", float(number)) for number in range(60)]
    labels = [(number, ADMITTED + hours * DAY, number % 3 == 0) for number in range(60) for hours in range(3)]
    several = few(tmp_path, events, labels)
    cohort = several.cohort()
    assert (len(cohort), len(set(cohort.identities.tolist()))) == (180, 60)
    for hospital in several.dataset(0, DEALT).hospitals:
        parts = [set(part.patients.tolist()) for part in (hospital.train, hospital.validation, hospital.test)]
        assert all(parts)
        assert len(set.union(*parts)) == sum(map(len, parts))


READING = """
import os, pathlib, sys
import pandas, pyarrow
from chainward import tasks
before = len(os.listdir("/proc/self/task"))
tasks.load("meds", folder=sys.argv[1], labels=sys.argv[1] + "/labels", site="SITE//").cohort()
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads as Linux lists them")
def test_reading_starts_no_thread_in_what_trials_are_forked_from(made):
    quiet = {**os.environ, "JE_ARROW_MALLOC_CONF": "background_thread:false", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", READING, made], env=quiet, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


BROKEN = {
    "missing column": ("data", {"code": None}, r"0\.parquet: Missing required columns: code"),
    "wrong type": ("data", {"subject_id": pa.array(["x"] * 4)}, r"0\.parquet: .*subject_id \(want int64, got string"),
    "values as text": ("data", {"numeric_value": pa.array(["2,5"] * 4)}, r"0\.parquet: .*numeric_value"),
    "null subject": ("data", {"subject_id": pa.array([1, None, 2, 3])}, r"0\.parquet: column subject_id is null in 1"),
    "null in a cast column": ("data", {"subject_id": pa.array([1, None, 2, 3], pa.int32())}, "subject_id is null in 1"),
    "null code": ("data", {"code": pa.array(["x", None, None, "y"])}, r"0\.parquet: column code is null in 2 rows"),
    "no time": ("labels", {"prediction_time": None}, r"0\.parquet: Missing required columns: prediction_time"),
    "no label": ("labels", {"boolean_value": None}, r"0\.parquet: no column boolean_value"),
    "label 2": ("labels", {"boolean_value": pa.array(["2"] * 4)}, r"0\.parquet: .*boolean_value \(want bool"),
    "null label": ("labels", {"boolean_value": pa.array([True, None, None, True])}, "boolean_value is null in 2 rows"),
    "more": ("labels", {"hospital": pa.array([1] * 4)}, r"0\.parquet: Disallowed extra columns: hospital"),
    "twice": ("labels", {"subject_id": pa.array([5, 5, 5, 6])}, "labels: 2 rows repeat a subject_id with its"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_with_its_column(name, tmp_path):
    where, columns, complaint = BROKEN[name]
    labels = [(number, ADMITTED, number > 1) for number in range(4)]
    broken = few(tmp_path, [(number, ADMITTED, "x", 1.0) for number in range(4)], labels)
    assert len(broken.cohort()) == 4
    change(tmp_path / where / "0.parquet", **columns)
    with pytest.raises(ChainwardError, match=complaint) as told:
        broken.cohort()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("where", ["data", "labels"])
@pytest.mark.parametrize("content", [b"", b"subject_id,time\n1,2\n", None])
def test_a_file_that_is_no_parquet_is_named(where, content, tmp_path):
    broken = few(tmp_path, [(0, ADMITTED, "x", 1.0)] * 4, [(0, ADMITTED, True)])
    path = tmp_path / where / "0.parquet"
    path.write_bytes(path.read_bytes()[:-20] if content is None else content)
    with pytest.raises(ChainwardError, match=f"{where}/0.parquet: .*it should be a Parquet file"):
        broken.cohort()


def test_broken_pages_are_named(tmp_path):
    broken = few(tmp_path, [(0, ADMITTED, "x", float(number)) for number in range(2_000)], [(0, ADMITTED, True)])
    path = tmp_path / "data" / "0.parquet"
    content = bytearray(path.read_bytes())
    content[4:2_000] = bytes(1_996)
    path.write_bytes(content)
    with pytest.raises(ChainwardError, match=r"data/0\.parquet: .*write the shard again"):
        broken.cohort()


def test_empty_tables(made, tmp_path):
    nothing = few(tmp_path, [(0, ADMITTED, "x", 1.0)], [(0, ADMITTED, True)])
    parquet.write_table(parquet.read_table(tmp_path / "labels/0.parquet").slice(0, 0), tmp_path / "labels/0.parquet")
    with pytest.raises(ChainwardError, match="labels: no label in 1 files"):
        nothing.cohort()
    (tmp_path / "data" / "0.parquet").unlink()
    with pytest.raises(ChainwardError, match="data: no Parquet file"):
        tasks.load("meds", folder=str(tmp_path), labels=str(made / "labels")).cohort()


def test_other_writers_types_are_taken(made, tmp_path):
    """Large strings, categories, nanoseconds and small numbers mean the same."""
    other = write(tmp_path)
    for path in meds_files.shards(other):
        table = parquet.read_table(path)
        codes = table["code"].combine_chunks()
        change(path, code=codes.dictionary_encode() if "held" in str(path) else codes.cast(pa.large_string()))
        change(path, time=table["time"].cast(pa.timestamp("ns")), numeric_value=table["numeric_value"].cast("float64"))
    same(task(made).cohort(), task(other).cohort())


def test_what_is_lacking_is_said_in_a_line(tmp_path, made, monkeypatch):
    monkeypatch.delenv("CHAINWARD_DATA", raising=False)
    assert "no MEDS data set" in (task(tmp_path).requires() or "")
    told = tasks.load("meds", folder=str(made), labels="nowhere").requires()
    assert told is not None
    assert told.startswith("nowhere: no MEDS label table")
    monkeypatch.setenv("CHAINWARD_DATA", str(made.parent))
    below = tasks.load("meds", folder=made.name, labels=f"{made.name}/labels")
    assert below.requires() is None
    with pytest.raises(DataMissing, match="nowhere"):
        tasks.load("meds", folder=str(made), labels="nowhere").dataset(0, DEALT)
    monkeypatch.setattr(meds_files, "find_spec", lambda name: None)
    assert "pip install 'chainward[meds]'" in (below.requires() or "")


@pytest.mark.parametrize("field", [{"codes": 0}, {"codes": "9"}, {"window_hours": 0}, {"site": ""}, {"folder": 3}])
def test_fields_are_strict(field):
    with pytest.raises(BadParameter, match=next(iter(field))):
        tasks.load("meds", **field)


class Predicted(LabelSchema):
    """The columns that MEDS evaluation wants beside a label's."""

    predicted_boolean_value: pa.bool_()
    predicted_boolean_probability: pa.float32()


@pytest.fixture(scope="module")
def trial(made):
    fields = {"folder": str(made), "labels": str(made / "labels"), "site": "SITE//"}
    return run_whole(Specification(strategy="fedavg", task="meds", seed=0, rounds=15, task_params=fields))


def test_a_trial_learns_and_its_predictions_are_of_these_subjects(trial, made):
    results = results_of(trial)
    record = completed(trial.record)
    ((name, content),) = exported.files(results)
    assert name == f"fedavg-seed-0-{record.id[:12]}.parquet"
    table = parquet.read_table(pa.BufferReader(content))
    Predicted.validate(table)
    truth = parquet.read_table(made / "labels").to_pylist()
    outcome = {(row["subject_id"], row["prediction_time"]): row["boolean_value"] for row in truth}
    rows = table.to_pylist()
    assert len(rows) == 80 == len({row["subject_id"] for row in rows})
    assert all(outcome[row["subject_id"], row["prediction_time"]] == row["boolean_value"] for row in rows)
    assert all(row["predicted_boolean_value"] == (row["predicted_boolean_probability"] >= 0.5) for row in rows)
    labels, scores = (table[name].to_numpy() for name in ("boolean_value", "predicted_boolean_probability"))
    assert auroc(labels, scores) > 0.75
    assert auroc(labels, scores) == pytest.approx(judged(results, record), abs=1e-6)


def judged(results, record):
    told = results.opener.predictions(record)
    return auroc(told.label, told.probability)


def test_the_rows_of_a_subject_with_several_are_told_apart(tmp_path):
    events = [(number, None, "SITE//A" if number else "SITE//B", None) for number in range(3)]
    events += [(1, ADMITTED + DAY, "SITE//B", None)]
    labels = [(number, ADMITTED + hours * DAY, hours == 1) for number in range(3) for hours in range(3)]
    cohort = few(tmp_path, events, labels, site="SITE//").cohort()
    who, where = cohort.identities, np.array(cohort.names)[cohort.hospitals]
    tested = np.flatnonzero(who != 2)
    order = tested[np.lexsort((tested, where[tested] == "A"))]  # by hospital, as a trial predicts
    for given in (order, order[np.argsort(who[order], kind="stable")]):
        assert exported.rows_of(cohort, where[given], who[given]).tolist() == given.tolist()
    assert exported.rows_of(cohort, None, who[tested]).tolist() == tested.tolist()
    assert exported.rows_of(cohort, where[order[1:]], who[order[1:]]) is None


@pytest.mark.parametrize(
    "how", [{}, {"split": "leave-one-hospital-out"}, {"partition": {"kind": "iid", "hospitals": 2}}]
)
def test_several_predictions_of_a_subject_are_written(how, tmp_path):
    rng = np.random.default_rng(0)
    events = [(number, None, f"SITE//{'AB'[number % 2]}", None) for number in range(60)]
    events += [(number, ADMITTED + day * DAY, "x", float(rng.normal())) for number in range(60) for day in range(3)]
    events += [(number, ADMITTED + DAY, "SITE//A", None) for number in range(0, 60, 7)]  # who moves
    outcome = {
        (named(number), ADMITTED + day * DAY): bool(rng.random() < 0.4) for number in range(60) for day in range(3)
    }
    few(tmp_path, events, [(0, ADMITTED, True)])
    save_labels(tmp_path / "labels" / "0.parquet", [(*key, label) for key, label in outcome.items()])
    fields = {"folder": str(tmp_path), "labels": str(tmp_path / "labels"), "site": "SITE//"}
    results = results_of(run_whole(Specification("fedavg", "meds", 1, 1, task_params=fields, **how)))
    (record,) = results.completed
    ((_, content),) = exported.files(results)
    table = parquet.read_table(pa.BufferReader(content))
    keys = [(row["subject_id"], row["prediction_time"]) for row in table.to_pylist()]
    assert len(keys) == len(set(keys)) > len({subject for subject, _ in keys}) > 5
    assert [outcome[key] for key in keys] == table["boolean_value"].to_pylist()
    assert len(keys) == len(results.opener.predictions(record).label)


def test_dealt_subjects_are_found_again(made):
    fields = {"folder": str(made), "labels": str(made / "labels")}
    dealt = {"task_params": fields, "partition": {"kind": "iid", "hospitals": 3}}
    results = results_of(run_whole(Specification(strategy="fedavg", task="meds", seed=1, rounds=1, **dealt)))
    ((_, content),) = exported.files(results)
    rows = parquet.read_table(pa.BufferReader(content)).to_pylist()
    truth = {row["subject_id"]: row["boolean_value"] for row in parquet.read_table(made / "labels").to_pylist()}
    assert len(rows) == len({row["subject_id"] for row in rows}) == 80
    assert all(truth[row["subject_id"]] == row["boolean_value"] for row in rows)


def test_the_record_names_no_subject(trial):
    record = str(trial.record)
    assert not any(str(abs(named(subject))) in record for subject in range(400))


def test_predictions_about_other_data_are_refused(made, tmp_path):
    folder = write(tmp_path / "meds", count=80)
    fields = {"folder": str(folder), "labels": str(folder / "labels"), "site": "SITE//"}
    results = results_of(run_whole(Specification(strategy="fedavg", task="meds", seed=0, rounds=1, task_params=fields)))
    assert len([*exported.files(results)]) == 1
    flipped = parquet.read_table(folder / "labels" / "0.parquet")["boolean_value"].to_pylist()
    change(folder / "labels" / "0.parquet", boolean_value=pa.array([not label for label in flipped]))
    with pytest.raises(ChainwardError, match=r"fedavg on meds, seed 0: .* is not as it was when this trial ran"):
        [*exported.files(results)]


PLAN = """\
strategies = ["fedavg", "local_only"]
seeds = 2
rounds = 2

[[tasks]]
key = "meds"
folder = "{folder}"
labels = "{folder}/labels"
site = "SITE//"
"""


def test_from_a_plan_to_predictions_on_the_command_line(made, tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN.format(folder=made))
    report, out = tmp_path / "report", tmp_path / "predictions"
    ran = CliRunner().invoke(group, ["run", str(tmp_path / "plan.toml"), "--out", str(report)])
    assert ran.exit_code == 0, ran.output
    assert CliRunner().invoke(group, ["meds", str(report), str(out)]).output == f"4 trials in {out}\n"
    tables = [parquet.read_table(path) for path in sorted(out.glob("*.parquet"))]
    assert len(tables) == 4
    for table in tables:
        Predicted.validate(table)
    assert sum(map(len, tables)) == 4 * 80


def test_a_report_without_a_meds_data_set_is_refused():
    with pytest.raises(ChainwardError, match="no trial of this report ran on a MEDS data set"):
        [*exported.files(results_of(run_whole(small("local_only"))))]
