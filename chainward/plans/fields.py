"""The fields of a plan that are tables of their own."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from chainward.engines.local.attacks import Attack
from chainward.names import quoted
from chainward.tasks.division import DIALS, Partition

# What a plan can ask for at most; more is a slip of the pen, or would never end.
MOST_TRIALS = 1_000_000
MOST_ROUNDS = 100_000
MOST_ENTRIES = 10_000
MOST_PATIENTS = 100_000_000
MOST_SECONDS = 1e9
SEED = range(2**32)

WITHOUT_STRENGTH = ("free_rider",)
"""Attacks that are no stronger with any strength."""

Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS)]
Patience = Annotated[float, Field(gt=0, le=MOST_SECONDS)]
Rate = Annotated[float, Field(gt=0, le=1e24)]
Round = Annotated[int, Field(ge=0, le=MOST_ROUNDS)]
Rounds = Annotated[list[Round], Field(max_length=MOST_ENTRIES)]
ShortText = Annotated[str, Field(max_length=200)]


class Strict(BaseModel):
    """Unknown fields are errors, and plans do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Named(BaseModel):
    """A strategy or task by `key`; every other field is a parameter of it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    key: ShortText

    @property
    def params(self) -> dict[str, Any]:
        """The parameters."""
        return dict(self.model_extra or {})


class LedgerPlan(BaseModel):
    """The ledger by `name`; every other field is a parameter of it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: ShortText = "evm"
    consensus: ShortText = "poa"

    @property
    def params(self) -> dict[str, Any]:
        """The parameters, consensus among them."""
        return {"consensus": self.consensus, **(self.model_extra or {})}


class FaultPlan(Strict):
    """`absent`: rounds in which a hospital does not answer (empty: all). `delay`: seconds it answers late."""

    absent: Annotated[dict[str, Rounds], Field(max_length=MOST_ENTRIES)] = {}
    delay: Annotated[dict[str, Seconds], Field(max_length=MOST_ENTRIES)] = {}


class AttackPlan(Strict):
    """An attack by `kind`, by a `share` of the hospitals, with a `strength`; "none" is the honest trial.

    See `chainward.engines.local.attacks.Attack`.
    """

    kind: ShortText = "none"
    share: float = 0.3
    strength: Annotated[float, Field(ge=-1e9, le=1e9)] = 1.0
    also: Annotated[tuple[ShortText, ...], Field(max_length=MOST_ENTRIES)] = ()
    form: ShortText = ""

    @property
    def document(self) -> dict[str, Any]:
        """The fields, none for an honest trial."""
        told = {name: value for name, value in self.model_dump().items() if value not in ((), "")}
        return {} if self.kind == "none" else told

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.kind != "none":
            Attack(**self.model_dump())
            if self.kind in WITHOUT_STRENGTH and self.strength != 1:
                raise ValueError(f"strength: {self.kind} has none; leave it out")
        elif self.also or self.form:
            raise ValueError("kind: nobody attacks; name a kind beside also or form")
        elif given := self.model_fields_set & {"share", "strength"}:
            raise ValueError(f"{min(given)}: nobody attacks; leave it out, or name a kind")
        return self


class PartitionPlan(Strict):
    """Whose patients are where, by `kind`; see `chainward.tasks.division.Partition`."""

    kind: Literal["natural", "iid", "labels", "quantity", "features", "sample"] = "natural"
    hospitals: Annotated[int, Field(ge=1, le=100_000)] | None = None
    patients: Annotated[int, Field(ge=1, le=MOST_PATIENTS)] | None = None
    concentration: Annotated[float, Field(ge=0, le=1e6)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The fields that differ from what they are anyway."""
        default = asdict(Partition())
        return {name: value for name, value in self.model_dump(exclude_none=True).items() if value != default[name]}

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.kind in ("labels", "quantity") and self.concentration == 0:
            raise ValueError(f"concentration: {self.kind} needs more than 0")
        for name in self.model_dump(exclude_none=True):
            if name != "kind" and name not in DIALS[self.kind]:
                known = ", ".join(DIALS[self.kind]) or "none"
                raise ValueError(f"{name}: {self.kind} has no such field; it has {known}")
        return self


class TrainingPlan(Strict):
    """What is put over each task's own way to train; see `chainward.tasks.base.Training`."""

    network: Literal["mlp", "logistic", "tcn"] | None = None
    hidden: Annotated[int, Field(ge=1, le=MOST_ENTRIES)] | None = None
    learning_rate: Rate | None = None
    batch_size: Annotated[int, Field(ge=1, le=MOST_PATIENTS)] | None = None
    local_steps: Annotated[int, Field(ge=1, le=MOST_ROUNDS)] | None = None


class SpeedPlan(Strict):
    """Assumptions of the time model; see `chainward.world.Speeds`."""

    flops_per_s: Rate | None = None
    round_trip_s: Seconds | None = None
    bits_per_s: Rate | None = None
    patience_s: Patience | None = None
    jitter: Annotated[float, Field(ge=0, le=1)] | None = None


class FlowerPlan(Strict):
    """How a deployment on Flower runs: without TLS and authentication if `insecure`, so long for one exchange."""

    insecure: bool = False
    timeout_s: Patience | None = None


def _table(field: str) -> BeforeValidator:
    """A bare name stands for a table with this field."""
    return BeforeValidator(lambda value: {field: value} if isinstance(value, str) else value)


def _values(seeds: Any) -> Any:
    """A number of seeds stands for as many values, from 0."""
    if type(seeds) is int and 1 <= seeds <= MOST_TRIALS:
        return tuple(range(seeds))
    values = seeds if isinstance(seeds, list | tuple) else ()
    whole = all(type(value) is int and value in SEED for value in values)
    if not (whole and 0 < len(values) == len(set(values)) <= MOST_TRIALS):
        least = f"how many, from 1 to {MOST_TRIALS:,}, or a list of different whole numbers from 0 to {SEED[-1]:,}"
        raise ValueError(f"write {least}, not {quoted(seeds)}")
    return tuple(values)


Seeds = Annotated[tuple[int, ...], BeforeValidator(_values)]
Entry = Annotated[Named, _table("key")]
PartitionEntry = Annotated[PartitionPlan, _table("kind")]
AttackEntry = Annotated[AttackPlan, _table("kind")]
