"""A file of published figures: what is quoted, from where, and what it is said to be of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as typed

from chainward.audit.forks import Name
from chainward.audit.printed import Figure
from chainward.errors import ChainwardError
from chainward.strategy.paper import checked, read

Count = Annotated[int, Field(ge=0, le=10**9)]
Some = Annotated[int, Field(ge=1, le=10**9)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Positive = Annotated[float, Field(gt=0, le=1e12)]

_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


@typed(frozen=True, kw_only=True, config=_STRICT)
class Quote:
    """Where a figure stands, what was printed there, and `reading`: what is taken to be so where it does not say."""

    figure: Text
    quoted: Text
    reading: str = ""


@typed(frozen=True, kw_only=True, config=_STRICT)
class Transaction(Quote):
    """Gas of so many `transactions` together, and what they are said to do at least.

    `calldata` bytes are sent, `nonzero` of them known not to be zero; `new_slots` of storage are set that were zero and
    stay set; `changed_slots` get another value; `logs` events have `topics` and `log_bytes` in all; `creations`
    contracts are made by transactions of their own, with `code_bytes` of code in all.
    """

    gas: Figure
    transactions: Some = 1
    calldata: Count = 0
    nonzero: Count = 0
    new_slots: Count = 0
    changed_slots: Count = 0
    logs: Count = 0
    topics: Count = 0
    log_bytes: Count = 0
    creations: Count = 0
    code_bytes: Count = 0

    def __post_init__(self) -> None:
        """Raises ValueError where parts do not fit together."""
        if self.nonzero > self.calldata:
            raise ValueError(f"nonzero: {self.nonzero:,} of {self.calldata:,} bytes of calldata; give calldata too")
        if self.creations > self.transactions:
            raise ValueError(
                f"creations: {self.creations:,} of {self.transactions:,} transactions; count them there too"
            )
        if self.code_bytes and not self.creations:
            raise ValueError("code_bytes: code of no contract; give creations too")
        if self.topics > 4 * self.logs or (self.log_bytes and not self.logs):
            raise ValueError("logs: too few for their topics, of which each has four at most, or for log_bytes")


@typed(frozen=True, kw_only=True, config=_STRICT)
class Throughput(Quote):
    """Transactions a second, each of `gas` at least."""

    per_second: Figure
    gas: Some = 21_000


@typed(frozen=True, kw_only=True, config=_STRICT)
class Fee(Quote):
    """A price: `gas` times `gwei` is `ether`, and that times `ether_usd` is `usd`; whatever is printed of them."""

    gas: Figure | None = None
    gwei: Figure | None = None
    ether: Figure | None = None
    usd: Figure | None = None
    ether_usd: Figure | None = None

    def __post_init__(self) -> None:
        """Raises ValueError where nothing is to be compared."""
        if self.ether is None and None in (self.gas, self.gwei, self.usd, self.ether_usd):
            raise ValueError("ether: missing; without it give gas, gwei, ether_usd and usd")
        if self.gwei is not None and self.gwei.low <= 0:
            raise ValueError(f"gwei: {self.gwei} is no price; leave out what is not printed")


@typed(frozen=True, kw_only=True, config=_STRICT)
class Classifier(Quote):
    """What one threshold came to on `patients`, of whom `positives` have the outcome, over so many `runs`.

    With one run the figures are of one table of two classes; with more they are means over runs of as many patients.
    """

    accuracy: Figure | None = None
    sensitivity: Figure | None = None
    specificity: Figure | None = None
    ppv: Figure | None = None
    npv: Figure | None = None
    f1: Figure | None = None
    patients: Some | None = None
    positives: Count | None = None
    runs: Some = 1

    def __post_init__(self) -> None:
        """Raises ValueError where more are positive than there are, or no figure is given."""
        if self.positives is not None and (self.patients is None or self.positives > self.patients):
            raise ValueError(f"positives: {self.positives:,} of {self.patients or 0:,} patients; give patients too")
        if not any((self.accuracy, self.sensitivity, self.specificity, self.ppv, self.npv, self.f1)):
            raise ValueError("accuracy: missing, and so is every other figure; give one")


@typed(frozen=True, kw_only=True, config=_STRICT)
class Interval(Quote):
    """An accuracy, or any other share, of `patients`, or an AUROC of `positives` and `negatives`, with its interval."""

    of: Literal["share", "auroc"]
    value: Figure
    low: Figure | None = None
    high: Figure | None = None
    patients: Some | None = None
    positives: Some | None = None
    negatives: Some | None = None

    def __post_init__(self) -> None:
        """Raises ValueError where one bound is given without the other."""
        if (self.low is None) is not (self.high is None):
            raise ValueError("low and high: one is missing; give both or none")


@typed(frozen=True, kw_only=True, config=_STRICT)
class Training(Quote):
    """Accuracy on the patients trained on and on others, and how many each are."""

    training: Figure
    test: Figure
    training_patients: Some | None = None
    test_patients: Some | None = None


@typed(frozen=True, kw_only=True, config=_STRICT)
class Chain:
    """The rules that gas is charged by, and blocks: of Ethereum's main net where nothing is said."""

    fork: Name = "london"
    block_gas_limit: Some | None = None
    block_time_s: Positive | None = None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The published figures of one paper; `tier` is the evidence that they are printed so, as on cards."""

    title: Text
    where: Text
    tier: Literal["T1", "T1x", "T2", "T3"]
    note: str = ""
    chain: Chain = Chain()  # noqa: RUF009  # frozen
    transaction: tuple[Transaction, ...] = ()
    throughput: tuple[Throughput, ...] = ()
    fee: tuple[Fee, ...] = ()
    classifier: tuple[Classifier, ...] = ()
    interval: tuple[Interval, ...] = ()
    training: tuple[Training, ...] = ()


def open_figures(path: Path) -> Figures:
    """Return the published figures in a TOML file.

    Raises:
        ChainwardError: it cannot be read, a field is missing, unknown or wrong, or it has no figure at all; the
            message names file and field.
    """
    found = checked(Figures, read(path), path.name)
    if not any((found.transaction, found.throughput, found.fee, found.classifier, found.interval, found.training)):
        raise ChainwardError(f"{path.name}: no figure; write one as [[transaction]], [[classifier]], ...")
    return found
