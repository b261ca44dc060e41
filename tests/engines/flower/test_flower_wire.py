from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from engine_runs import prepared

from chainward.engines.flower.hospital import Place, held, places, settings_of
from chainward.engines.flower.store import DirectoryStore
from chainward.engines.flower.wire import Question, answer_document, answer_of, dumps, loads
from chainward.errors import ChainwardError
from chainward.ledgers.store import MemoryStore
from chainward.strategy import discovery
from chainward.world import (
    ACCURACY,
    FIT,
    PUBLISH,
    Answer,
    Cost,
    Held,
    Kind,
    Passes,
    Published,
    Query,
    Unreadable,
    Update,
)
from chainward.world.forms import read


@pytest.mark.parametrize(
    "value",
    [
        None,
        (),
        {},
        {"long name": 1, "b": (2.5, b"x", "y"), "a": {"z": None, "c": True}},
        Held("weights", owner="Hungary"),
        Passes(Held("weights"), 16),
        {("a", 1): [1, 2]},
    ],
)
def test_values_come_back(value: Any) -> None:
    again = loads(dumps(value))
    expected = {("a", 1): (1, 2)} if value == {("a", 1): [1, 2]} else value
    assert again == expected
    if isinstance(value, dict):
        assert list(again) == list(value)


def test_updates_come_back_as_updates() -> None:
    update = Update(np.arange(3, dtype=np.float32), 7, 0.5)
    again = loads(dumps({"Hungary": update}))["Hungary"]
    assert isinstance(again, Update)
    np.testing.assert_array_equal(again.weights, update.weights)
    assert (again.samples, again.loss) == (7, 0.5)


def test_answers_come_back() -> None:
    answer = Answer(
        (1, "x"), Cost(2.0, 3, (Published(Kind.UPDATE, ("a", "b"), 4), Published(Kind.SCORES, None, 5)), 6, 0.7)
    )
    assert answer_of(dumps(answer_document(answer))) == answer
    marked = replace(answer, cost=replace(answer.cost, hasty=True, unreadable=("a", "b")))
    assert answer_of(dumps(answer_document(marked))) == marked
    assert answer_of(dumps(answer_document(None))) is None


SOUND = (1.0, 0, (), 0, 0.5, 0, False, ())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        dumps(7),
        dumps("text"),
        dumps((1, 2)),
        dumps((1, math.nan, *SOUND[1:])),
        dumps((1, -1.0, *SOUND[1:])),
        dumps((1, "fast", *SOUND[1:])),
        dumps((1, 1.0, -(10**12), *SOUND[2:])),
        dumps((1, *SOUND[:2], (("gossip", None, 3),), *SOUND[3:])),
        dumps((1, *SOUND[:4], math.nan, *SOUND[5:])),
        dumps((1, *SOUND[:7], 5)),
    ],
)
def test_what_a_hospital_makes_up_is_an_answer_that_nobody_can_read(data: bytes) -> None:
    answer = answer_of(data)
    assert answer is not None
    assert answer.cost == Cost(0.0, 0, (), 0, 0.0)
    for form in (Any, int, Update, dict[str, int]):
        with pytest.raises(Unreadable):
            read(answer.value, form)
    assert answer_of(dumps((1, *SOUND))) == Answer(1, Cost(*SOUND))


@pytest.mark.parametrize("key", ["bflc", "blockflow", "explorer_chain", "local_only", "pooled"])
def test_built_in_queries_are_found_at_a_hospital(key: str) -> None:
    strategy = discovery.build(key, {})
    for query in (FIT, ACCURACY, FIT.then(PUBLISH)):
        steps, label, payload = loads(Question.of(query, "1/fit/1", (1,)).bytes())
        assert (label, payload) == ("1/fit/1", (1,))
        found = Question(steps, label, payload).query(strategy).steps
        assert [(step.name, step.kind, step.local) for step in found] == [
            (step.name, step.kind, step.local) for step in query.steps
        ]  # the form of a reply is the reader's business and stays there


