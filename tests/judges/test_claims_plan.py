"""The plans gather every trial that a paper's rule asks for: no verdict is missing for want of a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from judged import facts
from sample_records import ended, entry, predicted
from test_registered_claims import ROWS

from chainward import tasks
from chainward.folders import CHECKOUT
from chainward.judges import checked_claims, verdicts
from chainward.methods.randomness import stream
from chainward.plans import file as plans
from chainward.plans.claims import lacking, specifications_of
from chainward.plans.specification import Specification
from chainward.results.record import GasRow, HospitalSize
from chainward.results.rounds import Rounds
from chainward.results.store import Ended
from chainward.strategy import discovery
from chainward.tasks import sources
from chainward.testing.small import results_of

KEYS = discovery.keys()
CLAIMS = {(key, claim.key): claim for key in KEYS for claim in discovery.claims(discovery.load(key))}
"""Those whose claims are in the first registration, and their second rules in the second."""

FUNCTIONS = sorted({"f", *(one.arguments["function"] for one in CLAIMS.values() if "function" in one.arguments)})
QUANTITIES = sorted(
    {"accepted", "rejected", *(one.arguments["quantity"] for one in CLAIMS.values() if "quantity" in one.arguments)}
)


@cache
def hospitals(task: str, **params: Any) -> tuple[HospitalSize, ...]:
    """Name and size of each; those of a task whose data are not at hand do not matter here."""
    chosen = tasks.load(task, **params)
    found = () if chosen.requires() else chosen.dataset(0).hospitals
    return tuple(HospitalSize(one.name, len(one.train), 0, 0) for one in found) or (HospitalSize("site", 1, 0, 0),)


def record(specification: Specification) -> Ended:
    """A trial as if it had been run, with figures that mean nothing; an attack breaks everything."""
    rng = stream(specification.seed, str(specification.document()))
    parties = hospitals(specification.task, **specification.task_params)
    names = [hospital.name for hospital in parties]
    own = {name: rng.uniform(size=8).tolist() for name in names}
    gas = [int(rng.integers(1, 10**6)) for _ in range(3)]
    latency = {"compute": rng.uniform(), "consensus": rng.uniform()}
    return ended(
        specification,
        predicted([0.9, 0.1] * 4 if specification.attack else [0.1, 0.9] * 4, [0, 1] * 4, names[:1] * 8, own),
        data=specification.task,
        hospitals=parties,
        attackers=tuple(names[:1]) if specification.attack else (),
        setup=entry(0, gas[0]),
        rounds=Rounds.of([entry(1, gas[1], latency)]),
        gas_functions=tuple(
            GasRow("C", function, "round", 1, gas[2], float(gas[2]), gas[2], gas[2], gas[2], reverted=0)
            for function in FUNCTIONS
        ),
        outcomes=outcomes(names, rng),
        facts=facts(attacked=bool(specification.attack)),
    )


def outcomes(names: list[str], rng: np.random.Generator) -> Mapping[str, Mapping[str, float]]:
    told = {quantity: dict(zip(names, rng.uniform(size=len(names)).tolist(), strict=True)) for quantity in QUANTITIES}
    used = rng.uniform()
    rate = {"used": used, "optimal": 0.5, "recalled": used}
    model = {"coefficients": {"bias": rng.uniform()}, "learning": {"converged": 1.0}}
    return told | {"simulated": {"latency_s": rng.uniform(1, 2)}, "rate": rate} | model


@pytest.fixture
def all_data(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in tasks.names():
        monkeypatch.setattr(type(tasks.load(key)), "requires", lambda self: None)


def distinct(trials: Iterable[Specification]) -> set[str]:
    """Trials by what they are, without the fields that are empty and the one that came after the rules."""
    plain = ({}, "federated")
    documents = (one.document() for one in trials)
    return {
        json.dumps({name: value for name, value in one.items() if value not in plain}, sort_keys=True)
        for one in documents
    }


def found_by(trials: Iterable[Specification]) -> dict[tuple[str, str], str]:
    """Why each claim cannot be judged from these trials; nothing where it can."""
    distinct_trials = {json.dumps(one.document(), sort_keys=True): one for one in trials}
    results = results_of(*map(record, distinct_trials.values()))
    return {(row["strategy"], row["key"]): row["why"] for row in verdicts(results)}


def asked_by(*names: tuple[str, str]) -> set[str]:
    """The distinct trials of these claims."""
    return distinct(one for key, name in names for one in specifications_of(discovery.load(key), CLAIMS[key, name]))


@pytest.mark.usefixtures("all_data")
def test_claims_ask_for_just_the_trials_that_were_fixed() -> None:
    """235 of the first rules and those of second ones beside them, on stroke apart, whose task came after the rules."""
    early = [name for name in CLAIMS if ROWS[name].number == 1]
    again = [name for name in CLAIMS if name[1].endswith("-2")]
    first, second = asked_by(*early), asked_by(*again)
    on_stroke = {one for one in second if json.loads(one)["task"] == "stroke"}
    for some, count, fixed in (
        (first, 235, "a0bb9b36446f2a8489b68aaf1ce1f753baeab5d2ae7f2587a5d6af504b074019"),
        (second - first - on_stroke, 194, "3b1a2613a943c1e91dc8ebf4366aa0f0b1f6f7180bfdcc28ec3e9d41bf23dba9"),
        (on_stroke, 60, "1921d983949bd1a332697f3ee32157ea20f9515dd3ce307bbf292c2477744c20"),
    ):
        assert (len(some), hashlib.sha256("\n".join(sorted(some)).encode()).hexdigest()) == (count, fixed)
    new = asked_by(*(CLAIMS.keys() - {*early, *again}))
    assert distinct(plans.of_claims((), {}).specifications()) == first | second | new
    chosen = {tasks.load("stroke", **json.loads(one).get("task_params", {})) for one in on_stroke}
    assert chosen == {tasks.load("stroke", hospitals=20)}


@pytest.mark.usefixtures("all_data")
def test_what_claims_ask_for_is_in_the_plan_and_nothing_of_another_paper() -> None:
    whole = distinct(plans.read(CHECKOUT / "benchmarks" / "claims.toml", {}).specifications())
    everything = distinct(plans.of_claims((), {}).specifications())
    assert everything < whole
    ours = plans.of_claims(("bflc",), {})
    assert distinct(ours.specifications()) < everything
    assert {one.strategy for one in ours.specifications()} == {"bflc", "fedavg"}


@pytest.mark.parametrize(("key", "name"), CLAIMS, ids=map(" ".join, CLAIMS))
def test_a_claims_own_trials_are_all_its_judge_needs(key: str, name: str) -> None:
    """Rule and trials stand in one entry, so that none can be changed without the other."""
    found = found_by(specifications_of(discovery.load(key), CLAIMS[key, name]))
    assert found[key, name] == ""


AWAITING = [name for name, claim in CLAIMS.items() if claim.awaits]


@pytest.mark.parametrize(("key", "name"), AWAITING, ids=map(" ".join, AWAITING))
def test_a_claim_whose_task_is_not_here_says_so_and_its_other_trials_are_run(
    monkeypatch: pytest.MonkeyPatch, key: str, name: str
) -> None:
    claim = CLAIMS[key, name]
    listing = {task: kind for task, kind in tasks._listing().items() if task not in claim.awaits}
    monkeypatch.setattr(tasks, "_listing", lambda: listing)
    assert lacking(claim) == claim.awaits
    trials = list(specifications_of(discovery.load(key), claim))
    assert trials
    assert found_by(trials)[key, name] == f"needs the task {' and '.join(claim.awaits)}, not here yet"


@pytest.mark.parametrize(("key", "name"), AWAITING, ids=map(" ".join, AWAITING))
def test_a_claim_whose_data_are_not_here_is_not_testable_and_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str, name: str
) -> None:
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    monkeypatch.setattr(sources, "folder", lambda: tmp_path)
    plan = plans.of_claims((key,), {})
    assert any("run `chainward data get stroke`" in missing for missing in plan.left_out)
    trials = list(plan.specifications())
    assert "stroke" not in {one.task for one in trials}
    why = found_by(trials)[key, name]
    assert why.startswith("this report holds 0 of 5 seeds of ")
    assert " on stroke (hospitals 20), 30 rounds, track " in why
    assert why.endswith(
        f", whose data `chainward data get stroke` gets; `chainward run --claims {key}` gathers what is missing"
    )


def test_every_claim_of_the_line_up_has_a_judge() -> None:
    for key in KEYS:
        for claim in checked_claims(discovery.load(key)):
            assert claim.judge, (key, claim.key)


@pytest.mark.parametrize("papers", [(), ("blockfl", "bflc"), ("blockflow", "two_cp", "fedcoin")])
def test_claims_of_any_papers_are_decided_side_by_side(papers: tuple[str, ...]) -> None:
    """Though most of the trials on a task may be in a setting that another paper asks for."""
    found = found_by(one for part in plans.of_claims(papers, {}).parts for one in part.specifications())
    wanted = {name for name in CLAIMS if not papers or name[0] in papers}
    assert {name: found.get(name, "no trial of its strategy") for name in wanted} == dict.fromkeys(wanted, "")


def test_the_whole_plan_decides_every_claim() -> None:
    parts = plans.read(CHECKOUT / "benchmarks" / "claims.toml", {}).parts
    found = found_by(one for part in parts for one in part.specifications())
    assert {name: found.get(name, "no trial of its strategy") for name in CLAIMS} == dict.fromkeys(CLAIMS, "")
