"""Small trials of DeCAI, and what their chain tells."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
from papers import preparing

from chainward.methods.online_learning import binarised
from chainward.testing import states
from chainward.trials.prepare import Trial

KEY = "decai"
_prepare = preparing(KEY, hospitals=4, rounds=40, patients=40)


def prepared(classifier: str = "perceptron", instalments: int = 3, **others: Any) -> Trial:
    """A trial that adds everybody in three rounds, and ends in as many more as it takes."""
    params = {"classifier": classifier, "instalments": instalments, **others.pop("params", {})}
    return _prepare(params=params, **others)


@cache
def usual(classifier: str = "perceptron") -> tuple[Trial, list[Any]]:
    """A trial that has run, and its states, made once for the tests that only look at them."""
    ready = prepared(classifier)
    return ready, states(ready)


def events(ready: Trial, name: str) -> list[dict[str, Any]]:
    """What its contract's transactions told under this name, in order, each with its block."""
    return [
        {**values, "block": receipt.block}
        for receipt in ready.world.ledger.receipts
        for told, values in receipt.events
        if told == name
    ]


def calls(ready: Trial, function: str) -> Counter[str]:
    """How often each party called a function, refused or not."""
    return Counter(one.sender for one in ready.world.ledger.receipts if one.function == function)


def patients_of(ready: Trial, hospital: str, bins: int = 4) -> Counter[tuple[tuple[int, ...], int]]:
    """A hospital's training patients as they must stand on the chain."""
    (rows,) = (one.train for one in ready.dataset.hospitals if one.name == hospital)
    on = binarised(rows.features, bins)
    return Counter((tuple(row[row >= 0].tolist()), int(label)) for row, label in zip(on, rows.labels, strict=True))


def on_chain(ready: Trial, hospital: str) -> Counter[tuple[tuple[int, ...], int]]:
    """A hospital's patients as they do."""
    return Counter(
        (tuple(one["features"]), one["label"]) for one in events(ready, "Added") if one["submitter"] == hospital
    )


def same(model: Any, learner: Any) -> bool:
    """Whether a state's model is this learner's, to the integer."""
    return all(np.array_equal(column, getattr(learner, name)) for name, column in model.items())
