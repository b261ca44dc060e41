"""Records made by hand, sound in every field; what matters to a test is given by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainward.plans.identity import trial_id
from chainward.plans.specification import Specification
from chainward.results import predictions as files
from chainward.results.document import digest
from chainward.results.predictions import Predicted
from chainward.results.record import (
    SCHEMA,
    Completed,
    Digests,
    Facts,
    Failed,
    Failure,
    GasRow,
    Heading,
    HospitalSize,
    Measured,
    Provenance,
)
from chainward.results.rounds import DisclosureRow, Latency, Round, Rounds, Traffic
from chainward.results.store import Ended
from chainward.world import Audience

CODE = digest(b"code")
PROVENANCE = Provenance("2026-01-01T00:00:00+00:00", {"chainward": "0.1.0"}, "Linux x86_64", "cpu", "abc123")


def heading(specification: Specification, data: str = "patients", **changes: Any) -> dict[str, Any]:
    """The fields of a heading; `data` is any word for the patients as split."""
    digests = Digests(digest(f"{data} {specification.seed}".encode()), changes.pop("code", CODE))
    found = {
        "id": trial_id(specification, digests.data, digests.code),
        "specification": specification,
        "digests": digests,
        "provenance": PROVENANCE,
        "hospitals": (HospitalSize("north", 80, 10, 24), HospitalSize("south", 40, 5, 12)),
        "notes": (),
        "preprocessing": {"counts": 24, "sums": 40},
        "schema": SCHEMA,
    }
    return found | changes


def entry(number: int, gas: int = 300, latency: Mapping[str, float] | None = None, **changes: Any) -> Round:
    parts = dict.fromkeys(("compute", "network", "waiting", "consensus", "aggregation"), 0.0)
    made = Round(
        round=number,
        latency_s=Latency(**(parts | dict(latency or {}))),
        bytes=Traffic(1000, 200, 50),
        validation_auroc=0.75,
        measured_compute_s=0.01,
        measured_wall_s=0.02,
        missing=(),
        unreadable=(),
        audience=Audience.EVERYONE,
        disclosures=(DisclosureRow("individual update", "everyone", 4, 4000),),
        raw_records=0,
        spoiled=0,
        transactions=3 * number,
        gas=gas,
        gas_eip7623=gas,
    )
    return replace(made, **changes)


def result(gas: int = 300, deploy: int = 1_000, count: int = 2, **changes: Any) -> dict[str, Any]:
    """The fields of a result of so many rounds of so much gas."""
    found = {
        "setup": entry(0, deploy),
        "rounds": Rounds.of(entry(number, gas) for number in range(1, count + 1)),
        "gas_functions": (GasRow("Book", "propose", "round", 1, gas, float(gas), gas, gas, gas, 0),),
        "disclosures": (DisclosureRow("individual update", "everyone", 8, 8000),),
        "facts": Facts(Audience.EVERYONE, 0, spends_gas=True, ended_by_itself=False, rounds_used=count, spoiled=0),
        "numbers": {"committee": 2},
        "attackers": (),
        "outcomes": {},
        "measured": Measured(0.5, 2.0, apportioned=True, contended=False, inclusion_s=None, wire_bytes=None),
    }
    return found | changes


def predicted(
    probability: Sequence[float] = (0.1, 0.9),
    label: Sequence[int] = (0, 1),
    hospital: Sequence[str] = (),
    own_models: Mapping[str, Sequence[float]] | None = None,
) -> Predicted:
    """What a trial predicted for patients 0, 1, …, all at one hospital unless told."""
    return Predicted(
        np.array(list(hospital) or ["north"] * len(label), dtype=np.str_),
        np.arange(len(label)),
        np.array(label, dtype=np.uint8),
        np.array(probability, dtype=np.float64),
        {name: np.array(values, dtype=np.float64) for name, values in (own_models or {}).items()},
    )


def specified(strategy: str = "fedavg", task: str = "heart", seed: int = 0, **changes: Any) -> Specification:
    return Specification(strategy, task, seed, **{"rounds": 2, **changes})


def ended(specification: Specification | None = None, predictions: Predicted | None = None, **changes: Any) -> Ended:
    """A completed trial; `changes` are fields of its heading or result, or what `heading` and `result` take."""
    about = {name: changes.pop(name) for name in (*Heading.__dataclass_fields__, "data", "code") if name in changes}
    file = files.encode(predictions or predicted())
    whole = heading(specification or specified(), **about) | result(**changes)
    return Ended(Completed(**whole, predictions=digest(file)), file)


def failed(specification: Specification | None = None, message: str = "no such block", **changes: Any) -> Ended:
    """A trial that raised."""
    error = Failure("LedgerError", message, f"Traceback (most recent call last):\n  {message}")
    return Ended(Failed(**heading(specification or specified(), **changes), error=error))
