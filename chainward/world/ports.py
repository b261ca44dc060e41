"""What a world stands on besides its engine: ledgers run contracts, stores keep content; each can be replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chainward.world.vocabulary import Kind


class Network(Protocol):
    """A task's network under a flat float32 weight vector [P].

    `flops_per_row` are those of one prediction, two each time that a weight is used: of a perceptron two a weight, of
    a convolution two a weight and time. Training takes three times as many: forward, and the gradients of the weights
    and of what is between the layers.
    """

    features: int
    parameters: int
    flops_per_row: float

    def initial(self, seed: int) -> npt.NDArray[np.float32]:
        """Return the first weights [P] for a seed."""

    def predict(self, weights: npt.ArrayLike, features: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return probabilities [n] for features [n, d], or [M, n] for stacked weights [M, P]."""


class Objective(Protocol):
    """What a learner of a paper's own minimises: a pure function of one flat float32 vector of weights [P].

    `flops_per_row` are those of one row forward; see `Network`. `learning_rate` is Adam's.
    """

    @property
    def flops_per_row(self) -> float:
        """Operations for one row, forward."""

    @property
    def learning_rate(self) -> float:
        """Adam's step size."""

    def loss(self, weights: Any, features: Any, labels: Any, rng: np.random.Generator) -> Any:
        """Return the mean loss [] of a batch, differentiable in `weights`.

        All are torch tensors: weights [P], features [n, d], labels [n]. What is drawn is drawn from `rng`.
        """


@dataclass(frozen=True)
class Published:
    """One item a party put into the store, and who can read it (`None`: everyone)."""

    kind: Kind
    readers: tuple[str, ...] | None
    size: int


@dataclass(frozen=True)
class Cost:
    """What a local function used: floating-point operations, bytes and round trips to the store, measured seconds.

    `spoiled` is 1 where the answer rests on what an attacker spoiled, which no strategy can see. `hasty` says that the
    answer was there at once, whatever it took. `unreadable` are the parties whose content could not be read.
    """

    flops: float
    fetched: int
    published: tuple[Published, ...]
    trips: int
    seconds: float
    spoiled: int = 0
    hasty: bool = False
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """One transaction: what it called, what it burned (gas), in which block; `floor` is EIP-7623's modelled minimum.

    `inclusion_s` are measured seconds from sending to inclusion, from a ledger that has a node; never compared.
    """

    contract: str
    function: str
    sender: str
    address: str
    gas: int
    floor: int
    size: int
    block: int
    succeeded: bool
    events: Sequence[tuple[str, Mapping[str, Any]]] = ()
    inclusion_s: float | None = field(default=None, compare=False)


class Ledger(Protocol):
    """Runs contracts. Times are seconds on the virtual clock."""

    receipts: list[Receipt]

    def account(self, party: str) -> str:
        """Return the address of a party's account, opening it on first use."""

    def deploy(self, contract: str, arguments: Sequence[Any], sender: str, value: int, at: float) -> Receipt:
        """Create a contract from its compiled artifact."""

    def send(
        self, address: str, function: str, arguments: Sequence[Any], sender: str, value: int, at: float
    ) -> Receipt:
        """Send a transaction; raises `Reverted` with the contract's reason."""

    def call(self, address: str, function: str, arguments: Sequence[Any], sender: str | None, at: float) -> Any:
        """Read from a contract without a transaction."""

    def settled(self, at: float) -> float:
        """Return when everything sent so far is final, not before `at`."""

    def wait(self, blocks: int, at: float) -> float:
        """Return when so many further blocks have been made after `at`."""

    def block(self, at: float) -> int:
        """Return the number of the newest block at `at`."""

    def moment(self, block: int, at: float) -> float:
        """Return when that block will have been made as seen at `at`, infinite where nobody knows."""

    def balance(self, party: str) -> int:
        """Return a party's balance in wei."""

    def snapshot(self) -> Sequence[Any]:
        """Return the log of everything sent, for a checkpoint."""

    def restore(self, log: Iterable[Any]) -> None:
        """Replay a log on a fresh ledger."""

    def close(self) -> None:
        """End whatever the ledger started or holds open."""


class Store(Protocol):
    """Content-addressed storage."""

    def put(self, data: bytes) -> str:
        """Keep `data` and return its CIDv1."""

    def get(self, cid: str) -> bytes:
        """Return what `put` kept under `cid`."""

    def snapshot(self) -> Mapping[str, bytes]:
        """Return what must be saved with a checkpoint, by content id."""

    def restore(self, content: Mapping[str, bytes]) -> None:
        """Put back what `snapshot` returned."""
