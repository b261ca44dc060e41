"""Small records made by hand: two tasks, three strategies, a failure, contention, a hospital too small to judge."""

from __future__ import annotations

import hashlib
import json
from typing import Any

HOSTILE = '</script><script>alert("x")</script><img src=x onerror=alert(1)>&\'"{{ 7*7 }}\x00'
PARTS = ("compute", "network", "waiting", "consensus", "aggregation")


def latency(*seconds: float) -> dict[str, float]:
    return dict(zip(PARTS, seconds, strict=True))


def card(key: str, **facts: Any) -> dict[str, Any]:
    """A card as records carry it."""
    return {
        "key": key,
        "title": f"The {key} paper",
        "authors": "A. Author, B. Author",
        "where": "Journal of Examples",
        "year": 2021,
        "family": "federated",
        "tier": "T1",
        "interpretation": False,
        "consensus": "proof of authority",
        "summary": "Hospitals train, a contract keeps the books.",
        "deviations": ["one network instead of two"],
        "names": [key.upper()],
        "contracts": [f"{key.title()}.sol"],
        "sees_individual_updates": "everyone",
        "raw_records_shared": "none",
        "spends_gas": True,
        "tolerates_absence": True,
        "ends_by_itself": False,
        "reference": False,
        **facts,
    }


def predictions(names: tuple[str, ...], seed: int, skill: float, small: str | None) -> dict[str, list[Any]]:
    """Twelve patients of each class a hospital, three negatives in the small one; `skill` shifts the positives."""
    rows = []
    for place, name in enumerate(names):
        for i in range(24):
            label = int(i % 2 == 0)
            if name == small and not label and i > 5:
                continue
            noise = ((i * 37 + place * 11 + seed * 17) % 23) / 23
            rows.append((name, 1000 * place + i + 100 * seed, label, round(0.5 * noise + skill * label, 4)))
    fields = ("hospital", "patient", "label", "probability")
    return dict(zip(fields, (list(values) for values in zip(*rows, strict=True)), strict=True))


def one_round(number: int, gas: int, auroc: float | None, times: dict[str, float]) -> dict[str, Any]:
    return {
        "round": number,
        "latency_s": times,
        "gas": gas,
        "gas_eip7623": gas + gas // 10,
        "bytes": {"parties": 1000, "chain": 200, "store": 50},
        "validation_auroc": auroc,
        "measured_compute_s": 0.01,
        "missing": [],
    }


def record(strategy: str, task: str = "heart", seed: int = 0, **changes: Any) -> dict[str, Any]:
    """A completed trial. Keywords: gas (a round), deploy, skill, rounds, small, params, card, hospitals, track, faults,
    attack, contended, numbers, outcomes, claims."""
    gas, deploy, skill = changes.get("gas", 100_000), changes.get("deploy", 500_000), changes.get("skill", 0.3)
    rounds, names = changes.get("rounds", 2), changes.get("hospitals", ("north", "south"))
    specification = {
        "strategy": strategy,
        "params": changes.get("params", {}),
        "track": changes.get("track", "common"),
        "task": task,
        "task_params": {},
        "faults": changes.get("faults", {}),
        "attack": changes.get("attack", {}),
        "ledger": "evm",
        "ledger_params": {"consensus": "poa"},
        "engine": "cohort",
        "seed": seed,
        "rounds": rounds,
    }
    return {
        "schema": 1,
        "id": hashlib.sha256(json.dumps(specification, sort_keys=True).encode()).hexdigest(),
        "specification": specification,
        "digests": {"data": f"d{seed}" * 8, "code": changes.get("code", "c0de" * 8)},
        "status": "completed",
        "error": None,
        "provenance": {
            "created": f"2025-01-0{1 + seed % 9}T00:00:00Z",
            "versions": {"chainward": "0.1.0", "torch": "2.13.0"},
            "commit": "abc123",
            "platform": "Linux x86_64",
            "device": "cpu",
        },
        "hospitals": [{"name": name, "train": 80, "validation": 10, "test": 24} for name in names],
        "card": changes.get("card", card(strategy)),
        "claims": changes.get("claims", []),
        "preprocessing_bytes": 64,
        "setup": {
            "gas": deploy,
            "gas_eip7623": deploy,
            "latency_s": latency(0, 0.5, 0, 5, 0),
            "bytes": {"parties": 0, "chain": 300, "store": 0},
        },
        "rounds": [
            one_round(i, gas, 0.6 + 0.2 * skill + i * 0.02 + seed * 0.01, latency(1.0 * i, 0.5, 0.25, 5, 0.25))
            for i in range(1, rounds + 1)
        ],
        "gas_functions": functions(strategy, gas, deploy, rounds) if deploy else [],
        "disclosures": changes.get(
            "disclosures", [{"kind": "update", "audience": "everyone", "count": 4, "bytes": 4000}]
        ),
        "facts": {
            "sees_individual_updates": changes.get("sees", "everyone"),
            "raw_records_shared": 0,
            "spends_gas": deploy > 0,
            "ended_by_itself": False,
            "rounds_used": rounds,
        },
        "numbers": changes.get("numbers", {"committee": 2}),
        "outcomes": changes.get("outcomes", {}),
        "predictions": predictions(names, seed, skill, changes.get("small")),
        "measured": {
            "compute_s": 0.5 + seed,
            "wall_s": 2.0,
            "apportioned": True,
            "contended": changes.get("contended", False),
        },
    }


