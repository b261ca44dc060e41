"""How a task's patients are dealt to hospitals, split and prepared: the same choices for all tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

BY_PATIENT = "by-patient"
"""Seed s tests a part of every hospital's patients, fold s of five where the task does not come split."""
LEAVE_ONE_HOSPITAL_OUT = "leave-one-hospital-out"
"""Seed s tests all patients of hospital s (modulo their number) and nobody else's; the others train."""
BY_TIME = "by-time"
"""Every seed tests the latest fifth of each hospital's patients, where the source has times; the earlier ones train."""
SPLITS = (BY_PATIENT, LEAVE_ONE_HOSPITAL_OUT, BY_TIME)

FEDERATED = "federated"
"""Hospitals disclose counts, sums and sketches over their training patients, and all are prepared alike."""
PER_HOSPITAL = "per-hospital"
"""Each hospital standardises by its own training patients and discloses only what columns and levels there are."""
PREPARATIONS = (FEDERATED, PER_HOSPITAL)


@dataclass(frozen=True)
class Partition:
    """Whose patients are where.

    kind: "natural" leaves each at its own hospital. The others deal them to `hospitals` pseudo-sites: "iid" evenly;
    "labels" by a Dirichlet distribution over sites for each label (Hsu et al. 2019, arXiv 1909.06335); "quantity" by
    one over sizes; "features" so that sites differ in the leading principal component, `concentration` of 0 in
    bands apart, growing ones mixed. "sample" keeps `hospitals` natural ones, the largest, and draws `patients` at each.
    seed: of the draw; the trial's seed only chooses who is tested.
    """

    kind: Literal["natural", "iid", "labels", "quantity", "features", "sample"] = "natural"
    hospitals: Annotated[int, Field(ge=1, le=100_000)] = 10
    patients: Annotated[int, Field(ge=1, le=100_000_000)] = 100
    concentration: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] = 0.5
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


DIALS = {
    "natural": (),
    "iid": ("hospitals", "seed"),
    "labels": ("hospitals", "concentration", "seed"),
    "quantity": ("hospitals", "concentration", "seed"),
    "features": ("hospitals", "concentration", "seed"),
    "sample": ("hospitals", "patients", "seed"),
}
"""The fields that each kind of partition looks at."""


@dataclass(frozen=True)
class Division:
    """Who trains where, who is tested, and how all are prepared."""

    split: str = BY_PATIENT
    partition: Partition = Partition()
    preparation: str = FEDERATED