def test_methods_and_functions_of_a_paper_are_found_at_a_hospital() -> None:
    strategy = discovery.build("blockflow", {"epsilon": 2.0})
    query = FIT.then(Query("encrypt", Kind.CONTROL, strategy.encrypt))
    there = discovery.build("blockflow", {"epsilon": 2.0})
    found = Question.of(query, "", None).query(there)
    assert found.steps[1].local == there.encrypt
    assert (found.name, found.replies) == (query.name, query.replies)


def _stranger(site: Any, memory: Any, payload: Any) -> Any:
    return payload, memory


@pytest.mark.parametrize(
    "where",
    ["os:system", "builtins:eval", "chainward.strategy:field", "reimplementations.bflc:weighted_mean", "nothing"],
)
def test_hospital_runs_nothing_but_the_papers_own_functions(where: str) -> None:
    question = Question((("steal", Kind.CONTROL.value, where),), "", None)
    with pytest.raises(ChainwardError, match="no local function"):
        question.query(discovery.build("bflc", {}))


def test_function_of_another_file_is_refused_by_name() -> None:
    question = Question.of(Query("stranger", Kind.CONTROL, _stranger), "", None)
    with pytest.raises(ChainwardError, match="_stranger"):
        question.query(discovery.build("bflc", {}))


def test_directory_store_gives_the_ids_of_the_one_in_memory(tmp_path: Any) -> None:
    store = DirectoryStore(tmp_path / "store")
    cid = store.put(b"content")
    assert cid == MemoryStore().put(b"content")
    assert DirectoryStore(tmp_path / "store").get(cid) == b"content"
    assert store.snapshot() == {cid: b"content"}


@pytest.mark.parametrize("cid", ["nothing", "../secret", ""])
def test_directory_store_has_only_what_was_put(tmp_path: Any, cid: str) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    with pytest.raises(ChainwardError, match="nothing is stored"):
        DirectoryStore(tmp_path / "store").get(cid)


def test_directory_store_refuses_changed_content(tmp_path: Any) -> None:
    store = DirectoryStore(tmp_path)
    cid = store.put(b"content")
    (tmp_path / cid).write_bytes(b"other")
    with pytest.raises(ChainwardError, match="not what was put"):
        store.get(cid)


def test_hospital_shows_models_and_no_secrets(tmp_path: Any) -> None:
    ready = prepared("local_only", "cohort")
    sites = ready.world.engine.sites
    place = places(tmp_path, sites.training_rows, sites.held_out)[ready.world.hospitals[0]]
    settings = settings_of(sites, ready.strategy).text()
    weights = np.ones(ready.network.parameters, dtype=np.float32)
    place.remember({"weights": weights, "secrets": {"Hungary": (b"salt", 1)}, "update": Update(weights, 1, 0.0)})
    np.testing.assert_array_equal(held(place, settings, "weights"), weights)
    np.testing.assert_array_equal(held(place, settings, "nothing"), ready.world.initial_weights())
    with pytest.raises(ChainwardError, match="no model"):
        held(place, settings, "secrets")
    assert isinstance((place.memory() or {})["update"], Update)
    assert Place(place.directory, place.store, "-2").memory() is None  # another run begins with nothing


def test_a_paper_says_what_is_a_model_of_its_own(tmp_path: Any) -> None:
    ready = prepared("local_logistic", "cohort")
    sites = ready.world.engine.sites
    place = places(tmp_path, sites.training_rows, sites.held_out)[ready.world.hospitals[0]]
    settings = settings_of(sites, ready.strategy).text()
    place.remember({"coefficients": np.ones(5), "records": np.ones((3, 5))})
    np.testing.assert_array_equal(held(place, settings, "coefficients"), np.ones(5))
    for name in ("records", "nothing"):
        with pytest.raises(ChainwardError, match="no model"):
            held(place, settings, name)
