"""A report folder of synthetic trials to read and render: `python benchmarks/report_records.py FOLDER TRIALS`.

Five seeds a row, up to forty rows a setting (strategies and their variants), as many settings as that takes: 10,000
trials are 2,000 rows in 50 settings. Everything is written by chainward's own writers; no figure means anything.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count, islice, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from chainward.plans.identity import trial_id
from chainward.plans.specification import Specification
from chainward.results import folder, predictions
from chainward.results.document import digest
from chainward.results.predictions import Predicted
from chainward.results.record import SCHEMA, Completed, Digests, Facts, GasRow, HospitalSize, Measured, Provenance
from chainward.results.rounds import (
    DisclosureColumns,
    DisclosureRow,
    Latency,
    LatencyColumns,
    Round,
    Rounds,
    Traffic,
    TrafficColumns,
)
from chainward.results.store import Ended, write
from chainward.strategy import discovery
from chainward.tasks.splits import FOLDS, split
from chainward.world import Audience

ROWS, ROUNDS, SEEDS = 40, 30, FOLDS
SIZES = {"Cleveland": 303, "Hungary": 294, "Switzerland": 123, "VA Long Beach": 200}
FUNCTIONS = ("register", "propose", "score", "merge", "close")
ATTACKS: Sequence[Mapping[str, Any]] = (
    {},
    *({"kind": kind, "share": 0.3, "strength": strength} for kind in ("sign_flip", "noise") for strength in (1.0, 4.0)),
)
PROVENANCE = Provenance("2026-01-01T00:00:00+00:00", {"chainward": "0.1.0"}, "Linux x86_64", "cpu", "abc123")


@dataclass(frozen=True, eq=False)
class Fold:
    """The test patients of a seed, and how many a hospital has in each part."""

    hospital: NDArray[np.str_]
    patient: NDArray[np.int64]
    label: NDArray[np.uint8]
    sizes: tuple[HospitalSize, ...]


@cache
def fold(seed: int) -> Fold:
    """One fifth of 920 patients."""
    number = np.repeat(np.arange(len(SIZES)), list(SIZES.values()))
    label = (np.random.default_rng(0).random(len(number)) < 0.55).astype(np.uint8)
    parts = split(number, label, seed)
    counts = (np.bincount(number[rows], minlength=len(SIZES)) for rows in (parts.train, parts.validation, parts.test))
    sizes = tuple(
        HospitalSize(name, *map(int, numbers)) for name, numbers in zip(SIZES, np.transpose(list(counts)), strict=True)
    )
    return Fold(np.array(list(SIZES))[number[parts.test]], parts.test, label[parts.test], sizes)


def specifications() -> Iterator[Specification]:
    """Setting after setting without end: an attack or none, then another skew of the synthetic hospitals."""
    keys = discovery.keys()
    for number in count():
        skew, attack = divmod(number, len(ATTACKS))
        task, params = ("synthetic", {"hospitals": 4, "label_skew": skew / 10}) if skew else ("heart", {})
        for row, seed in product(range(ROWS), range(SEEDS)):
            again, key = divmod(row, len(keys))
            variant = {"variant": again} if again else {}
            yield Specification(
                keys[key], task, seed, ROUNDS, params=variant, task_params=params, attack=ATTACKS[attack]
            )


def trial(number: int, specification: Specification) -> Ended:
    """A trial with figures of its own."""
    rng = np.random.default_rng(number)
    patients = fold(specification.seed)
    strength = rng.uniform(1, 2)
    score = strength * (patients.label - 0.5) + rng.normal(size=len(patients.label))
    file = predictions.encode(Predicted(patients.hospital, patients.patient, patients.label, expit(score), {}))
    data = digest(f"{specification.task} {dict(specification.task_params)} {specification.seed}".encode())
    digests = Digests(data, digest(specification.strategy.encode()))
    gas = tuple(int(value) for value in rng.integers(200_000, 2_000_000, ROUNDS))
    record = Completed(
        id=trial_id(specification, digests.data, digests.code),
        specification=specification,
        digests=digests,
        provenance=PROVENANCE,
        hospitals=patients.sizes,
        notes=(),
        preprocessing={"counts": 1024, "sums": 3072},
        schema=SCHEMA,
        setup=_setup(),
        rounds=_rounds(rng, gas),
        gas_functions=_functions(gas),
        disclosures=(DisclosureRow("individual update", "everyone", 4 * ROUNDS, 4 * ROUNDS * 2000),),
        facts=Facts(Audience.EVERYONE, 0, spends_gas=True, ended_by_itself=False, rounds_used=ROUNDS, spoiled=0),
        numbers={"committee": 2},
        attackers=(),
        outcomes={},
        measured=Measured(0.5, 2.0, apportioned=True, contended=False, inclusion_s=None, wire_bytes=None),
        predictions=digest(file),
    )
    return Ended(record, file)


def _setup() -> Round:
    latency, traffic = Latency(0.0, 0.1, 0.0, 5.0, 0.0), Traffic(4096, 2048, 0)
    return Round(0, latency, traffic, 0.5, 0.0, 0.1, (), (), Audience.NOBODY, (), 0, 0, 5, 1_200_000, 1_200_000)


def _rounds(rng: np.random.Generator, gas: tuple[int, ...]) -> Rounds:
    times = [tuple(rng.uniform(0.1, 2.0, ROUNDS).tolist()) for _ in range(5)]
    numbers = tuple(range(1, ROUNDS + 1))
    same = {name: (name,) * ROUNDS for name in ("individual update", "everyone")}
    return Rounds(
        round=numbers,
        latency_s=LatencyColumns(*times),
        bytes=TrafficColumns((16_000,) * ROUNDS, (1_024,) * ROUNDS, (8_000,) * ROUNDS),
        validation_auroc=tuple((0.9 - 0.4 * np.exp(-np.arange(ROUNDS) / rng.uniform(2, 9))).tolist()),
        measured_compute_s=times[0],
        measured_wall_s=times[1],
        missing=((),) * ROUNDS,
        unreadable=((),) * ROUNDS,
        audience=(Audience.EVERYONE,) * ROUNDS,
        disclosures=DisclosureColumns(numbers, *same.values(), (4,) * ROUNDS, (8_000,) * ROUNDS),
        raw_records=(0,) * ROUNDS,
        spoiled=(0,) * ROUNDS,
        transactions=tuple(5 + 9 * number for number in numbers),
        gas=gas,
        gas_eip7623=gas,
    )


def _functions(gas: Sequence[int]) -> tuple[GasRow, ...]:
    """A row a function, with an even share of all gas."""
    calls = 4 * ROUNDS
    total = sum(gas) // len(FUNCTIONS)
    each = total // calls
    return tuple(
        GasRow("Ledger", name, "round", calls, each, float(each), each + 500, total, total, 0) for name in FUNCTIONS
    )


def fill(out: Path, trials: int) -> None:
    """Write so many trials, the papers and the manifest."""
    made = []
    for number, specification in enumerate(islice(specifications(), trials)):
        ended = trial(number, specification)
        write(out, ended)
        made.append(ended.record.id)
    folder.close(out, made, "synthetic", f"python benchmarks/report_records.py {out} {trials}", PROVENANCE)


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]))
