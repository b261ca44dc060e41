"""A hospital from inside: how right models are there, what it says of itself, and weights known by their hash."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from chainward.methods.content import content_id, fingerprint
from chainward.world import ContentId, Site, Unreadable, forms, hashed

FEATURES = np.array([[1.0], [2.0], [-1.0], [-2.0]])
LABELS = np.array([1.0, 1.0, 0.0, 1.0])


class OneFeature:
    """A patient has the outcome where weight times feature is positive; each costs a FLOP."""

    parameters = 1
    flops_per_row = 1.0

    def predict(self, weights: Any, features: Any) -> Any:
        return np.where(np.asarray(weights) * features[:, 0] > 0, 0.9, 0.1)


def site(kind: type[Site] = Site) -> Site:
    given: dict[str, Any] = dict.fromkeys(Site.__match_args__[: list(Site.__match_args__).index("_flops")])
    rows = SimpleNamespace(features=FEATURES, labels=LABELS)
    return kind(**given | {"name": "A", "hospitals": ("A", "B"), "train": rows, "network": OneFeature()})


def test_accuracy_of_one_model_and_of_several_on_ones_own_patients() -> None:
    here = site()
    assert here.accuracy(np.ones(1)) == 0.75
    assert here.accuracy(np.array([[1.0], [-1.0], [0.0]])).tolist() == [0.75, 0.25, 0.25]
    assert here.cost(0.0).flops == 4 + 3 * 4


def test_who_lies_in_scores_lies_of_itself() -> None:
    class Boastful(Site):
        def scores(self, scores: Any, lowest: Any, highest: Any) -> dict[str, Any]:
            return dict.fromkeys(scores, highest)

    assert site().says(3, 0, 10) == 3
    assert site(Boastful).says(3, 0, 10) == 10


def test_weights_of_another_hash_or_shape_are_unreadable() -> None:
    weights = np.array([1.0, 2.0], dtype=np.float32)
    form = hashed(fingerprint(weights))
    assert forms.read(weights, form, 2) is weights
    with pytest.raises(Unreadable):
        forms.read(weights + 1, form, 2)
    with pytest.raises(Unreadable):
        forms.read(weights, form, 3)
    with pytest.raises(Unreadable):
        forms.read("?", form, 2)


class Pull:
    """An objective that no torch needs: a trainer that stands in counts what it was given."""

    flops_per_row = 5.0
    learning_rate = 0.1

    def loss(self, weights: Any, features: Any, labels: Any, rng: Any) -> Any:
        raise NotImplementedError


def test_a_learner_of_ones_own_is_trained_for_passes_and_paid_for() -> None:
    given: list[Any] = []

    def trainer(*arguments: Any) -> str:
        given.append(arguments)
        return "trained"

    here = site()
    here.trainer, here.batch_size = trainer, 3
    objective, weights = Pull(), np.ones(2)
    assert here.minimise(objective, FEATURES, LABELS, weights, 2) == "trained"
    ((features, labels, start, steps, size, rng, last),) = given
    assert (features is FEATURES, labels is LABELS, start is weights, rng is here.rng) == (True,) * 4
    assert (steps, size, last) == (4, 3, objective)
    assert here.cost(0.0).flops == 3 * 5 * 2 * 4


def test_no_passes_and_no_rows_leave_the_weights_as_they_are() -> None:
    here, weights = site(), np.ones(2)
    assert here.minimise(Pull(), FEATURES, LABELS, weights, 0) is weights
    assert here.minimise(Pull(), FEATURES[:0], LABELS[:0], weights, 3) is weights
    assert here.cost(0.0).flops == 0


@pytest.mark.parametrize("text", ["b" + 58 * "a", content_id(bytes(32))[:-1] + "b", "?", b"bytes"])
def test_what_only_looks_like_a_content_id_is_unreadable(text: Any) -> None:
    """Whoever wants its digest would end the trial."""
    assert forms.read(content_id(bytes(32)), ContentId) == content_id(bytes(32))
    with pytest.raises(Unreadable):
        forms.read(text, ContentId)
