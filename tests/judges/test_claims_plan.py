"""The plans gather every trial that a paper's rule asks for: no verdict is missing for want of a run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from sample_records import ended, entry, predicted

from chainward import tasks
from chainward.folders import CHECKOUT
from chainward.judges import JUDGES, verdicts
from chainward.methods.randomness import stream
from chainward.plans.plan import Plan
from chainward.plans.specification import Specification
from chainward.results.record import GasRow, HospitalSize
from chainward.results.rounds import Rounds
from chainward.results.store import Ended
from chainward.strategy import discovery
from chainward.testing.small import results_of

KEYS = discovery.keys()
CLAIMS = {(key, claim["key"]): claim for key in KEYS for claim in discovery.claims(key)}
RULES = [claim["judge"] for claim in CLAIMS.values() if "judge" in claim]
QUANTITIES = sorted({rule["quantity"] for rule in RULES if "quantity" in rule})


@cache
def hospitals(task: str, **params: Any) -> tuple[HospitalSize, ...]:
    """Name and size of each; those of a task whose data are not at hand do not matter here."""
    chosen = tasks.load(task, **params)
    found = () if chosen.requires() else chosen.dataset(0).hospitals
    return tuple(HospitalSize(one.name, len(one.train), 0, 0) for one in found) or (HospitalSize("site", 1, 0, 0),)


def record(specification: Specification) -> Ended:
    """A trial as if it had been run, with figures that mean nothing."""
    rng = stream(specification.seed, str(specification.document()))
    parties = hospitals(specification.task, **specification.task_params)
    names = [hospital.name for hospital in parties]
    own = {name: rng.uniform(size=8).tolist() for name in names}
    gas = [int(rng.integers(1, 10**6)) for _ in range(3)]
    latency = {"compute": rng.uniform(), "consensus": rng.uniform()}
    return ended(
        specification,
        predicted(rng.uniform(size=8).tolist(), [0, 1] * 4, names[:1] * 8, own),
        data=specification.task,
        hospitals=parties,
        attackers=tuple(names[:1]) if specification.attack else (),
        setup=entry(0, gas[0]),
        rounds=Rounds.of([entry(1, gas[1], latency)]),
        gas_functions=(GasRow("C", "f", "round", 1, gas[2], float(gas[2]), gas[2], gas[2], gas[2], reverted=0),),
        outcomes=outcomes(names, rng),
    )


def outcomes(names: list[str], rng: np.random.Generator) -> Mapping[str, Mapping[str, float]]:
    told = {quantity: dict(zip(names, rng.uniform(size=len(names)).tolist(), strict=True)) for quantity in QUANTITIES}
    return told | {"simulated": {"latency_s": rng.uniform(1, 2)}, "rate": {"used": rng.uniform(), "optimal": 0.5}}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=map(" ".join, CLAIMS))
def test_every_claim_has_a_judge_and_both_sides_of_its_rule_in_words(claim: Mapping[str, Any]) -> None:
    assert claim["judge"]["name"] in JUDGES
    assert claim["reproduced"]
    assert claim["tier"] in {"T1", "T1x", "T2", "T3"}


@pytest.mark.parametrize("plan", sorted({claim["plan"] for claim in CLAIMS.values()}))
def test_a_plan_gathers_what_the_claims_that_name_it_need(plan: str) -> None:
    whole = Plan.model_validate({"name": "plan", **tomllib.loads((CHECKOUT / plan).read_text(encoding="utf-8"))})
    records = [record(one) for leaf in whole.parts or (whole,) for one in leaf.specifications()]
    found = {(row["strategy"], row["key"]): row["why"] for row in verdicts(results_of(*records))}
    wanted = {name: "" for name, claim in CLAIMS.items() if claim["plan"] == plan}
    assert {name: found.get(name, "no trial of its strategy") for name in wanted} == wanted
