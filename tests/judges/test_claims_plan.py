"""The plans gather every trial that a paper's rule asks for: no verdict is missing for want of a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

from chainward import tasks
from chainward.folders import CHECKOUT
from chainward.judges import checked_claims, verdicts
from chainward.methods.randomness import stream
from chainward.plans import file as plans
from chainward.plans.claims import specifications_of
from chainward.plans.plan import Plan
from chainward.plans.specification import Specification
from chainward.strategy import discovery

KEYS = discovery.keys()
CLAIMS = {(key, claim.key): claim for key in KEYS for claim in discovery.claims(discovery.load(key))}
QUANTITIES = sorted({one.arguments["quantity"] for one in CLAIMS.values() if "quantity" in one.arguments})


@cache
def hospitals(task: str, **params: Any) -> list[dict[str, Any]]:
    """Name and size of each; those of a task whose data are not at hand do not matter here."""
    chosen = tasks.load(task, **params)
    found = () if chosen.requires() else chosen.dataset(0).hospitals
    return [{"name": one.name, "train": len(one.train)} for one in found] or [{"name": "site", "train": 1}]


def record(specification: Specification) -> dict[str, Any]:
    """A trial as if it had been run, with figures that mean nothing."""
    document = specification.document()
    rng = stream(specification.seed, str(document))
    parties = hospitals(specification.task, **specification.task_params)
    names = [hospital["name"] for hospital in parties]
    patients = {"hospital": names[:1] * 8, "patient": list(range(8)), "label": [0, 1] * 4}
    latency = {"compute": rng.uniform(), "consensus": rng.uniform()}
    function = {"contract": "C", "function": "f", "phase": "round", "total": int(rng.integers(1, 10**6))}
    return {
        "id": str(document),
        "status": "completed",
        "specification": document,
        "digests": {"data": f"{specification.task} {specification.seed}"},
        "claims": [one.document() for one in discovery.claims(discovery.load(specification.strategy))],
        "hospitals": parties,
        "attackers": names[:1] if specification.attack else [],
        "setup": {"gas": int(rng.integers(1, 10**6))},
        "rounds": [{"gas": int(rng.integers(1, 10**6)), "latency_s": latency}],
        "gas_functions": [function],
        "facts": {"rounds_used": 1},
        "predictions": patients | {"probability": rng.uniform(size=8).tolist()},
        "own_models": {name: rng.uniform(size=8).tolist() for name in names},
        "outcomes": outcomes(names, rng),
    }


def outcomes(names: list[str], rng: np.random.Generator) -> Mapping[str, Mapping[str, float]]:
    told = {quantity: dict(zip(names, rng.uniform(size=len(names)).tolist(), strict=True)) for quantity in QUANTITIES}
    return told | {"simulated": {"latency_s": rng.uniform(1, 2)}, "rate": {"used": rng.uniform(), "optimal": 0.5}}


@pytest.fixture
def all_data(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in tasks.names():
        monkeypatch.setattr(type(tasks.load(key)), "requires", lambda self: None)


def distinct(plan: Plan) -> set[str]:
    return {json.dumps(one.document(), sort_keys=True) for one in plan.specifications()}


@pytest.mark.usefixtures("all_data")
def test_the_plan_asks_for_just_the_trials_that_were_fixed() -> None:
    """Its 457 trials and their digest, as they were when the rules were registered."""
    found = sorted(distinct(plans.read(CHECKOUT / "benchmarks" / "claims.toml", {})))
    assert len(found) == 457
    digest = hashlib.sha256("\n".join(found).encode()).hexdigest()
    assert digest == "08445851e4c6db194cae645854492868768d41ad9d2a3a17c1bcf42308495574"


@pytest.mark.usefixtures("all_data")
def test_what_claims_ask_for_is_in_the_plan_and_nothing_of_another_paper() -> None:
    whole = distinct(plans.read(CHECKOUT / "benchmarks" / "claims.toml", {}))
    everything = distinct(plans.of_claims((), {}))
    assert everything < whole
    ours = plans.of_claims(("bflc",), {})
    assert distinct(ours) < everything
    assert {one.strategy for one in ours.specifications()} == {"bflc", "fedavg"}


@pytest.mark.parametrize(("key", "name"), CLAIMS, ids=map(" ".join, CLAIMS))
def test_a_claims_own_trials_are_all_its_judge_needs(key: str, name: str) -> None:
    """Rule and trials stand in one entry, so that none can be changed without the other."""
    records = [record(one) for one in specifications_of(discovery.load(key), CLAIMS[key, name])]
    found = {(row["strategy"], row["key"]): row["why"] for row in verdicts(records)}
    assert found[key, name] == ""


def test_every_claim_of_the_line_up_has_a_judge() -> None:
    for key in KEYS:
        for claim in checked_claims(discovery.load(key)):
            assert claim.judge, (key, claim.key)


@pytest.mark.parametrize("papers", [(), ("blockfl", "bflc"), ("blockflow", "two_cp", "fedcoin")])
def test_claims_of_any_papers_are_decided_side_by_side(papers: tuple[str, ...]) -> None:
    """Though most of the trials on a task may be in a setting that another paper asks for."""
    records = {
        one["id"]: one for part in plans.of_claims(papers, {}).parts for one in map(record, part.specifications())
    }
    wanted = {name for name in CLAIMS if not papers or name[0] in papers}
    found = {(row["strategy"], row["key"]): row["why"] for row in verdicts(records.values())}
    assert {name: found.get(name, "no trial of its strategy") for name in wanted} == dict.fromkeys(wanted, "")


def test_the_whole_plan_decides_every_claim() -> None:
    parts = plans.read(CHECKOUT / "benchmarks" / "claims.toml", {}).parts
    records = {one["id"]: one for part in parts for one in map(record, part.specifications())}
    found = {(row["strategy"], row["key"]): row["why"] for row in verdicts(records.values())}
    assert {name: found.get(name, "no trial of its strategy") for name in CLAIMS} == dict.fromkeys(CLAIMS, "")