def functions(strategy: str, gas: int, deploy: int, rounds: int) -> list[dict[str, Any]]:
    name = strategy.title()
    return [
        spent(name, "constructor", "setup", 1, deploy),
        spent(name, "propose", "round", 2 * rounds, gas // 2),
    ]


def spent(contract: str, function: str, phase: str, calls: int, gas: int) -> dict[str, Any]:
    return {
        "contract": contract,
        "function": function,
        "phase": phase,
        "calls": calls,
        "min": gas - 100,
        "median": gas,
        "max": gas + 100,
        "total": calls * gas,
        "total_eip7623": calls * (gas + gas // 10),
        "reverted": 0,
    }


def failure(
    strategy: str, task: str = "heart", seed: int = 0, message: str = "no such block", **changes: Any
) -> dict[str, Any]:
    """A trial that raised before its first round."""
    empty = {"setup": None, "rounds": [], "gas_functions": [], "disclosures": None, "facts": None, "predictions": None}
    error = {"type": "LedgerError", "message": message, "traceback": f"Traceback (most recent call last):\n  {message}"}
    return {**record(strategy, task, seed, **changes), **empty, "numbers": None, "status": "failed", "error": error}


CLAIM = {
    "key": "robust",
    "claim": "withstands attackers",
    "tier": "T2",
    "quoted": "30 % of peers",
    "rule": {"reproduced": "drop ≤ 0.03", "partly": "drop ≤ half"},
    "plan": "attack",
}


def records() -> list[dict[str, Any]]:
    """The records of most tests."""
    free = {
        "gas": 0,
        "deploy": 0,
        "skill": 0.2,
        "card": card("local", reference=True),
        "sees": "nobody",
        "disclosures": [],
    }
    evil = card(HOSTILE, title=HOSTILE, summary=HOSTILE, deviations=[HOSTILE], interpretation=True)
    return [
        *(record("bflc", seed=seed, small="south", claims=[CLAIM]) for seed in (0, 1)),
        *(record("local", seed=seed, **free) for seed in (0, 1)),
        record(HOSTILE, seed=0, card=evil, params={HOSTILE: HOSTILE}, gas=900_000, skill=0.4, contended=True),
        failure(HOSTILE, seed=1, message=HOSTILE, card=evil, params={HOSTILE: HOSTILE}),
        record("bflc", "synthetic", gas=200_000, claims=[CLAIM]),
        record("bflc", "synthetic", track="published", faults={"drop": 0.3}, gas=250_000),
        failure("local", "synthetic", card=card("local", reference=True)),
    ]


def verdicts() -> list[dict[str, Any]]:
    """One claim judged, by the first record."""
    decided = {
        "verdict": "partly",
        "found": "drop 0.05",
        "records": [records()[0]["id"]],
        "why": "half of fedavg's drop",
    }
    return [
        {"strategy": "bflc", **{name: CLAIM[name] for name in ("key", "claim", "tier", "quoted", "rule")}, **decided}
    ]
