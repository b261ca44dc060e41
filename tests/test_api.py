"""`chainward.run`, `chainward.load` and `Results`, as a notebook has them."""

from __future__ import annotations

import linecache
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.metrics import roc_auc_score

import chainward
from chainward.cli import group
from chainward.errors import ChainwardError
from chainward.folders import CHECKOUT
from chainward.plans.file import read
from chainward.report import frames
from chainward.results.collection import InMemory
from chainward.strategy import Strategy, discovery

SMALL: dict[str, Any] = {
    "tasks": [{"key": "synthetic", "hospitals": 4, "patients": 40}],
    "seeds": 1,
    "rounds": 2,
}
PLAN = """
name = "small"
strategies = ["fedavg", "bflc"]
attacks = ["none", { kind = "sign_flip", share = 0.3, strength = 4.0 }]
seeds = 1
rounds = 2

[[tasks]]
key = "synthetic"
hospitals = 4
patients = 40
"""
FRAMES = {
    "leaderboard": frames.LEADERBOARD,
    "claims": frames.CLAIMS,
    "gas": frames.GAS,
    "attacks": frames.ATTACKS,
    "rounds": frames.ROUNDS,
    "predictions": frames.PREDICTIONS,
    "failed": frames.FAILED,
}
CELL = """
from dataclasses import dataclass, replace
from typing import ClassVar
from chainward.strategy import Card, discovery

FedAvg = discovery.load("fedavg")

@dataclass(frozen=True)
class Slow(FedAvg):
    rate: float = 0.5
    card: ClassVar[Card] = replace(FedAvg.card, key="slow", title="Half a step")

    def round(self, state, world):
        after = super().round(state, world)
        return replace(after, weights=(state.weights + self.rate * (after.weights - state.weights)).astype("float32"))
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plans") / "small.toml"
    path.write_text(PLAN, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def results(plan: Path, tmp_path_factory: pytest.TempPathFactory) -> chainward.Results:
    """A plan that was run; nobody changes its folder."""
    return chainward.run(plan, out=tmp_path_factory.mktemp("reports") / "small")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Type a class into a notebook, with the text changed as asked, and return it."""
    names = []

    def typed(old: str = "", new: str = "") -> Any:
        assert old in CELL
        text, module = CELL.replace(old, new) if old else CELL, ModuleType("notebook_of_test_api")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        names.append(name := f"<cell {len(names)} of test_api>")
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        exec(compile(text, name, "exec"), vars(module))
        return module.Slow

    yield typed
    for name in names:
        del linecache.cache[name]


def changed(results: chainward.Results, **columns: Any) -> chainward.Results:
    """The results, with these texts in the first row of the leaderboard."""
    other = chainward.load(results.path)
    rows = [dict(row) for row in other.tables["leaderboard"]]
    rows[0] |= columns
    other.__dict__["tables"] = {**other.tables, "leaderboard": rows}
    return other


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_has_the_columns_and_types_that_are_documented(results: chainward.Results, name: str) -> None:
    method = getattr(results, name)
    found = method()
    assert {column: str(dtype) for column, dtype in found.dtypes.items()} == dict(FRAMES[name])
    told = " ".join(str(method.__doc__).replace(",", " ").replace(".", " ").replace(";", " ").split()).split()
    ends = ("_low", "_high", "_p")
    for column in found:
        base = next((column.removesuffix(end) for end in ends if column.endswith(end)), column)
        assert column in told or base in told, column


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_has_these_types_though_nothing_is_in_it(name: str) -> None:
    found = frames.predictions((), InMemory({})) if name == "predictions" else frames.frame([], FRAMES[name])
    assert len(found) == 0
    assert {column: str(dtype) for column, dtype in found.dtypes.items()} == dict(FRAMES[name])


