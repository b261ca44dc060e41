"""Small trials made by hand: two tasks, three strategies, a failure, contention, a hospital too small to judge."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from sample_records import ended, entry, specified
from sample_records import failed as sample_failure

from chainward.results.collection import InMemory, Results
from chainward.results.papers import Paper
from chainward.results.predictions import Predicted
from chainward.results.record import Facts, GasRow, HospitalSize, Measured, Provenance
from chainward.results.rounds import DisclosureRow, Rounds, Traffic
from chainward.results.store import Ended
from chainward.strategy import Card
from chainward.strategy.claims import Claim
from chainward.world import Audience

HOSTILE = '</script><script>alert("x")</script><img src=x onerror=alert(1)>&\'"{{ 7*7 }}\x00'
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
SETTINGS = ("params", "track", "faults", "attack", "rounds", "ledger_params", "task_params", "speeds")
PARTS = ("compute", "network", "waiting", "consensus", "aggregation")


def latency(*seconds: float) -> dict[str, float]:
    return dict(zip(PARTS, seconds, strict=True))


def card(key: str, **facts: Any) -> Card:
    told = {
        "key": key,
        "title": f"The {key} paper",
        "authors": "A. Author, B. Author",
        "where": "Journal of Examples",
        "year": 2021,
        "family": "federated",
        "tier": "T1",
        "consensus": "proof of authority",
        "summary": "Hospitals train, a contract keeps the books.",
        "deviations": ("one network instead of two",),
        "names": (key.upper(),),
        "contracts": (f"{key.title()}.sol",),
        "sees_individual_updates": Audience.EVERYONE,
        "raw_records_shared": "none",
        "spends_gas": True,
        "tolerates_absence": True,
    }
    return Card(**{**told, **facts})


def predictions(names: tuple[str, ...], seed: int, skill: float, small: str | None) -> Predicted:
    """Twelve patients of each class a hospital, three negatives in the small one; `skill` shifts the positives."""
    rows = []
    for place, name in enumerate(names):
        for i in range(24):
            label = int(i % 2 == 0)
            if name == small and not label and i > 5:
                continue
            noise = ((i * 37 + place * 11 + seed * 17) % 23) / 23
            rows.append((name, 1000 * place + i + 100 * seed, label, round((0.5 * noise + skill * label) / 1.5, 4)))
    hospital, patient, label, probability = map(np.array, zip(*rows, strict=True))
    return Predicted(hospital, patient, label.astype(np.uint8), probability, {})


def record(strategy: str, task: str = "heart", seed: int = 0, **changes: Any) -> Ended:
    """A completed trial. Keywords: gas (a round), deploy, skill, rounds, small, params, hospitals, track, faults,
    attack, contended, numbers, outcomes, sees, disclosures, code."""
    gas, deploy, skill = changes.get("gas", 100_000), changes.get("deploy", 500_000), changes.get("skill", 0.3)
    rounds, names = changes.get("rounds", 2), changes.get("hospitals", ("north", "south"))
    setup = entry(0, deploy, latency(0, 0.5, 0, 5, 0), bytes=Traffic(0, 300, 0), gas_eip7623=deploy)
    return ended(
        specification(strategy, task, seed, **changes),
        predictions(names, seed, skill, changes.get("small")),
        code=code(changes),
        provenance=provenance(seed),
        hospitals=tuple(HospitalSize(name, 80, 10, 24) for name in names),
        setup=setup,
        rounds=Rounds.of(
            entry(
                number,
                gas,
                latency(1.0 * number, 0.5, 0.25, 5, 0.25),
                gas_eip7623=gas + gas // 10,
                validation_auroc=0.6 + 0.2 * skill + number * 0.02 + seed * 0.01,
            )
            for number in range(1, rounds + 1)
        ),
        gas_functions=functions(strategy, gas, deploy, rounds) if deploy else (),
        disclosures=changes.get("disclosures", (DisclosureRow("update", "everyone", 4, 4000),)),
        facts=Facts(
            changes.get("sees", Audience.EVERYONE),
            raw_records_shared=0,
            spends_gas=deploy > 0,
            ended_by_itself=False,
            rounds_used=rounds,
            spoiled=changes.get("spoiled", 0),
        ),
        numbers=changes.get("numbers", {"committee": 2}),
        attackers=changes.get("attackers", ()),
        outcomes=changes.get("outcomes", {}),
        measured=Measured(0.5 + seed, 2.0, True, changes.get("contended", False), None, None),
    )


def specification(strategy: str, task: str, seed: int, **changes: Any) -> Any:
    return specified(strategy, task, seed, **{name: changes[name] for name in SETTINGS if name in changes})


def code(changes: dict[str, Any]) -> str:
    return hashlib.sha256(changes.get("code", "c0de").encode()).hexdigest()


def provenance(seed: int) -> Provenance:
    versions = {"chainward": "0.1.0", "torch": "2.13.0"}
    return Provenance(f"2025-01-0{1 + seed % 9}T00:00:00Z", versions, "Linux x86_64", "cpu", "abc123")


def functions(strategy: str, gas: int, deploy: int, rounds: int) -> tuple[GasRow, ...]:
    name = strategy.title()
    return (
        spent(name, "constructor", "setup", 1, deploy),
        spent(name, "propose", "round", 2 * rounds, gas // 2),
    )


def spent(contract: str, function: str, phase: Any, calls: int, gas: int) -> GasRow:
    least, most, dearer = gas - 100, gas + 100, gas + gas // 10
    return GasRow(contract, function, phase, calls, least, float(gas), most, calls * gas, calls * dearer, reverted=0)


def failure(strategy: str, task: str = "heart", seed: int = 0, message: str = "no such block", **changes: Any) -> Ended:
    """A trial that raised before its first round."""
    return sample_failure(
        specification(strategy, task, seed, **changes), message, code=code(changes), provenance=provenance(seed)
    )


CLAIM = {
    "key": "robust",
    "claim": "withstands attackers",
    "tier": "T2",
    "quoted": "30 % of peers",
    "reproduced": "drop ≤ 0.03",
    "partly": "drop ≤ half",
}
PAPERS = {
    "bflc": Paper(card("bflc"), (Claim.of(CLAIM, "here"),)),
    "local": Paper(card("local", reference=True), ()),
    HOSTILE: Paper(card(HOSTILE, title=HOSTILE, summary=HOSTILE, deviations=(HOSTILE,), interpretation=True), ()),
}


def results(trials: Iterable[Ended], **papers: Paper) -> Results:
    """The results of a report on these trials, with a plain card for a paper that nobody described."""
    trials = list(trials)
    files = {trial.record.id: trial.predictions for trial in trials if trial.predictions is not None}
    names = {trial.record.specification.strategy for trial in trials}
    plain = {name: Paper(card(name), ()) for name in names}
    return Results(tuple(trial.record for trial in trials), plain | PAPERS | papers, InMemory(files))


def records() -> list[Ended]:
    """The trials of most tests."""
    free = {"gas": 0, "deploy": 0, "skill": 0.2, "sees": Audience.NOBODY, "disclosures": ()}
    return [
        *(record("bflc", seed=seed, small="south") for seed in (0, 1)),
        *(record("local", seed=seed, **free) for seed in (0, 1)),
        record(HOSTILE, seed=0, params={HOSTILE: HOSTILE}, gas=900_000, skill=0.4, contended=True),
        failure(HOSTILE, seed=1, message=HOSTILE, params={HOSTILE: HOSTILE}),
        record("bflc", "synthetic", gas=200_000),
        record("bflc", "synthetic", track="published", faults={"drop": 0.3}, gas=250_000),
        failure("local", "synthetic"),
    ]


def verdicts() -> list[dict[str, Any]]:
    """One claim judged, by the first record."""
    decided = {
        "verdict": "partly",
        "found": "drop 0.05",
        "records": [records()[0].record.id],
        "why": "half of fedavg's drop",
        "rule": {name: CLAIM[name] for name in ("reproduced", "partly")},
        "rule_digest": Claim.of(CLAIM, "here").rule_digest,
    }
    return [{"strategy": "bflc", **{name: CLAIM[name] for name in ("key", "claim", "tier", "quoted")}, **decided}]
