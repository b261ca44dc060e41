"""What strategies say they need holds: with it a trial runs, and without it a plan is refused before anything does."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chainward.errors import ChainwardError
from chainward.methods import expectation_propagation, groth16, newton
from chainward.plans import effects
from chainward.plans.file import read
from chainward.plans.resolve import resolve
from chainward.plans.specification import Specification
from chainward.strategy import discovery
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.prepare import prepared
from chainward.trials.run import run_trial

NAMES = tuple(discovery.keys())

# What takes a federation of its own to need: parameters, hospitals, whether it can run.
TINY: dict[str, tuple[str, dict[str, Any], int, bool]] = {
    "a committee and nobody else": ("bflc", {}, 1, False),
    "a committee of one": ("bflc", {}, 2, True),
    "a committee of all": ("bflc", {"committee_size": 3}, 3, False),
    "more updates than trainers": ("bflc", {"committee_size": 1, "updates_wanted": 3}, 3, False),
    "as many updates as trainers": ("bflc", {"committee_size": 1, "updates_wanted": 2}, 3, True),
    "more merged than wanted": ("bflc", {"updates_wanted": 1, "updates_merged": 2}, 3, False),
    "a peer alone": ("biscotti", {}, 1, False),
    "two peers": ("biscotti", {}, 2, True),
    "as many aggregators as peers": ("biscotti", {"aggregators": 3}, 3, False),
    "as many verifiers as peers": ("biscotti", {"verifiers": 3}, 3, False),
    "more peers than nodes": ("swarm_learning", {"min_peers": 3}, 2, False),
    "all nodes": ("swarm_learning", {"min_peers": 2}, 2, True),
    "more shares than parties": ("deepchain", {"threshold": 3}, 2, False),
    "all shares": ("deepchain", {"threshold": 2}, 2, True),
    "one node for Flower": ("flwr:FedAvg", {}, 1, False),
    "two nodes for Flower": ("flwr:FedAvg", {}, 2, True),
    "one node that is enough": (
        "flwr:FedAvg",
        {"min_train_nodes": 1, "min_evaluate_nodes": 1, "min_available_nodes": 1},
        1,
        True,
    ),
}


def run(specification: Specification) -> None:
    """Run a trial in this process; whatever it raises is raised."""
    resolved = resolve(specification)
    dataset = resolved.task.dataset(0, specification.division)
    with closing(prepared(resolved, dataset, "cpu")) as trial:
        run_trial(trial, Checkpoint(None))


@pytest.mark.parametrize("case", TINY)
def test_it_runs_exactly_where_its_needs_are_met(case: str, tmp_path: Path) -> None:
    key, params, hospitals, runs = TINY[case]
    if key.startswith("flwr:"):
        pytest.importorskip("flwr", reason="needs the flower extra: pip install 'chainward[flower]'")
    entry = ", ".join([f'key = "{key}"', *(f"{name} = {value}" for name, value in params.items())])
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f"strategies = [{{{entry}}}]\nseeds = 1\nrounds = 1\n"
        f'tasks = [{{key = "synthetic", hospitals = {hospitals}, patients = 40}}]\n'
    )
    params = {**discovery.load(key).quick, **params}
    specification = Specification(key, "synthetic", 0, 1, params, {"hospitals": hospitals, "patients": 40})
    if runs:
        assert read(plan, {}).trials == 1
        run(specification)
        return
    with pytest.raises(ChainwardError, match=rf"strategy {key}: cannot run on task synthetic: it needs "):
        read(plan, {})
    with pytest.raises(Exception):  # noqa: B017, PT011
        run(specification)


@pytest.mark.parametrize("hospitals", [1, 2, 3, 4, 5, 6, 10, 20, 100, 466])
@pytest.mark.parametrize("key", NAMES)
def test_every_need_can_be_told_and_as_it_is_a_strategy_runs_from_two_hospitals_on(key: str, hospitals: int) -> None:
    told = effects.unmet(discovery.build(key, {}), hospitals, features=30)
    assert (told != "") == (hospitals == 1 and key in ("bflc", "biscotti")), told


def test_learners_take_as_many_features_as_their_methods() -> None:
    most = {
        "glore_chain": newton.MOST_FEATURES,
        "glore_pooled": newton.MOST_FEATURES,
        "explorer_chain": expectation_propagation.MOST_FEATURES,
        "explorer_pooled": expectation_propagation.MOST_FEATURES,
        "verifiable_fl": groth16.MOST_PUBLICS // 2 - 2,
    }
    for key, features in most.items():
        strategy = discovery.build(key, {})
        assert effects.unmet(strategy, 20, features) == ""
        assert f"features is {features + 1}" in effects.unmet(strategy, 20, features + 1)
    groth16.need_few(2 + 2 * (most["verifiable_fl"] + 1))


def test_a_paper_whose_counts_cannot_be_made_is_refused() -> None:
    kind = discovery.load("bflc")

    class Odd(kind):  # type: ignore[misc, valid-type]
        card = replace(kind.card, key="odd")

        def numbers(self, hospitals: int) -> dict[str, float]:
            return {"share": 1 / (hospitals - 1)}

    assert effects.unmet(Odd(), 1, 30) == "with 1 hospitals it has no counts: division by zero"