def test_every_column_is_one_of_its_table(results: chainward.Results) -> None:
    tables = {"leaderboard": "leaderboard", "gas": "gas_functions", "attacks": "attacks"}
    for name, table in tables.items():
        assert results.tables[table], table
        assert set(FRAMES[name]) <= set(results.tables[table][0])


def test_predictions_give_the_aurocs_of_the_leaderboard(results: chainward.Results) -> None:
    predicted = results.predictions()
    board = results.leaderboard()
    honest = board[board["attack"] == ""].set_index("label")["auroc_mean"]
    calm = predicted[predicted["attack"] == ""]
    assert set(calm["label"]) == set(honest.index) == {"fedavg", "bflc"}
    for label, rows in calm.groupby("label", observed=True):
        assert roc_auc_score(rows["outcome"], rows["probability"]) == pytest.approx(honest[label])


def test_rounds_add_up_to_the_totals(results: chainward.Results) -> None:
    rounds = results.rounds().groupby(["label", "attack"])
    board = results.leaderboard().set_index(["label", "attack"])
    gas = results.gas().groupby(["label", "attack"])["total"].sum()
    assert (gas > 0).all()
    for key, row in board.iterrows():
        assert rounds.get_group(key)["gas"].sum() == row["gas_total"] == gas.get(key, 0)
        assert rounds.get_group(key)["latency_s"].sum() == pytest.approx(row["latency_total_s"])
        assert list(rounds.get_group(key)["round"]) == [0, 1, 2]


def test_the_same_records_give_the_same_frames(results: chainward.Results) -> None:
    again = chainward.load(results.path)
    assert again == results
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(again, name)(), getattr(results, name)())


def test_what_is_shown_escapes_what_comes_from_outside(results: chainward.Results) -> None:
    hostile = "<img src=x onerror=alert(1)>\x1b[2J\u202e&amp;"
    html = changed(results, label=hostile, task="</td><script>")._repr_html_()
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "&amp;amp;" in html
    assert "<img" not in html
    assert "<script" not in html
    assert "\x1b" not in html
    assert "fedavg" in html
    assert "<th>setting</th>" in html  # the same strategy stands there twice, with and without an attack
    assert "sign flip" in html
    place = chainward.Results(Path("<b>folder</b>"), results.manifest, results.found)
    assert "&lt;b&gt;folder&lt;/b&gt;" in place._repr_html_()
    assert repr(results) == f"<Results of small in {results.path}: 4 trials>"


def test_the_command_line_renders_the_same_bytes(results: chainward.Results, plan: Path, tmp_path: Path) -> None:
    copy = copytree(results.path, tmp_path / "copy")
    before = {path.name: path.read_bytes() for path in copy.iterdir() if path.is_file()}
    (copy / "index.html").unlink()
    (copy / "leaderboard.csv").unlink()
    assert CliRunner().invoke(group, ["report", str(copy)]).exit_code == 0
    assert {path.name: path.read_bytes() for path in copy.iterdir() if path.is_file()} == before

    ran = CliRunner().invoke(group, ["run", str(plan), "--out", str(copy)])
    assert ran.exit_code == 0, ran.output
    assert "4 of 4 trials are on record and skipped" in ran.output
    for name, data in before.items():
        if name.endswith((".csv", "leaderboard.json", "papers.json")):
            assert (copy / name).read_bytes() == data, name
    again = chainward.run(plan, out=copy)
    assert again.manifest.merkle_root == results.manifest.merkle_root


def test_the_page_is_saved_as_the_folder_has_it(results: chainward.Results, tmp_path: Path) -> None:
    path = results.save(tmp_path / "deep" / "page.html")
    assert path.read_bytes() == (results.path / "index.html").read_bytes()
    with pytest.raises(ChainwardError, match="cannot be written"):
        results.save(tmp_path)


