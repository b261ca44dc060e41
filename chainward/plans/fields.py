"""The fields of a plan that are tables of their own."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from chainward.engines.local.attacks import Attack


class Strict(BaseModel):
    """Unknown fields are errors, and plans do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Named(BaseModel):
    """A strategy or task by `key`; every other field is a parameter of it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    key: str

    @property
    def params(self) -> dict[str, Any]:
        """The parameters."""
        return dict(self.model_extra or {})


class LedgerPlan(BaseModel):
    """The ledger by `name`; every other field is a parameter of it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str = "evm"
    consensus: str = "poa"

    @property
    def params(self) -> dict[str, Any]:
        """The parameters, consensus among them."""
        return {"consensus": self.consensus, **(self.model_extra or {})}


class FaultPlan(Strict):
    """`absent`: rounds in which a hospital does not answer (empty: all). `delay`: seconds it answers late."""

    absent: dict[str, list[Annotated[int, Field(ge=0)]]] = {}
    delay: dict[str, Annotated[float, Field(ge=0)]] = {}


class AttackPlan(Strict):
    """An attack by `kind`, by a `share` of the hospitals, with a `strength`; "none" is the honest trial."""

    kind: str = "none"
    share: float = 0.3
    strength: Annotated[float, Field(allow_inf_nan=False)] = 1.0

    @property
    def document(self) -> dict[str, Any]:
        """The fields, none for an honest trial."""
        return {} if self.kind == "none" else self.model_dump()

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.kind != "none":
            Attack(**self.model_dump())
        return self


class SpeedPlan(Strict):
    """Assumptions of the time model; see `chainward.world.Speeds`."""

    flops_per_s: Annotated[float, Field(gt=0)] | None = None
    round_trip_s: Annotated[float, Field(ge=0)] | None = None
    bits_per_s: Annotated[float, Field(gt=0)] | None = None
    patience_s: Annotated[float, Field(gt=0)] | None = None
    jitter: Annotated[float, Field(ge=0, le=1)] | None = None


class FlowerPlan(Strict):
    """How a deployment on Flower runs: without TLS and authentication if `insecure`, so long for one exchange."""

    insecure: bool = False
    timeout_s: Annotated[float, Field(gt=0)] | None = None


def _table(field: str) -> BeforeValidator:
    """A bare name stands for a table with this field."""
    return BeforeValidator(lambda value: {field: value} if isinstance(value, str) else value)


Entry = Annotated[Named, _table("key")]
AttackEntry = Annotated[AttackPlan, _table("kind")]
