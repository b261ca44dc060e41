from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.names import is_plain
from chainward.plans import file as plans
from chainward.plans import shipped
from chainward.plans.plan import Plan
from chainward.trials.sweep import sweep_of as sweep

SMALL = """\
strategies = ["local_only", {key = "fedavg", weighted = false}]
tasks = [{key = "synthetic", hospitals = 2, patients = 20}]
seeds = 2
rounds = 3
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def read(path: Path, **overrides: Any) -> Plan:
    return plans.read(path, overrides)


def test_a_plan_is_named_after_its_file_unless_it_says_otherwise(path: Path) -> None:
    assert read(path).name == "small"
    assert read(path, name="other").name == "other"


def test_names_and_tables_stand_for_strategies_and_tasks(path: Path) -> None:
    plan = read(path)
    assert [(one.key, one.params) for one in plan.strategies] == [("local_only", {}), ("fedavg", {"weighted": False})]
    assert [(one.key, one.params) for one in plan.tasks] == [("synthetic", {"hospitals": 2, "patients": 20})]


def test_specifications_are_every_strategy_on_every_task_seeds_side_by_side(path: Path) -> None:
    found = [(one.strategy, one.seed, one.rounds) for one in read(path).specifications()]
    assert found == [("local_only", 0, 3), ("local_only", 1, 3), ("fedavg", 0, 3), ("fedavg", 1, 3)]
    assert next(read(path).specifications()).task_params == {"hospitals": 2, "patients": 20}


def test_without_rounds_a_task_has_its_own(path: Path) -> None:
    path.write_text(SMALL.replace("rounds = 3\n", ""), encoding="utf-8")
    assert {one.rounds for one in read(path).specifications()} == {tasks.load("synthetic").rounds}


def test_defaults(path: Path) -> None:
    plan = read(path)
    assert (plan.track, plan.engine, plan.device) == ("common", "cohort", "auto")
    assert (plan.ledger.name, plan.ledger.params) == ("evm", {"consensus": "poa"})
    specification = next(plan.specifications())
    assert (specification.faults, specification.speeds) == ({}, {})


PARTS = """\
seeds = 2
rounds = 3

[[parts]]
strategies = ["fedavg"]
tasks = [{key = "synthetic", hospitals = 4, patients = 20}]
attacks = ["none", {kind = "sign_flip", share = 0.3, strength = 4}]

