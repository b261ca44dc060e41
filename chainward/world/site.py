"""A party seen from inside: its records, its keys, its view of the store, and what its work costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chainward import codec
from chainward.methods.encryption import KeyPair, seal_for, unseal
from chainward.world import forms
from chainward.world.ports import Cost, Network, Objective, Published, Store
from chainward.world.vocabulary import Kind

Trainer = Callable[..., Any]
"""(features, labels, weights, steps, batch size, rng) -> weights; an `Objective` may follow, in the task's place."""


class Rows(Protocol):
    """Patients: features [n, d], labels [n]."""

    @property
    def features(self) -> npt.NDArray[Any]:
        """Features [n, d]."""

    @property
    def labels(self) -> npt.NDArray[Any]:
        """Labels [n], 0 or 1."""

    def __len__(self) -> int: ...


@dataclass
class Site:
    """What a local function may use. Everything it spends is added up in `cost`.

    `held_out` are a hospital's own validation patients, whom it never trains on: one in ten of what is not tested, and
    nobody at a small one or at a party that is no hospital.

    `rng` is seeded by (seed, party, occasion), so every engine draws the same. `keys` are the public keys of all
    parties; `key` is this party's own pair.
    """

    name: str
    hospitals: tuple[str, ...]
    train: Rows
    held_out: Rows
    network: Network
    rng: np.random.Generator
    store: Store
    key: KeyPair
    keys: Mapping[str, bytes]
    trainer: Trainer
    local_steps: int
    batch_size: int
    _flops: float = 0.0
    _fetched: int = 0
    _trips: int = 0
    _published: list[Published] = field(default_factory=list)
    _unreadable: list[str] = field(default_factory=list)

    def predict(self, weights: npt.ArrayLike, features: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Probabilities of the task's network: [n] for weights [P], [M, n] for [M, P]; see `Network.flops_per_row`."""
        models = int(np.prod(np.shape(weights)[:-1]))
        self.work(self.network.flops_per_row * len(features) * models)
        return self.network.predict(weights, features)

    def accuracy(self, weights: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Accuracy on this party's own training patients: [] for weights [P], [M] for [M, P]."""
        return self._accuracy(weights, self.train)

    def held_out_accuracy(self, weights: npt.ArrayLike) -> npt.NDArray[np.float64] | None:
        """Accuracy on this party's held-out patients: [] for weights [P], [M] for [M, P]; None where it has none."""
        return self._accuracy(weights, self.held_out) if len(self.held_out) else None

    def _accuracy(self, weights: npt.ArrayLike, rows: Rows) -> npt.NDArray[np.float64]:
        right = (self.predict(weights, rows.features) >= 0.5) == (rows.labels > 0.5)
        return np.asarray(right.mean(axis=-1))

    def train_network(self, features: Any, labels: Any, weights: Any, batch_factor: int = 1) -> Any:
        """Train the task's network here, on rows of one's own choice, by a `pytorch_lightning.Trainer`.

        It takes the task's local steps, on batches `batch_factor` times as large as the task's (three times the
        FLOPs of predicting their rows), from weights [P], and returns weights [P].
        """
        steps, size = self.local_steps, self.batch_size * batch_factor
        epochs, rest = divmod(steps, math.ceil(len(labels) / size))
        self.work(3.0 * self.network.flops_per_row * (epochs * len(labels) + min(rest * size, len(labels))))
        return self.trainer(features, labels, weights, steps, size, self.rng)

    def minimise(self, objective: Objective, features: Any, labels: Any, weights: Any, passes: int) -> Any:
        """Train a learner of a paper's own here by a `pytorch_lightning.Trainer`, from weights [P] to weights [P].

        It passes so often over rows of one's own choice, shuffled, in batches of the task's size.
        """
        if not passes or not len(labels):
            return weights
        self.work(3.0 * objective.flops_per_row * passes * len(labels))
        steps = passes * math.ceil(len(labels) / self.batch_size)
        return self.trainer(features, labels, weights, steps, self.batch_size, self.rng, objective)

    def publish(self, value: Any, kind: Kind, readers: tuple[str, ...] | None = None) -> str:
        """Put `value` into the store, encrypted for `readers` (`None`: in the clear), and return its content id."""
        data = codec.encode(value)
        if readers is not None:
            data = seal_for(data, {reader: self.keys[reader] for reader in readers}, self.key, self.rng)
        self._published.append(Published(kind, readers, len(data)))
        self._trips += 1
        return self.store.put(data)

    def read(self, published: Mapping[str, str], form: Any, *, sealed: bool = False) -> dict[str, Any]:
        """Get what parties published, by party and content id, all at once; `sealed` if it was encrypted for this one.

        Returns what can be read and has the form; of the others the record tells who they are.
        """
        self._trips += bool(published)
        return self._readable(published, lambda owner, cid: self._decoded(owner, cid, form, sealed))

    def checked(self, received: Mapping[str, Any], form: Any) -> dict[str, Any]:
        """Return what has the form of what parties sent; of the others the record tells who they are."""
        return self._readable(received, lambda _, value: forms.read(value, form, self.network.parameters))

    def scores(self, scores: Mapping[str, Any], lowest: Any, highest: Any) -> dict[str, Any]:
        """Return what this party says of others (or of itself): its scores, which lie from `lowest` to `highest`.

        Whoever lies does it here.
        """
        return dict(scores)

    def says(self, value: Any, lowest: Any, highest: Any) -> Any:
        """Return what this party says of itself, its own score, from `lowest` to `highest`."""
        return self.scores({self.name: value}, lowest, highest)[self.name]

    def _readable(self, given: Mapping[str, Any], reading: Callable[[str, Any], Any]) -> dict[str, Any]:
        found, unreadable = forms.readable(given, reading)
        self._unreadable += unreadable
        return found

    def _decoded(self, owner: str, cid: str, form: Any, sealed: bool) -> Any:
        def get() -> bytes:
            data = self.store.get(cid)
            self._fetched += len(data)
            return unseal(data, self.name, self.keys[owner], self.key) if sealed else data

        return forms.decoded(get, form, self.network.parameters)

    def work(self, flops: float) -> None:
        """Add modelled floating-point operations of a paper's own computation."""
        self._flops += flops

    def cost(self, seconds: float) -> Cost:
        """Return what was spent so far, with the measured `seconds`."""
        unreadable = tuple(dict.fromkeys(self._unreadable))
        return Cost(self._flops, self._fetched, tuple(self._published), self._trips, seconds, unreadable=unreadable)
