"""Small trials of patient-specific retraining, and a site that stands in for one, for its tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from papers import module, preparing

from chainward.methods.autoencoder import squashed
from chainward.testing import varied
from chainward.trials.predict import model_of
from chainward.trials.prepare import Trial
from chainward.world import Memory, Site

KEY = "chain_retraining"
prepared = preparing(KEY, hospitals=4, rounds=6, patients=100)
FOUR = tuple(f"hospital {number}" for number in range(1, 5))


def models(ready: Trial, state: Any) -> dict[str, np.ndarray]:
    """Each site's model."""
    return dict(model_of(ready, state))


def played(ready: Trial) -> tuple[dict[str, np.ndarray], list[Any]]:
    """Each site's model when the trial has opened, which is gone later, and all states."""
    found = [ready.strategy.open(ready.world)]
    before = models(ready, found[0])
    while len(found) <= ready.specification.rounds and not ready.strategy.finished(found[-1]):
        ready.world.begin(len(found))
        found.append(ready.strategy.round(found[-1], ready.world))
    return before, found


def alike(ready: Trial, state: Any, before: Mapping[str, np.ndarray]) -> set[str]:
    """The sites whose model is bit for bit what it was."""
    return {name for name, own in models(ready, state).items() if own.tobytes() == before[name].tobytes()}


def functions(ready: Trial) -> list[str]:
    """What was called on chain and not refused, in order."""
    return [receipt.function for receipt in ready.world.ledger.receipts if receipt.succeeded]


def spied(ready: Trial, query: str) -> list[Any]:
    """Who is asked something, from now on."""
    asked: list[Any] = []
    ask = ready.world.ask

    def spy(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        if what.name == query:
            asked.append(who if isinstance(who, str) else tuple(who))
        return ask(who, what, *arguments, **others)

    ready.world.ask = spy  # type: ignore[method-assign]
    return asked


def retraining_by(change: Callable[[Site, np.ndarray], np.ndarray], **others: Any) -> Trial:
    """A trial whose classifier gives out other weights than it trained."""
    kind = module(KEY).ChainRetraining

    def retrain(self: Any, site: Site, memory: Memory, task: Any) -> Any:
        class Changed:
            def __getattr__(self, name: str) -> Any:
                return getattr(site, name)

            def minimise(self, *arguments: Any) -> Any:
                return change(site, site.minimise(*arguments))

        return kind._retrain(self, Changed(), memory, task)

    return prepared(strategy=varied(KEY, others.pop("params", None), _retrain=retrain), **others)


class Patient:
    """A site from inside, without a world: what it puts into the store is kept in `stored`."""

    def __init__(self, features: np.ndarray, weights: np.ndarray) -> None:
        self.name, self.train = "patient", _Rows(features, (features[:, 0] > 0).astype(np.float32))
        self.weights, self.rng = weights, np.random.default_rng(0)
        self.stored: list[Mapping[str, np.ndarray]] = []

    def read(self, published: Any, form: Any, *, sealed: bool = False) -> dict[str, Any]:
        return dict.fromkeys(published, self.weights)

    def publish(self, value: Any, kind: Any, readers: Any = None) -> str:
        assert readers == (self.name,), "somebody else could read it"
        self.stored.append(value)
        return str(len(self.stored))

    def work(self, flops: float) -> None:
        pass


class _Rows:
    def __init__(self, features: np.ndarray, labels: np.ndarray) -> None:
        self.features, self.labels = features, labels

    def __len__(self) -> int:
        return len(self.labels)


def numbered(count: int) -> np.ndarray:
    """Features [n, 2], the second of which is the row's number."""
    return np.stack([np.sin(np.arange(count)), np.arange(count)], axis=1).astype(np.float32)


def probability(strategy: Any, weights: np.ndarray, features: np.ndarray) -> np.ndarray:
    return strategy._classifier(features.shape[1]).predict(weights, squashed(features))
