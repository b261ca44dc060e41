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
        gas_functions=(GasRow("C", "f", "round", 1, gas[2], float(gas[2]), gas[2], gas[2], gas[2], reverted=0),),
        outcomes=outcomes(names, rng),
        facts=facts(attacked=bool(specification.attack)),
    )


def outcomes(names: list[str], rng: np.random.Generator) -> Mapping[str, Mapping[str, float]]:
    told = {quantity: dict(zip(names, rng.uniform(size=len(names)).tolist(), strict=True)) for quantity in QUANTITIES}
    used = rng.uniform()
    rate = {"used": used, "optimal": 0.5, "recalled": used}
    return told | {"simulated": {"latency_s": rng.uniform(1, 2)}, "rate": rate}


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


# Second rules that were built when what they need was: other trials than those of all the claims before them.
LATER = (
    ("blockfl", "best-block-rate-2"),
    ("blockflow", "gas-law-2"),
    ("biscotti", "withstands-poisoners-2"),
    ("biscotti", "dearest-parts-2"),
    ("fedcoin", "pays-like-exact-shapley-2"),
    ("two_cp", "size-and-share-2"),
)


@pytest.mark.usefixtures("all_data")
def test_claims_ask_for_just_the_trials_that_were_fixed() -> None:
    """235 of the first rules, and 60 of second ones beside the 60 that these ask for on stroke.

    The former 60 are 40 on hospitals that differ and, on heart, the other exponent and tuned and logistic hospitals
    alone; the latter the same of stroke, whose task came after the rules. The last are of the second rules that were
    built later.
    """
    before = asked_by(*(name for name in CLAIMS if name not in LATER))
    on_stroke = {one for one in before if json.loads(one)["task"] == "stroke"}
    later = asked_by(*LATER)
    for some, count, fixed in (
        (before - on_stroke, 295, "f1027be2d6f0f0d0a4fe8eaa857d102b3133788daa97de50666a64c2f9b2cdf8"),
        (on_stroke, 60, "6b2f7115fd8ff32199d9f1199a0f8d8d162158f1a68b2355b73369068ef81376"),
        (later - before, 134, "499d86927fd9785d95f9451635c7740c733e40b057b8b1dbd205aa650174bace"),
    ):
        assert len(some) == count
        assert hashlib.sha256("\n".join(sorted(some)).encode()).hexdigest() == fixed
    assert distinct(plans.of_claims((), {}).specifications()) == before | later
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