def test_a_plan_may_be_a_file_an_object_a_mapping_or_fields(
    results: chainward.Results, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tomllib

    seen = []
    monkeypatch.setattr("chainward.api.running._run", lambda plan, *_: seen.append(plan))
    document = tomllib.loads(PLAN)
    for given, fields in (
        (plan, {}),
        (str(plan), {}),
        (read(plan, {}), {}),
        (document, {}),
        (None, document),
        (plan, {"strategies": [discovery.load("fedavg"), discovery.load("bflc")]}),
        (document | {"seeds": 4}, {"seeds": 1}),
    ):
        chainward.run(given, out=results.path, **fields)
    trials = [list(one.specifications()) for one in seen]
    assert len(trials[0]) == 4
    assert all(one == trials[0] for one in trials)


@pytest.mark.parametrize(
    ("plan", "fields", "message"),
    [
        (None, {}, "tasks: name at least 1"),
        ("nowhere.toml", {}, "nowhere.toml.*no such plan|no plan is called 'nowhere.toml'"),
        (None, {**SMALL, "strategies": ["fedavgg"]}, "did you mean 'fedavg'"),
        (None, {**SMALL, "strategies": ["fedavg"], "round": 3}, "round: "),
        ({"strategies": ["fedavg"]}, {**SMALL, "rounds": 0}, "rounds: "),
        (None, {**SMALL, "strategies": ["fedavg"], "jobs": 0}, "jobs: write a number of processes from 1 up"),
        (None, {**SMALL, "strategies": ["fedavg"], "trial_timeout": float("nan")}, "trial_timeout: write a number"),
        (None, {**SMALL, "strategies": [3]}, "strategies.0"),
    ],
)
def test_a_mistake_is_named(plan: Any, fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ChainwardError, match=message) as found:
        chainward.run(plan, out=tmp_path / "report", **fields)
    assert "\n" not in str(found.value)
    assert not (tmp_path / "report").exists()


def test_what_is_no_report_is_named(results: chainward.Results, tmp_path: Path) -> None:
    with pytest.raises(ChainwardError, match="nowhere: no such folder"):
        chainward.load(tmp_path / "nowhere")
    with pytest.raises(ChainwardError, match=r"no manifest\.json"):
        chainward.load(tmp_path)
    copy = copytree(results.path, tmp_path / "copy")
    record = next((copy / "records").iterdir())
    record.write_bytes(record.read_bytes().replace(b'"seed":0', b'"seed":1'))
    with pytest.raises(ChainwardError, match=record.stem):
        chainward.load(copy)


def test_a_chart_is_of_one_task_and_setting(results: chainward.Results) -> None:
    text = str(results.pareto(task="synthetic").to_dict())
    assert "bflc" in text
    assert "fedavg" in text
    assert "var(--" not in text
    with pytest.raises(ChainwardError, match="no completed trial of heart; it holds synthetic"):
        results.pareto(task="heart")


def test_a_strategy_of_a_notebook_is_compared_with_ours(slow: Any, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    kind = slow()
    found = chainward.run(SMALL, strategies=["fedavg", kind, kind(rate=1.0)], out=folder)
    assert found.manifest.command.startswith("chainward.run({'tasks': ")
    assert "strategies=['fedavg', Slow, " in found.manifest.command
    params = {(one.specification.strategy, *one.specification.params.items()) for one in found.found.completed}
    assert params == {("fedavg",), ("slow",), ("slow", ("rate", 1.0))}
    scores = found.predictions().groupby("label", observed=True)["probability"].apply(list)
    assert scores["slow (rate 1.0)"] == pytest.approx(scores["fedavg"], abs=1e-6)  # a whole step is FedAvg
    assert scores["slow"] != pytest.approx(scores["fedavg"], abs=1e-3)
    assert "Half a step" in (folder / "index.html").read_text(encoding="utf-8")
    with pytest.raises(ChainwardError, match="no strategy is called 'slow'"):
        discovery.load("slow")
    assert set(chainward.load(folder).leaderboard()["strategy"]) == {"fedavg", "slow"}  # also where nobody has it


def test_it_is_run_again_where_it_changed_only(slow: Any, tmp_path: Path) -> None:
    def ran(kind: Any) -> tuple[set[str], set[int]]:
        found = chainward.run(SMALL, strategies=[kind], out=tmp_path)
        return set(found.manifest.trials), {
            (tmp_path / "records" / f"{one}.json").stat().st_mtime_ns for one in found.manifest.trials
        }

    first = ran(slow())
    assert ran(slow("    rate: float", "    # a comment\n    rate: float")) == first
    assert ran(slow("rate: float = 0.5", "rate: float = 0.25"))[0] != first[0]


def test_a_failed_trial_is_warned_of(slow: Any, tmp_path: Path) -> None:
    kind = slow("after = super().round(state, world)", "raise ArithmeticError('<no> step')")
    with pytest.warns(UserWarning, match="1 of 2 trials failed"):
        found = chainward.run(SMALL, strategies=["fedavg", kind], out=tmp_path)
    (row,) = found.failed().to_dict("records")
    assert (row["strategy"], row["type"], row["message"]) == ("slow", "ArithmeticError", "<no> step")
    assert repr(found).endswith("2 trials, 1 of them failed>")
    html = found._repr_html_()
    assert "<td>slow</td>" in html
    assert "<td>–</td>" in html
    assert "<th>setting</th>" not in html
    assert not {"NA&gt;", "NaN", "nan"} & set(html.replace("<", " ").replace(">", " ").split())


def test_a_class_of_the_caller_takes_no_processes(slow: Any, tmp_path: Path) -> None:
    for limits in ({"jobs": 2}, {"trial_timeout": 5.0}, {"trial_memory": 4000.0}):
        with pytest.raises(ChainwardError, match="leave them out; only this process has Slow"):
            chainward.run(SMALL, strategies=[slow()], out=tmp_path, **limits)


def test_a_class_without_a_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChainwardError, match="strategy 'Strategy' is not a Strategy with a card"):
        chainward.run(SMALL, strategies=[Strategy], out=tmp_path)


def test_a_part_that_is_left_out_is_warned_of(
    results: chainward.Results, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path / "nothing"))
    monkeypatch.setattr("chainward.tasks.stroke.Stroke.requires", lambda _: "stroke's file is not here")
    parts = [{}, {"tasks": ["stroke"], "optional": True}]
    with pytest.warns(UserWarning, match="a part of the plan is left out: stroke's file is not here"):
        found = chainward.run(plan, parts=parts, out=copytree(results.path, tmp_path / "copy"))
    assert len(found.found.records) == 4


def test_two_classes_of_one_key_are_refused(slow: Any, tmp_path: Path) -> None:
    with pytest.raises(ChainwardError, match="strategy Slow: another has its key 'slow' too"):
        chainward.run(SMALL, strategies=[slow(), slow()], out=tmp_path)


def test_the_import_is_cheap_and_names_what_there_is() -> None:
    told = (
        "import sys, chainward; "
        "print(sorted({'torch', 'pandas', 'chainward.api'} & set(sys.modules)), dir(chainward)); "
        "print(chainward.run.__module__, chainward.Results.__module__)"
    )
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    printed = subprocess.run([sys.executable, "-c", told], env=environment, capture_output=True, text=True, check=True)
    first, second = printed.stdout.splitlines()
    assert first.startswith("[] ")
    assert all(f"'{name}'" in first for name in chainward.__all__)
    assert second == "chainward.api.running chainward.api.results"
    with pytest.raises(AttributeError, match="no attribute 'walk'"):
        chainward.walk  # noqa: B018


def test_a_bar_is_all_that_is_printed(
    results: chainward.Results, plan: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = copytree(results.path, tmp_path / "copy")
    chainward.run(plan, out=copy, strategies=["fedavg"], attacks=["none"])
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "1/1" in captured.err