[[parts]]
strategies = ["local_only"]
tasks = ["heart"]
rounds = 1
"""


def test_parts_inherit_and_only_they_run(path: Path) -> None:
    path.write_text(PARTS, encoding="utf-8")
    found = [(one.strategy, one.task, one.rounds, one.seed, one.attack) for one in read(path).specifications()]
    flip = {"kind": "sign_flip", "share": 0.3, "strength": 4.0}
    assert found == [
        *(("fedavg", "synthetic", 3, seed, attack) for attack in ({}, flip) for seed in (0, 1)),
        *(("local_only", "heart", 1, seed, {}) for seed in (0, 1)),
    ]


def test_overrides_reach_what_a_part_says_itself(path: Path) -> None:
    path.write_text(PARTS, encoding="utf-8")
    plan = read(path, rounds=2, seeds=1, strategies=["bflc"], attacks=[{"kind": "none"}])
    assert [(one.strategy, one.task, one.rounds) for one in plan.specifications()] == [
        ("bflc", "synthetic", 2),
        ("bflc", "heart", 2),
    ]


def test_an_optional_part_is_left_out_where_its_data_are_missing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    needy = PARTS.replace('tasks = ["heart"]', 'tasks = ["edin"]')
    path.write_text(needy, encoding="utf-8")
    with pytest.raises(ChainwardError, match=r"parts\.1: task edin"):
        read(path)
    path.write_text(needy + "optional = true\n", encoding="utf-8")
    plan = read(path)
    assert {one.task for one in plan.specifications()} == {"synthetic"}
    assert "chainward data get" in "".join(plan.left_out)
    assert len(plan.left_out) == 1


def test_a_mistake_in_a_part_is_named(path: Path) -> None:
    path.write_text(PARTS.replace("hospitals = 4", "hospitals = 0"), encoding="utf-8")
    with pytest.raises(ChainwardError, match=r"small.toml: parts.0: .*hospitals"):
        read(path)


def test_overrides_replace_values_and_complete_tables(path: Path) -> None:
    path.write_text(SMALL + 'ledger = {consensus = "pow", gas_limit = 9_000_000}\n', encoding="utf-8")
    plan = read(path, seeds=1, strategies=["fedavg"], ledger={"consensus": "poa"}, speeds={"bits_per_s": "5"})
    assert [(one.strategy, one.seed) for one in plan.specifications()] == [("fedavg", 0)]
    assert plan.ledger.params == {"consensus": "poa", "gas_limit": 9_000_000}
    assert plan.speeds.bits_per_s == 5.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seeds = 1.5", "seeds: .*whole numbers"),
        ("rounds = 0", "rounds: .*greater than or equal to 1"),
        ("tasks = []", "tasks: .*at least 1"),
        ("attacks = []", "attacks: .*at least 1"),
        ('attacks = ["bribe"]', "attacks.0: .*no attack is called 'bribe'; there is label_flip, "),
        ('attacks = [{kind = "label_flip", strength = 2}]', "attacks.0: .*strength: 2.0 is no share of labels"),
        ('attacks = [{kind = "sign_flip", share = 1.5}]', "attacks.0: .*share: 1.5 of the hospitals"),
        ('attacks = [{kind = "sign_flip", strength = inf}]', "attacks.0.strength: .*finite"),
        ("parts = [{strategies = []}]", "parts.0: .*strategies: name at least 1"),
        ("parts = [1]", "parts.0: "),
        ("colour = 1", "colour: there is no such field"),
        ('split = "by-hospital"', "split: Input should be 'by-patient', 'leave-one-hospital-out' or 'by-time'"),
        ("tasks = [{hospitals = 2}]", r"tasks.0.key: Field required"),
        ("strategies = [1]", r"strategies.0: "),
        ('tasks = ["syntetic"]', "did you mean 'synthetic'"),
        ('strategies = ["fedavgg"]', "did you mean 'fedavg'"),
        ('strategies = [{key = "fedavg", w = 1}]', "strategy fedavg: no parameter 'w'; it has weighted"),
        ("speeds = {bits_per_s = nan}", r"speeds.bits_per_s: "),
        ("speeds = {bits_per_s = inf}", r"speeds.bits_per_s: must be a finite number"),
        ('tasks = [{key = "synthetic", size_skew = inf}]', "size_skew"),
        ("ledger = {gas_limit = inf}", "ledger.gas_limit: must be a finite number"),
        ('ledger = {gas_limit = "much"}', "ledger: "),
        ("ledger = {gas = 1}", "ledger evm: no parameter 'gas'"),
        ('faults = {absent = {"Bern" = []}}', "synthetic has no hospital 'Bern'; it has hospital 1, hospital 2"),
        ("seeds =", "not valid TOML"),
    ],
)
def test_a_mistake_names_the_file_the_field_and_the_fix(text: str, told: str, path: Path) -> None:
    field = text.split(" ", 1)[0]
    kept = [line for line in SMALL.splitlines() if not line.startswith(field)]
    path.write_text("\n".join([*kept, text]), encoding="utf-8")
    with pytest.raises(ChainwardError, match=told) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("parts = [{rounds = 3}, {rounds = 1}]\nfaults = {absent = {'hospital 1' = [3]}}", False),
        ("parts = [{rounds = 2}, {rounds = 1}]\nfaults = {absent = {'hospital 1' = [3]}}", True),
        ("parts = [{engine = 'cohort'}]\nflower = {timeout_s = 9}", True),
    ],
)
def test_what_one_part_makes_use_of_is_not_refused(text: str, refused: bool, path: Path) -> None:
    kept = [line for line in SMALL.splitlines() if not line.startswith("rounds")]
    path.write_text("\n".join([*kept, text]), encoding="utf-8")
    if refused:
        with pytest.raises(ChainwardError, match=r"beyond the last, which is 2|an engine of Flower's"):
            read(path)
    else:
        assert read(path).leaves


ABSENT = "faults = {absent = {'hospital 1' = [%s]}}"
DEEP = "[" * 5000 + "]" * 5000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seeds = 3000000000", "seeds: .*from 1 to 1,000,000"),
        (
            "seeds = 600000",
            "2 strategies × 1 tasks × 1 attacks × 600000 seeds are 1,200,000 trials; .* at most 1,000,000",
        ),
        ("rounds = 100001", "rounds: .*less than or equal to 100000"),
        ("rounds = 9223372036854775808", "rounds: a whole number has at most 64 bits"),
        (f"rounds = {'9' * 5000}", "not valid TOML: .*digits"),
        ("seeds = 1979-05-27", "seeds: a date has no place in a plan"),
        (
            'tasks = [{key = "synthetic", hospitals = 1979-05-27T07:32:00Z}]',
            "tasks.0.hospitals: a datetime has no place",
        ),
        ('tasks = [{key = "synthetic", hospitals = 07:32:00}]', "tasks.0.hospitals: a time has no place"),
        ('tasks = [{key = "synthetic", hospitals = 100001}]', "'hospitals': .*less than or equal to 100000"),
        (
            'tasks = [{key = "synthetic", patients = 10000000}]',
            "'synthetic': 20 hospitals × 10000000 .* at most 100,000,000",
        ),
        ('tasks = [{key = "synthetic", size_skew = 1e300}]', "'size_skew': .*less than or equal to 10"),
        ('tasks = [{key = "", hospitals = 2}]', "no task ''"),
        ('tasks = [""]', "no task ''"),
        ('strategies = [{key = "fedavg", weighted = nan}]', "strategies.0.weighted: must be a finite number"),
        ('strategies = [{key = "fedavg", "" = 1}]', "strategies.0: a name has 1 to 200 printable characters, not ''"),
        ('strategies = [{key = "fedavg", "\\u001b[31m" = 1}]', r"printable characters, not '.x1b\[31m'"),
        ('strategies = ["\\u001b[31m"]', r"strategies.0: text has no control characters; this is '.x1b\[31m'"),
        ("strategies = ['" + "f" * 1001 + "']", "strategies.0: text has at most 1000 characters, not 1001"),
        ("strategies = ['" + "f" * 300 + "']", "strategies.0.key: .*at most 200 characters"),
        ("strategies = [" + "'fedavg'," * 1001 + "]", "strategies: .*at most 1000 items"),
        ("name = '" + "n" * 101 + "'", "name: .*at most 100 characters"),
        ("title = '" + "t" * 201 + "'", "title: .*at most 200 characters"),
        ("title = '" + "t" * 5000 + "'", "title: text has at most 1000 characters"),
        ('title = "\\u009b31m"', "title: text has no control characters"),
        (f"title = {DEEP}", "may be 16 deep, not deeper"),
        (f"parts = {DEEP}", "may be 16 deep, not deeper"),
        ("parts = " + "[{parts = " * 20 + "[]" + "}]" * 20, "may be 16 deep, not deeper"),
        ("[" + "deep." * 3000 + "deep]", "may be 16 deep, not deeper"),
        ("\n".join("[[parts" + ".parts" * depth + "]]" for depth in range(20)), "may be 16 deep, not deeper"),
        ("faults = {absent = {'" + "h" * 201 + "' = []}}", "faults.absent: a name has 1 to 200"),
        (ABSENT % "100001", "faults.absent.hospital 1.0: .*less than or equal to 100000"),
        (ABSENT % ("1," * 10_001), "faults.absent.hospital 1: .*at most 10000 items"),
        ("faults = {delay = {'hospital 1' = 1e300}}", "faults.delay.hospital 1: .*less than or equal to"),
        ("speeds = {flops_per_s = 1e300}", "speeds.flops_per_s: .*less than or equal to"),
        ("ledger = {signers = 1000000000}", "ledger: ledger.signers: at most 10,000"),
        ("ledger = {period_s = 1e300}", "ledger: ledger.period_s: at most 1,000,000,000"),
        ("ledger = {gas_limit = -1}", "ledger: ledger.gas_limit: must be a whole number from 1 to"),
        ("ledger = {gas_limit = 1.5}", "ledger: ledger.gas_limit: must be a whole number from 1 to"),
        ("# " + "x" * 1_000_000, "a plan has at most 1,000,000 bytes"),
    ],
    ids=lambda value: value[:40],
)
def test_a_plan_has_limits_and_names_them(text: str, told: str, path: Path) -> None:
    field = text.split(" ", 1)[0]
    kept = [line for line in SMALL.splitlines() if not line.startswith(field)]
    path.write_text("\n".join([*kept, text]), encoding="utf-8")
    with pytest.raises(ChainwardError, match=told) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert len(message) < len(str(path)) + 400
    assert is_plain(message)


def test_a_hundred_megabytes_are_not_read(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(ChainwardError, match="at most 1,000,000 bytes"):
        read(path)


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_a_plan_is_a_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(ChainwardError, match=r"cannot be read \(it is no file\)"):
        read(path)


def test_overrides_have_the_same_limits(path: Path) -> None:
    for overrides in (
        {"title": "\ud800"},
        {"seeds": 10**30},
        {"speeds": {"": "1"}},
        {"faults": {"delay": {"a\x1b": 1}}},
    ):
        with pytest.raises(ChainwardError, match=r"small\.toml: ") as caught:
            read(path, **overrides)
        assert is_plain(str(caught.value))


def test_parts_together_have_a_limit(path: Path) -> None:
    path.write_text(SMALL.replace("seeds = 2", "seeds = 300000") + "[[parts]]\n[[parts]]\n", encoding="utf-8")
    with pytest.raises(ChainwardError, match="2 parts are 1,200,000 trials; a plan has at most 1,000,000"):
        read(path)


def test_seeds_are_values_or_how_many_from_zero(path: Path) -> None:
    assert [one.seed for one in read(path, strategies=["fedavg"], seeds=[7, 3]).specifications()] == [7, 3]
    assert read(path, seeds=[0, 1]) == read(path, seeds=2)
    path.write_text(SMALL.replace("seeds = 2", "seeds = [4294967295, 1]"), encoding="utf-8")
    assert {one.seed for one in read(path).specifications()} == {2**32 - 1, 1}


@pytest.mark.parametrize(
    "seeds", [0, -1, 1_000_001, True, 2.0, "2", [], [-1], [1, 1], [2**32], [True], [0.5], ["1"], [[1]]]
)
def test_seeds_that_cannot_be(seeds: object, path: Path) -> None:
    with pytest.raises(
        ChainwardError, match=r"small\.toml: seeds: .*from 1 to 1,000,000, or a list of different whole"
    ):
        read(path, seeds=seeds)


def test_a_seed_by_its_value_is_the_trial_that_counting_reaches(path: Path, tmp_path: Path) -> None:
    counted = sweep(read(path, strategies=["fedavg"], seeds=4), tmp_path).identifiers
    assert sweep(read(path, strategies=["fedavg"], seeds=[3, 0]), tmp_path).identifiers == (counted[3], counted[0])


def test_parameters_go_to_every_place_that_names_their_strategy(path: Path) -> None:
    bflc = ["bflc", {"key": "bflc", "committee_size": 3}]
    given = {"bflc": {"committee_size": 2}, "fedavg": {"weighted": False}}
    plan = read(path, strategies=[*bflc, "fedavg"], tasks=[{"key": "synthetic", "hospitals": 8}], params=given)
    assert [one.params for one in plan.strategies] == [*2 * [{"committee_size": 2}], {"weighted": False}]
    path.write_text(PARTS, encoding="utf-8")
    plan = read(path, params={"fedavg": {"weighted": False}})
    assert [part.strategies[0].params for part in plan.parts] == [{"weighted": False}, {}]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"fedavgg": {"weighted": 1}}, "--param fedavgg: the plan has no strategy 'fedavgg'; did you mean 'fedavg'?"),
        ({"bflc": {"committee_size": 1}}, "--param bflc: the plan has no strategy 'bflc'; it has local_only, fedavg"),
        ({"fedavg": {"weihgted": 1}}, "fedavg has no parameter 'weihgted'; did you mean 'weighted'?"),
        ({"fedavg": {"key": "bflc"}}, "fedavg has no parameter 'key'; it has weighted"),
        ({"fedavg": {"weighted": "perhaps"}}, "strategy fedavg: weighted: "),
    ],
)
def test_parameters_that_cannot_be(params: dict[str, Any], told: str, path: Path) -> None:
    with pytest.raises(ChainwardError, match=re.escape(told)):
        read(path, params=params)


def test_a_plan_does_not_change(path: Path) -> None:
    plan = read(path)
    with pytest.raises(ValueError, match="frozen"):
        plan.seeds = 7  # type: ignore[misc]


@pytest.mark.parametrize("name", shipped.NAMES)
def test_every_plan_that_comes_with_chainward_can_be_read(name: str, monkeypatch) -> None:
    """With all data present, that is; no plan may name what does not exist."""
    for key in tasks.names():
        monkeypatch.setattr(type(tasks.load(key)), "requires", lambda self: None)
    assert list(read(shipped.place(name)).specifications())


def test_a_trial_named_twice_is_one_job(path: Path, tmp_path: Path) -> None:
    once = sweep(read(path, strategies=["fedavg"]), tmp_path)
    twice = sweep(read(path, strategies=["fedavg", "fedavg"]), tmp_path)
    assert twice.identifiers == once.identifiers
    assert len(set(once.identifiers)) == 2
    spelled = [{"key": "fedavg", "weighted": True}, "fedavg"]
    assert sweep(read(path, strategies=spelled), tmp_path).identifiers == once.identifiers


@pytest.mark.parametrize("task", ["edin", "ca"])
def test_a_task_that_comes_split_refuses_another_split(task: str, path: Path) -> None:
    with pytest.raises(ChainwardError, match=f": task {task}: comes split as published; drop the task, or drop split"):
        read(path, tasks=[task], split="leave-one-hospital-out")


def test_each_hospital_is_left_out_in_turn(path: Path, tmp_path: Path) -> None:
    plan = read(path, split="leave-one-hospital-out", strategies=["fedavg"], seeds=4)
    jobs = sweep(plan, tmp_path).jobs
    assert {job.specification.split for job in jobs} == {"leave-one-hospital-out"}
    assert len({job.data for job in jobs}) == 4  # two hospitals, each with two draws of validation patients


def test_a_trial_is_named_after_all_that_can_change_its_result(path: Path, tmp_path: Path) -> None:
    base = set(sweep(read(path), tmp_path).identifiers)
    changes: list[dict[str, Any]] = [
        {"rounds": 4},
        {"track": "published"},
        {"split": "leave-one-hospital-out"},
        {"track": "tuned"},
        {"training": {"learning_rate": 0.01, "hidden": 16}},
        {"ledger": {"consensus": "pow"}},
        {"faults": {"absent": {"hospital 1": [2]}}},
        {"speeds": {"bits_per_s": 1e6}},
        {"tasks": [{"key": "synthetic", "hospitals": 2, "patients": 21}]},
    ]
    for change in changes:
        assert base.isdisjoint(sweep(read(path, **change), tmp_path).identifiers), change
    assert base == set(sweep(read(path, name="other", title="Another", device="cpu"), tmp_path).identifiers)
    assert base < set(sweep(read(path, seeds=3), tmp_path).identifiers)
