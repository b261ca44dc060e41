"""What one trial came to, in types. No field has a default where it is read: what a record does not say is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal

from pydantic import Discriminator, TypeAdapter
from pydantic.types import StringConstraints

from chainward.plans.specification import Specification
from chainward.results.document import STRICT
from chainward.results.rounds import Count, DisclosureRow, Round, Rounds
from chainward.world import Audience

SCHEMA: Literal[5] = 5

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Phase = Literal["setup", "round"]


@dataclass(frozen=True, slots=True)
class GasRow:
    """What the calls of one contract function cost in one phase; `reverted` ones among them."""

    contract: str
    function: str
    phase: Phase
    calls: Count
    min: Count
    median: float
    max: Count
    total: Count
    total_eip7623: Count
    reverted: Count


@dataclass(frozen=True)
class Facts:
    """What a card promises, as the meters saw it, and how many answers rest on what an attacker spoiled."""

    sees_individual_updates: Audience
    raw_records_shared: Count
    spends_gas: bool
    ended_by_itself: bool
    rounds_used: Count
    spoiled: Count


@dataclass(frozen=True)
class Inclusion:
    """Measured seconds from sending a transaction to its inclusion."""

    median: float
    p95: float


@dataclass(frozen=True)
class Measured:
    """Measured seconds and bytes, which depend on the machine. `contended`: other trials ran beside this one."""

    compute_s: float
    wall_s: float
    apportioned: bool
    contended: bool
    inclusion_s: Inclusion | None
    wire_bytes: Count | None


@dataclass(frozen=True)
class Provenance:
    """What a reader needs to run something again; `commit` is of the checkout, None in an installed wheel."""

    created: str
    versions: Mapping[str, str]
    platform: str
    device: str
    commit: str | None


@dataclass(frozen=True, slots=True)
class HospitalSize:
    """Patients of a hospital in each part of the split."""

    name: str
    train: Count
    validation: Count
    test: Count


@dataclass(frozen=True)
class Digests:
    """SHA-256 of the patients as split and of the code that can change the result."""

    data: Digest
    code: Digest


@dataclass(frozen=True)
class Failure:
    """Why a trial did not end."""

    type: str
    message: str
    traceback: str


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What every record says: which trial, on what, run where. `preprocessing`: bytes that hospitals disclosed before
    it so that all could be prepared alike, by kind."""

    id: Digest
    specification: Specification
    digests: Digests
    provenance: Provenance
    hospitals: tuple[HospitalSize, ...]
    notes: tuple[str, ...]
    preprocessing: Mapping[str, Count]
    schema: Literal[5]

    @property
    def order(self) -> tuple[str, str, int, str]:
        """Where it stands among others: by task, strategy, seed and id."""
        return self.specification.task, self.specification.strategy, self.specification.seed, self.id


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the meters saw of a trial that ended. `numbers` are the counts the strategy used, `outcomes` what the
    protocol decided about each party, by quantity and party."""

    setup: Round
    rounds: Rounds
    gas_functions: tuple[GasRow, ...]
    disclosures: tuple[DisclosureRow, ...]
    facts: Facts
    numbers: Mapping[str, int | float]
    attackers: tuple[str, ...]
    outcomes: Mapping[str, Mapping[str, float]]
    measured: Measured

    @property
    def entries(self) -> tuple[Round, ...]:
        """Set-up and rounds."""
        return (self.setup, *self.rounds)


@dataclass(frozen=True, kw_only=True)
class Completed(Heading, Result):
    """The record of a trial that ended; `predictions` is the SHA-256 of the file with its predictions."""

    predictions: Digest
    status: Literal["completed"] = "completed"


@dataclass(frozen=True, kw_only=True)
class Failed(Heading):
    """The record of a trial that did not."""

    error: Failure
    status: Literal["failed"] = "failed"


Record = Completed | Failed


@cache
def adapter() -> TypeAdapter[Record]:
    """Return what reads, writes and describes records."""
    return TypeAdapter(Annotated[Record, Discriminator("status")], config=STRICT)


@cache
def rounds_adapter() -> TypeAdapter[tuple[Round, ...]]:
    """Return what saves the rounds of a trial that is still running."""
    return TypeAdapter(tuple[Round, ...], config=STRICT)
